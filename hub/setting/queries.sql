-- name: EnsureInstance :exec
insert into instance (id) values ($1) on conflict (only_one) do nothing;

-- name: Instance :one
select id, created_at from instance;

-- name: LockSetupCode :one
select setup_code_sha256 from instance for update;

-- name: PutSetupCode :exec
update instance set setup_code_sha256 = $1;
