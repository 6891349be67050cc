-- name: EnsureInstance :exec
insert into instance (id) values ($1) on conflict (only_one) do nothing;

-- name: Instance :one
select id, created_at from instance;
