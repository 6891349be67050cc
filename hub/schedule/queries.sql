-- name: ClockNow :one
select now()::timestamptz as db_now;

-- name: NextDue :one
-- When the loop has to be awake, and the clock that decides.
select coalesce((
    select s.next_fire_at from schedules s
    where s.enabled and s.next_fire_at is not null
    order by s.next_fire_at
    limit 1), '9999-12-31 00:00:00+00')::timestamptz as next_at,
    clock_timestamp()::timestamptz as db_now;

-- name: LockDue :many
-- Due schedules that no other hub is at. A null instant means the database's own.
select s.id, s.project_id, s.job_id, s.name, s.spec, s.zone, s.gap, s.fold, s.overlap, s.catch_up, s.inputs, s.revision,
    s.anchor_at, s.next_fire_at, s.last_fire_at, coalesce(sqlc.narg(at)::timestamptz, now())::timestamptz as decided_for
from schedules s
where s.enabled and s.next_fire_at is not null and s.next_fire_at <= coalesce(sqlc.narg(at)::timestamptz, now())
order by s.next_fire_at
limit @n
for update skip locked;

-- name: LastRuns :many
-- The run that each schedule started last.
select asked.id::uuid as schedule_id, last.run_id::uuid as run_id
from unnest(@ids::uuid[]) as asked (id)
cross join lateral (
    select f.run_id from fires f
    where f.schedule_id = asked.id and f.run_id is not null
    order by f.planned_at desc
    limit 1) as last;

-- name: RecordFires :exec
insert into fires (schedule_id, run_id, planned_at, revision, occurrences, outcome, reason, detail)
select unnest(@schedule_ids::uuid[]), nullif(unnest(@run_ids::uuid[]), '00000000-0000-0000-0000-000000000000'),
    unnest(@planned_ats::timestamptz[]), unnest(@revisions::bigint[]), unnest(@occurrences::bigint[]),
    unnest(@outcomes::text[]), unnest(@reasons::text[]), unnest(@details::text[])
on conflict (schedule_id, planned_at) do nothing;

-- name: Advance :exec
update schedules s
set next_fire_at = nullif(a.next_at, '0001-01-01 00:00:00+00'), last_fire_at = greatest(s.last_fire_at, a.last_at), enabled = a.enabled
from (select unnest(@ids::uuid[]) as id, unnest(@next_ats::timestamptz[]) as next_at, unnest(@last_ats::timestamptz[]) as last_at,
    unnest(@enableds::boolean[]) as enabled) a
where s.id = a.id;

-- name: LockOfJob :many
-- A job's schedules, and whether the definition of the same name has equal inputs.
select s.id, s.name, s.spec, s.zone, s.gap, s.fold, s.overlap, s.catch_up, s.enabled, s.anchor_at, s.next_fire_at, s.last_fire_at,
    coalesce(s.inputs = d.inputs, false)::boolean as same_inputs
from schedules s
left join (select unnest(@names::text[]) as name, unnest(@given_inputs::jsonb[]) as inputs) d on d.name = s.name
where s.job_id = @job_id::uuid
order by s.id
for update of s;

-- name: Add :exec
insert into schedules (project_id, job_id, id, name, spec, zone, gap, fold, overlap, catch_up, inputs, enabled, anchor_at, next_fire_at)
select @project_id::uuid, @job_id::uuid, a.id, a.name, a.spec, a.zone, a.gap, a.fold, a.overlap, a.catch_up, a.inputs, a.enabled,
    @anchor_at::timestamptz, nullif(a.next_at, '0001-01-01 00:00:00+00')
from (select unnest(@ids::uuid[]) as id, unnest(@names::text[]) as name, unnest(@specs::text[]) as spec, unnest(@zones::text[]) as zone,
    unnest(@gaps::text[]) as gap, unnest(@folds::text[]) as fold, unnest(@overlap_rules::text[]) as overlap,
    unnest(@catch_ups::text[]) as catch_up, unnest(@inputs::jsonb[]) as inputs, unnest(@enableds::boolean[]) as enabled,
    unnest(@next_ats::timestamptz[]) as next_at) a;

-- name: Change :exec
update schedules s
set spec = a.spec, zone = a.zone, gap = a.gap, fold = a.fold, overlap = a.overlap, catch_up = a.catch_up, inputs = a.inputs,
    enabled = a.enabled, anchor_at = a.anchor_at, next_fire_at = nullif(a.next_at, '0001-01-01 00:00:00+00'),
    revision = s.revision + 1, updated_at = now()
from (select unnest(@ids::uuid[]) as id, unnest(@specs::text[]) as spec, unnest(@zones::text[]) as zone,
    unnest(@gaps::text[]) as gap, unnest(@folds::text[]) as fold, unnest(@overlap_rules::text[]) as overlap,
    unnest(@catch_ups::text[]) as catch_up, unnest(@inputs::jsonb[]) as inputs, unnest(@enableds::boolean[]) as enabled,
    unnest(@anchor_ats::timestamptz[]) as anchor_at, unnest(@next_ats::timestamptz[]) as next_at) a
where s.id = a.id;

-- name: Remove :exec
delete from schedules s where s.id = any (@ids::uuid[]);

-- name: DisableOfJob :execrows
update schedules s
set enabled = false, next_fire_at = null, revision = s.revision + 1, updated_at = now()
where s.job_id = $1 and s.enabled;

-- name: LockOne :one
select s.id, s.spec, s.zone, s.gap, s.fold, s.anchor_at, s.last_fire_at, s.enabled, now()::timestamptz as db_now
from schedules s
where s.project_id = @project_id and s.id = @id
for update;

-- name: SetEnabled :exec
update schedules s
set enabled = @enabled, next_fire_at = sqlc.narg(next_at)::timestamptz, revision = s.revision + 1, updated_at = now()
where s.id = @id;

-- name: Get :one
select s.id, s.project_id, s.job_id, s.name, s.spec, s.zone, s.gap, s.fold, s.overlap, s.catch_up, s.inputs, s.enabled, s.revision,
    s.anchor_at, s.next_fire_at, s.last_fire_at, s.created_at, s.updated_at
from schedules s
where s.project_id = @project_id and s.id = @id;

-- name: List :many
select s.id, s.project_id, s.job_id, s.name, s.spec, s.zone, s.gap, s.fold, s.overlap, s.catch_up, s.inputs, s.enabled, s.revision,
    s.anchor_at, s.next_fire_at, s.last_fire_at, s.created_at, s.updated_at
from schedules s
where s.project_id = @project_id and s.id > @after and (sqlc.narg(job_id)::uuid is null or s.job_id = sqlc.narg(job_id)::uuid)
order by s.id
limit @n;

-- name: OfJobs :many
select s.id, s.project_id, s.job_id, s.name, s.spec, s.zone, s.gap, s.fold, s.overlap, s.catch_up, s.inputs, s.enabled, s.revision,
    s.anchor_at, s.next_fire_at, s.last_fire_at, s.created_at, s.updated_at
from schedules s
where s.job_id = any (@job_ids::uuid[])
order by s.job_id, s.name;

-- name: Fires :many
select f.planned_at, f.decided_at, f.revision, f.occurrences, f.outcome, f.reason, f.detail, f.run_id
from fires f
where f.schedule_id = @schedule_id and f.planned_at < @before
order by f.planned_at desc
limit @n;
