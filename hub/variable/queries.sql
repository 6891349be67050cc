-- name: Get :one
select name, value, version, created_at, updated_at, updated_by from variables where project_id = $1 and name = $2;

-- name: Lock :one
select value from variables where project_id = $1 and name = $2 for update;

-- name: List :many
select name, value, version, created_at, updated_at, updated_by
from variables
where project_id = @project_id and name > @after and (@search::text = '' or position(lower(@search::text) in lower(name)) > 0)
order by name
limit @n;

-- name: Update :execrows
update variables
set value = @value, version = version + 1, updated_at = now(), updated_by = @updated_by
where project_id = @project_id and name = @name;

-- name: Insert :execrows
-- Nothing happens when somebody else has just made it, or when there are too many.
insert into variables (project_id, name, value, updated_by)
select @project_id, @name, @value, @updated_by
where (select count(*) from variables v where v.project_id = @project_id) < @most::bigint
on conflict (project_id, name) do nothing;

-- name: Add :one
-- Sums are those of numeric, which has no rounding. What begins with a digit or a
-- minus sign is a number: the value is valid JSON.
update variables
set value = (value::numeric + (@by::text)::numeric)::text, version = version + 1, updated_at = now(), updated_by = @updated_by
where project_id = @project_id and name = @name and value ~ '^[-0-9]'
returning value;

-- name: Delete :execrows
delete from variables where project_id = $1 and name = $2;
