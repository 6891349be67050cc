-- name: EnsureProject :exec
insert into projects (id, slug, name) values ($1, $2, $3) on conflict (slug) do nothing;

-- name: ProjectBySlug :one
select id, slug, name, created_at from projects where slug = $1;

-- name: ProjectByID :one
select id, slug, name, created_at from projects where id = $1;

-- name: Projects :many
select id, slug, name, created_at from projects
where sqlc.arg('all')::boolean or id = any (sqlc.arg('ids')::uuid[])
order by slug limit 1000;

-- name: Grant :exec
insert into memberships (project_id, user_id, role) values ($1, $2, $3)
on conflict (project_id, user_id) do update set role = excluded.role;

-- name: RolesOf :many
select project_id, role from memberships where user_id = $1;

-- name: Images :many
select pattern from project_images where project_id = $1 order by position;

-- name: ClearImages :exec
delete from project_images where project_id = $1;

-- name: AddImages :exec
insert into project_images (project_id, position, pattern)
select @project_id::uuid, t.position, t.pattern from unnest(@patterns::text[]) with ordinality t (pattern, position);

-- name: LockProject :exec
select 1 from projects where id = $1 for update;
