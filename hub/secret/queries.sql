-- name: List :many
-- With who has read it last; attempt 0: nobody.
select s.name, s.version, s.created_at, s.updated_at, s.updated_by,
    coalesce(r.run_id, '00000000-0000-0000-0000-000000000000')::uuid as run_id, coalesce(r.attempt, 0)::int as attempt,
    coalesce(r.job_name, '')::text as job_name, coalesce(r.last_at, s.created_at)::timestamptz as last_at
from secrets s
left join lateral (
    select x.run_id, x.attempt, x.job_name, x.last_at from secret_reads x
    where x.project_id = s.project_id and x.name = s.name
    order by x.last_at desc
    limit 1
) r on true
where s.project_id = @project_id and s.name > @after
order by s.name
limit @n;

-- name: Lock :one
select version from secrets where project_id = $1 and name = $2 for update;

-- name: Insert :execrows
-- Nothing happens when somebody else has just made it, or when there are too many.
insert into secrets (project_id, name, id, sealed, updated_by)
select @project_id, @name, @id, @sealed, @updated_by
where (select count(*) from secrets s where s.project_id = @project_id) < @most::bigint
on conflict (project_id, name) do nothing;

-- name: Update :exec
update secrets
set id = @id, sealed = @sealed, version = version + 1, updated_at = now(), updated_by = @updated_by
where project_id = @project_id and name = @name;

-- name: Sealed :one
select id, sealed, version from secrets where project_id = $1 and name = $2;

-- name: Delete :execrows
delete from secrets where project_id = $1 and name = $2;

-- name: NoteRead :exec
insert into secret_reads (project_id, name, run_id, attempt, job_name, version)
values (@project_id, @name, @run_id, @attempt, @job_name, @version)
on conflict (project_id, name, run_id, attempt) do update
set reads = secret_reads.reads + 1, last_at = now(), version = excluded.version;

-- name: ForgetReads :execrows
delete from secret_reads r
using (select x.project_id, x.name, x.run_id, x.attempt from secret_reads x where x.last_at < now() - make_interval(secs => @age_s::float8) limit @n) old
where r.project_id = old.project_id and r.name = old.name and r.run_id = old.run_id and r.attempt = old.attempt;
