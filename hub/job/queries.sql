-- name: LockJob :one
select j.id, j.version, j.state, j.labels, j.created_at, j.updated_at
from jobs j
where j.project_id = $1 and j.name = $2
for update;

-- name: CurrentVersion :one
select v.sha256, coalesce(u.email, '')::text as created_by
from job_versions v left join users u on u.id = v.created_by
where v.job_id = $1 and v.version = $2;

-- name: InsertJob :one
-- No row comes back when somebody else has just taken the name.
insert into jobs (id, project_id, name, labels, created_by)
values ($1, $2, $3, $4, $5)
on conflict (project_id, name) do nothing
returning created_at;

-- name: UpdateJob :one
update jobs
set version = @version, labels = @labels, state = @state, updated_at = now()
where id = @id
returning updated_at;

-- name: InsertVersion :exec
insert into job_versions (job_id, version, spec, script, sha256, note, created_by)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: GetJob :one
select j.id, j.project_id, j.name, j.labels, j.state, j.version, j.created_at, j.updated_at, v.spec, v.script,
    coalesce(u.email, '')::text as updated_by
from jobs j
join job_versions v on v.job_id = j.id and v.version = j.version
left join users u on u.id = v.created_by
where j.project_id = $1 and j.name = $2;

-- name: JobsByID :many
select j.id, j.project_id, j.name, j.labels, j.state, j.version, j.created_at, j.updated_at, v.spec,
    coalesce(u.email, '')::text as updated_by
from jobs j
join job_versions v on v.job_id = j.id and v.version = j.version
left join users u on u.id = v.created_by
where j.id = any (@ids::uuid[]);

-- name: ListJobs :many
-- Without a state everything but archived jobs.
select j.id, j.project_id, j.name, j.labels, j.state, j.version, j.created_at, j.updated_at, v.spec,
    coalesce(u.email, '')::text as updated_by
from jobs j
join job_versions v on v.job_id = j.id and v.version = j.version
left join users u on u.id = v.created_by
where j.project_id = @project_id and j.name > @after
  and (case when @state::text = '' then j.state <> 'archived' else j.state = @state::text end)
  and j.labels @> @labels::jsonb
  and (@search::text = '' or position(lower(@search::text) in j.name) > 0)
order by j.name
limit @n;

-- name: JobsOnServer :many
select j.name from jobs j join job_versions v on v.job_id = j.id and v.version = j.version
where j.project_id = @project_id and j.state <> 'archived'
  and (v.spec -> 'target' ->> 'server' = @server::text or v.spec -> 'target' -> 'servers' @> to_jsonb(@server::text))
order by j.name limit 1000;

-- name: SetState :one
-- An archived job is brought back by Put alone.
update jobs set state = @state, updated_at = case when state = @state then updated_at else now() end
where project_id = @project_id and name = @name and (state <> 'archived' or @state = 'archived')
returning id;

-- name: Versions :many
select v.job_id, v.version, v.spec, v.script, v.sha256, v.note, v.created_at, coalesce(u.email, '')::text as created_by
from job_versions v left join users u on u.id = v.created_by
where v.job_id = @job_id and (@before::int = 0 or v.version < @before::int)
order by v.version desc
limit @n;

-- name: VersionsByRef :many
select v.job_id, v.version, v.spec, v.script, v.sha256, v.note, v.created_at, coalesce(u.email, '')::text as created_by
from job_versions v left join users u on u.id = v.created_by
where (v.job_id, v.version) in (select unnest(@job_ids::uuid[]), unnest(@versions::int[]));
