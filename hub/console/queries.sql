-- name: LockUser :exec
select pg_advisory_xact_lock(hashtextextended('console:' || sqlc.arg('user_id')::text, 0));

-- name: CountOpen :one
select count(*) from console_sessions where user_id = $1 and closed_at is null;

-- name: Insert :one
insert into console_sessions (id, project_id, agent_id, epoch, hub_id, host, user_id, user_email, ip)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
returning opened_at;

-- name: Close :execrows
update console_sessions set closed_at = now(), reason = $2, bytes_in = $3, bytes_out = $4
where id = $1 and closed_at is null;

-- name: One :one
select * from console_sessions where project_id = $1 and id = $2;

-- name: List :many
select * from console_sessions
where project_id = sqlc.arg('project_id') and id < sqlc.arg('before')
  and (not sqlc.arg('open')::boolean or closed_at is null)
order by id desc limit sqlc.arg('n');

-- name: Unsettled :many
-- Open rows that may be of a replica that is no more.
select id, agent_id, epoch, hub_id from console_sessions
where closed_at is null and opened_at < now() - interval '30 seconds' order by opened_at limit 500;
