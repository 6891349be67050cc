-- name: AnyUser :one
select exists (select from users);

-- name: InsertUser :one
insert into users (id, email, name, password_hash, admin) values ($1, $2, $3, $4, $5)
returning id, email, name, admin, created_at;

-- name: Credentials :one
select id, email, name, admin, created_at, password_hash from users where email = $1 and disabled_at is null;

-- name: PutPasswordHash :exec
update users set password_hash = $2 where id = $1;

-- name: Rename :one
update users set name = $2 where id = $1 and disabled_at is null
returning id, email, name, admin, created_at;

-- name: LockKey :exec
select pg_advisory_xact_lock(hashtextextended(sqlc.arg('key')::text, 0));

-- name: Failures :many
select at from login_failures where key = $1 and at > $2 order by at desc limit 100;

-- name: InsertFailures :many
insert into login_failures (key, at) select unnest(sqlc.arg('keys')::text[]), sqlc.arg('at')::timestamptz returning id;

-- name: ForgiveFailures :exec
delete from login_failures where key = sqlc.arg('account') or id = any (sqlc.arg('ids')::bigint[]);

-- name: SweepFailures :exec
delete from login_failures where at < $1;

-- name: InsertSession :exec
insert into sessions (id_sha256, user_id, created_at, last_seen_at, expires_at, user_agent, ip) values ($1, $2, $3, $3, $4, $5, $6);

-- name: SessionUser :one
select u.id, u.email, u.name, u.admin, s.last_seen_at
from sessions s join users u on u.id = s.user_id
where s.id_sha256 = $1 and s.expires_at > sqlc.arg('now') and s.last_seen_at > sqlc.arg('idle_since') and u.disabled_at is null;

-- name: TouchSession :exec
update sessions set last_seen_at = $2 where id_sha256 = $1 and last_seen_at < $2;

-- name: DeleteSession :exec
delete from sessions where id_sha256 = $1;

-- name: SweepSessions :exec
delete from sessions where expires_at < sqlc.arg('now') or last_seen_at < sqlc.arg('idle_since');

-- name: CountTokens :one
select count(*) from api_tokens where user_id = $1 and revoked_at is null and expires_at > sqlc.arg('now');

-- name: ForgetDeadTokens :exec
delete from api_tokens where user_id = $1 and name = $2 and (revoked_at is not null or expires_at <= sqlc.arg('now'));

-- name: InsertToken :exec
insert into api_tokens (id, user_id, name, secret_sha256, created_at, expires_at) values ($1, $2, $3, $4, $5, $6);

-- name: Tokens :many
select id, name, created_at, expires_at, last_used_at from api_tokens
where user_id = $1 and revoked_at is null order by created_at desc, id limit 200;

-- name: RevokeToken :execrows
update api_tokens set revoked_at = $3 where id = $1 and user_id = $2 and revoked_at is null;

-- name: TokenUser :one
select u.id, u.email, u.name, u.admin, t.secret_sha256, t.expires_at, t.last_used_at
from api_tokens t join users u on u.id = t.user_id
where t.id = $1 and t.revoked_at is null and u.disabled_at is null;

-- name: TouchToken :exec
update api_tokens set last_used_at = $2 where id = $1;

-- name: ActiveUser :one
select id, email, name, admin from users where id = $1 and disabled_at is null;
