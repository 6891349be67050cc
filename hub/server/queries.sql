-- name: AddServer :one
insert into servers (id, project_id, name, host, port, username, credential, sealed_credential, public_key, expected_key, jump_id, via, created_by)
values (@id, @project_id, @name, @host, @port, @username, @credential, @sealed_credential, @public_key, @expected_key, sqlc.narg(jump_id)::uuid, @via, @created_by)
returning created_at;

-- name: Servers :many
select * from servers s
where s.project_id = @project_id and s.name > @after and (s.archived_at is not null) = @archived::boolean
order by s.name limit @n;

-- name: ServerByName :one
select * from servers where project_id = $1 and name = $2;

-- name: ServerNames :many
select id, name from servers where id = any (@ids::uuid[]);

-- name: LockServer :one
select * from servers where project_id = $1 and name = $2 for update;

-- name: LockServerByID :one
select * from servers where id = $1 for update;

-- name: LockProject :exec
-- Changes of ways happen one after the other, so that two of them cannot make a circle.
select pg_advisory_xact_lock(hashtextextended('servers|' || @project_id::text, 0));

-- name: Ways :many
-- The named servers and all that lie on the way to them.
with recursive asked as (
    select unnest(@project_ids::uuid[]) as project_id, unnest(@names::text[]) as name
), way as (
    select s.id, s.jump_id, 0 as depth from servers s join asked a on a.project_id = s.project_id and a.name = s.name
    union
    select j.id, j.jump_id, w.depth + 1 from way w join servers j on j.id = w.jump_id where w.depth < 8
)
select s.* from servers s where s.id in (select w.id from way w);

-- name: Below :one
-- How many steps away the farthest server is that is reached through this one.
with recursive below as (
    select s.id, 0 as depth from servers s where s.id = $1
    union
    select o.id, b.depth + 1 from below b join servers o on o.jump_id = b.id where b.depth < 8
)
select coalesce(max(b.depth), 0)::int from below b;

-- name: JumpedThrough :many
select name from servers where jump_id = $1 and archived_at is null order by name limit 1000;

-- name: EditServer :exec
update servers
set host = @host, port = @port, username = @username, credential = @credential, credential_version = @credential_version,
    sealed_credential = @sealed_credential, public_key = @public_key, jump_id = sqlc.narg(jump_id)::uuid, via = @via,
    health = @health, checks = '[]', checked_at = null, checked_by = '', revision = revision + 1, updated_at = now(),
    next_check_at = case when host_key is null then null else now() end
where id = @id;

-- name: Trust :exec
update servers
set host_key = @host_key::bytea, confirmed_at = now(), confirmed_by = @confirmed_by, offered_key = null, offered_at = null,
    expected_key = '', health = 'unknown', revision = revision + 1, updated_at = now(), next_check_at = now()
where id = @id;

-- name: Archive :exec
update servers
set archived_at = now(), archived_by = @archived_by, purge_after = now() + make_interval(secs => @keep_s::float8),
    credential = 'none', sealed_credential = null, public_key = '', health = 'unknown', next_check_at = null,
    revision = revision + 1, updated_at = now()
where id = @id;

-- name: Restore :exec
update servers
set archived_at = null, archived_by = '', purge_after = null, credential = @credential, credential_version = credential_version + 1,
    sealed_credential = @sealed_credential, public_key = @public_key, revision = revision + 1, updated_at = now(),
    next_check_at = case when host_key is null then null else now() end
where id = @id;

-- name: Remove :execrows
delete from servers s
where s.id = @id and not exists (select 1 from servers o where o.jump_id = s.id);

-- name: Purge :many
-- What another server is reached through stays until that one is gone.
delete from servers s
where s.purge_after < now() and not exists (select 1 from servers o where o.jump_id = s.id)
returning s.id, s.name;

-- name: Record :exec
update servers
set checks = @checks, facts = case when @facts::jsonb = '{}'::jsonb then facts else @facts::jsonb end,
    health = @health, checked_at = now(), checked_by = @checked_by,
    offered_key = @offered_key, offered_at = case when @offered_key::bytea is null then null else now() end,
    next_check_at = case when host_key is null then null
        else now() + make_interval(secs => @every_s::float8) end
where id = @id;

-- name: AskSoon :execrows
update servers set next_check_at = now() where id = $1 and archived_at is null;

-- name: ClaimDue :many
-- Those that an agent of the caller may reach. Whoever claims one and dies has put
-- it off by one interval.
with agents as (
    select unnest(@project_ids::uuid[]) as project_id, unnest(@labels::jsonb[]) as labels
), due as (
    select s.id from servers s
    where s.next_check_at <= now() and s.archived_at is null
      and exists (select 1 from agents a where a.project_id = s.project_id and s.via <@ a.labels)
    order by s.next_check_at
    limit @n
    for update skip locked
)
update servers s set next_check_at = now() + make_interval(secs => @every_s::float8)
from due d where s.id = d.id
returning s.project_id, s.name;
