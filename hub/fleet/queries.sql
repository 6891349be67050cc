-- name: AddAuthority :exec
insert into certificate_authorities (id, kind, certificate, sealed_key) values (@id, @kind, @certificate, @sealed_key)
on conflict (kind) do nothing;

-- name: Authority :one
select certificate, sealed_key from certificate_authorities where kind = $1;

-- name: AddSigningKey :exec
insert into signing_keys (public_key, sealed_key) values ($1, $2)
on conflict do nothing;

-- name: SigningKey :one
select public_key, sealed_key from signing_keys where retired_at is null;

-- name: AddJoinToken :one
insert into join_tokens (id, project_id, secret_sha256, labels, name, max_uses, expires_at, created_by)
values (@id, @project_id, @secret_sha256, @labels, @name, @max_uses, now() + make_interval(secs => @ttl_s::float8), sqlc.narg(created_by)::uuid)
returning expires_at;

-- name: UseJoinToken :one
update join_tokens set uses = uses + 1
where id = $1 and secret_sha256 = $2 and uses < max_uses and expires_at > now()
returning project_id, labels, name;

-- name: JoinTokenState :one
select (uses >= max_uses)::boolean as used, (expires_at <= now())::boolean as expired, expires_at
from join_tokens where id = $1 and secret_sha256 = $2;

-- name: PruneJoinTokens :exec
delete from join_tokens where expires_at < now() - interval '7 days';

-- name: NamesLike :many
-- The names in use that are the wish, or the wish and a number.
select name from agents
where project_id = @project_id and revoked_at is null and (name = @wish::text or name ~ ('^' || @wish::text || '-[0-9]+$'));

-- name: AddAgent :exec
insert into agents (id, project_id, name, labels, token_labels, facts)
values (@id, @project_id, @name, @labels, @token_labels, @facts);

-- name: AddCertificate :exec
insert into agent_certificates (serial, agent_id, spki_sha256, generation, not_after)
values (@serial, @agent_id, @spki_sha256, @generation, @not_after);

-- name: LockAgent :one
select id, project_id, name, token_labels, journal_id, machine_id, boot_id, epoch, hub_id, last_seen_at, revoked_at, draining,
    upgrade_version, upgrade_problem,
    (hub_id is not null and last_seen_at > now() - make_interval(secs => @silence_s::float8))::boolean as answering
from agents where id = @id for update;

-- name: CertificateBySerial :one
select c.agent_id, c.spki_sha256, c.generation, c.used_at, c.revoked_at,
    (select max(n.generation) from agent_certificates n where n.agent_id = c.agent_id)::bigint as newest,
    (select count(*) from agent_certificates n where n.agent_id = c.agent_id and n.generation > c.generation and n.used_at is not null)::bigint as newer_used
from agent_certificates c where c.serial = $1;

-- name: UseCertificate :exec
update agent_certificates set used_at = coalesce(used_at, now()) where serial = $1;

-- name: RevokeOlder :execrows
update agent_certificates set revoked_at = now()
where agent_id = $1 and generation < $2 and revoked_at is null;

-- name: RevokeNewer :execrows
update agent_certificates set revoked_at = now()
where agent_id = $1 and generation > $2 and revoked_at is null;

-- name: Connected :one
update agents
set epoch = epoch + 1, hub_id = @hub_id::uuid, connected_at = now(), last_seen_at = now(), boot_id = @boot_id, machine_id = @machine_id,
    journal_id = @journal_id, version = @version, slots = @slots, labels = @labels, facts = @facts, draining = @draining,
    upgrade_version = @upgrade_version
where id = @id
returning epoch;

-- name: SetDraining :one
update agents set draining = @draining, wished_at = now()
where project_id = @project_id and name = @name and revoked_at is null
returning id;

-- name: SaysDraining :exec
update agents set draining = @draining, wished_at = now() where id = @id;

-- name: WishUpgrade :one
update agents set upgrade_version = @version::text, upgrade_problem = '', wished_at = now()
where project_id = @project_id and name = @name and revoked_at is null and version <> @version::text
returning id;

-- name: UpgradeFailed :execrows
update agents set upgrade_problem = @problem, wished_at = now()
where id = @id and upgrade_version = @version and upgrade_version <> '';

-- name: Wishes :many
-- What was decided lately about agents that are connected to this replica.
select id, draining, upgrade_version, upgrade_problem from agents
where wished_at > now() - make_interval(secs => @within_s::float8) and hub_id = @hub_id::uuid;

-- name: Disconnected :exec
update agents set hub_id = null, last_seen_at = now() where id = $1 and epoch = $2;

-- name: Seen :exec
update agents a set last_seen_at = now(), hub_id = @hub_id::uuid
from (select unnest(@ids::uuid[]) as id, unnest(@epochs::bigint[]) as epoch) s
where a.id = s.id and a.epoch = s.epoch;

-- name: Epoch :one
select epoch from agents where id = $1;

-- name: Holder :one
select hub_id from agents where id = $1;

-- name: RevokeAgent :one
update agents set revoked_at = now(), hub_id = null
where project_id = $1 and name = $2 and revoked_at is null
returning id;

-- name: RevokeCertificates :exec
update agent_certificates set revoked_at = now() where agent_id = $1 and revoked_at is null;

-- name: RevokedAgents :many
select id from agents where revoked_at > now() - make_interval(secs => @within_s::float8);

-- name: RevokedSerials :many
-- Only those that TLS would still admit, for renewal.
select serial, not_after from agent_certificates
where revoked_at > now() - make_interval(secs => @within_s::float8) and not_after > now() - interval '8 days';

-- name: Agents :many
select a.id, a.project_id, a.name, a.labels, a.facts, a.version, a.slots, a.epoch, a.connected_at, a.last_seen_at, a.revoked_at, a.created_at,
    a.draining, a.upgrade_version, a.upgrade_problem,
    (a.hub_id is not null and a.last_seen_at > now() - make_interval(secs => @silence_s::float8))::boolean as online,
    c.not_after
from agents a
join lateral (select n.not_after from agent_certificates n where n.agent_id = a.id order by n.generation desc limit 1) c on true
where a.project_id = @project_id and (a.name, a.id) > (@after::text, @after_id::uuid)
    and (a.revoked_at is null or a.revoked_at > now() - interval '7 days')
order by a.name, a.id limit @n;

-- name: AgentByName :one
select a.id, a.project_id, a.name, a.labels, a.facts, a.version, a.slots, a.epoch, a.connected_at, a.last_seen_at, a.revoked_at, a.created_at,
    a.draining, a.upgrade_version, a.upgrade_problem,
    (a.hub_id is not null and a.last_seen_at > now() - make_interval(secs => @silence_s::float8))::boolean as online,
    c.not_after
from agents a
join lateral (select n.not_after from agent_certificates n where n.agent_id = a.id order by n.generation desc limit 1) c on true
where a.project_id = @project_id and a.name = @name
order by a.revoked_at desc nulls first limit 1;

-- name: AgentNames :many
select id, name from agents where id = any (@ids::uuid[]);

-- name: Candidates :many
-- What dispatch needs to explain why runs wait.
select a.id, a.name, a.labels, a.slots, a.draining,
    (a.hub_id is not null and a.last_seen_at > now() - make_interval(secs => @silence_s::float8))::boolean as online
from agents a
where a.project_id = @project_id and a.revoked_at is null
order by a.name limit 1000;

-- name: Matching :many
-- The hosts of several questions, one more than anybody may ask for.
select a.n::int as n, g.name
from (select unnest(@ns::int[]) as n, unnest(@project_ids::uuid[]) as project_id, unnest(@labels::jsonb[]) as labels) a
cross join lateral (
    select h.name from agents h
    where h.project_id = a.project_id and h.revoked_at is null and h.labels @> a.labels
    order by h.name limit 1001
) g
order by a.n, g.name;
