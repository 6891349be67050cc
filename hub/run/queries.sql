-- name: CreateRuns :many
insert into runs (id, project_id, job_id, job_version, max_attempts, trigger, job_name, started_by, schedule_id, scheduled_for, inputs, server,
    parent_id, target, targets)
select unnest(@ids::uuid[]), unnest(@project_ids::uuid[]), unnest(@job_ids::uuid[]), unnest(@job_versions::int[]), unnest(@max_attempts::int[]),
    unnest(@triggers::text[]), unnest(@job_names::text[]), unnest(@started_bys::text[]),
    nullif(unnest(@schedule_ids::uuid[]), '00000000-0000-0000-0000-000000000000'),
    nullif(unnest(@scheduled_fors::timestamptz[]), '0001-01-01 00:00:00+00'),
    unnest(@inputs::jsonb[]), unnest(@servers::text[]),
    nullif(unnest(@parent_ids::uuid[]), '00000000-0000-0000-0000-000000000000'), unnest(@target_names::text[]), nullif(unnest(@target_counts::int[]), -1)
on conflict (schedule_id, scheduled_for) where schedule_id is not null do nothing
returning id, created_at;

-- name: Enqueue :exec
-- A not_before that has passed, or was not given, means now. What is held is also
-- far away in time, so that a hub of the version before this leaves it alone.
insert into run_queue (run_id, project_id, job_id, job_version, not_before, lost_after_ms, priority, target, retry, sealed, reason, held, fan_out)
select a.id, a.project_id, a.job_id, a.job_version, case when a.held then '9999-12-31'::timestamptz else greatest(a.not_before, now()) end,
    a.lost_after_ms, a.priority, a.target, nullif(a.retry, 'null'::jsonb), nullif(a.sealed, ''::bytea), a.reason, a.held, nullif(a.fan_out, 'null'::jsonb)
from (select unnest(@ids::uuid[]) as id, unnest(@project_ids::uuid[]) as project_id, unnest(@job_ids::uuid[]) as job_id,
    unnest(@job_versions::int[]) as job_version, unnest(@not_befores::timestamptz[]) as not_before,
    unnest(@lost_afters_ms::bigint[]) as lost_after_ms, unnest(@priorities::smallint[]) as priority,
    unnest(@targets::jsonb[]) as target, unnest(@retries::jsonb[]) as retry, unnest(@sealeds::bytea[]) as sealed,
    unnest(@reasons::text[]) as reason, unnest(@helds::bool[]) as held, unnest(@fan_outs::jsonb[]) as fan_out) a;

-- name: RunsOfFires :many
select r.id, r.schedule_id, r.scheduled_for, r.created_at
from runs r
where r.schedule_id is not null
  and (r.schedule_id, r.scheduled_for) in (select unnest(@schedule_ids::uuid[]), unnest(@scheduled_fors::timestamptz[]));

-- name: Claim :many
with picked as (
    select p.run_id from run_queue p
    where p.agent_id is null and not p.held and p.project_id = @project_id::uuid and p.not_before <= now() and p.target <@ @labels::jsonb
    order by p.priority desc, p.run_id
    limit @n
    for update skip locked
), claimed as (
    update run_queue q
    set state = 'assigned', orphan = false, attempt = q.attempt + 1, fence = nextval('fence'), agent_id = @agent_id::uuid, agent_epoch = @epoch::bigint,
        assigned_at = now(), accepted_at = null, started_at = null, lease_until = now() + make_interval(secs => @lease_s::float8),
        reason = '', reason_detail = ''
    from picked p
    where q.run_id = p.run_id
    returning q.run_id, q.attempt, q.fence, q.project_id, q.job_id, q.job_version, q.sealed
)
select c.run_id, c.attempt, c.fence, c.project_id, c.job_id, c.job_version, c.sealed, r.job_name, r.inputs, r.server
from claimed c join runs r on r.id = c.run_id
order by c.fence;

-- name: Accept :many
with asked as (
    select unnest(@run_ids::uuid[]) as run_id, unnest(@attempts::int[]) as attempt, unnest(@fences::bigint[]) as fence
)
update run_queue q
set state = 'running', accepted_at = coalesce(q.accepted_at, now()), unknown_since = null, orphan = false,
    lease_until = now() + make_interval(secs => @lease_s::float8)
from asked a
where q.run_id = a.run_id and q.attempt = a.attempt and q.fence = a.fence and q.agent_id is not distinct from @agent_id::uuid
  and q.state = any (@from_states::text[]) and (q.cancel_requested_at is null or q.started_at is not null)
returning q.run_id, q.attempt, q.fence;

-- name: MarkStarted :many
with asked as (
    select unnest(@run_ids::uuid[]) as run_id, unnest(@attempts::int[]) as attempt, unnest(@fences::bigint[]) as fence,
        unnest(@ages_s::float8[]) as age_s
)
update run_queue q
set state = 'running', unknown_since = null, orphan = false, lease_until = now() + make_interval(secs => @lease_s::float8),
    accepted_at = coalesce(q.accepted_at, now()),
    started_at = coalesce(q.started_at, greatest(now() - make_interval(secs => a.age_s), q.assigned_at))
from asked a
where q.run_id = a.run_id and q.attempt = a.attempt and q.fence = a.fence and q.agent_id is not distinct from @agent_id::uuid
  and q.state = any (@from_states::text[])
returning q.run_id, q.attempt, q.fence;

-- name: HeldServer :one
-- No row unless this agent holds exactly this attempt now.
select q.project_id, r.server
from run_queue q join runs r on r.id = q.run_id
where q.run_id = @run_id and q.attempt = @attempt and q.fence = @fence and q.agent_id = @agent_id::uuid;

-- name: Renew :many
-- Skips rows that somebody is changing at this moment.
with asked as (
    select unnest(@run_ids::uuid[]) as run_id, unnest(@attempts::int[]) as attempt, unnest(@fences::bigint[]) as fence,
        unnest(@agent_ids::uuid[]) as agent_id
), held as (
    select q.run_id, q.state
    from run_queue q join asked a on q.run_id = a.run_id and q.attempt = a.attempt and q.fence = a.fence and q.agent_id = a.agent_id
    where q.state = any (@from_states::text[])
    for update of q skip locked
)
update run_queue q
set state = case h.state when 'unknown' then 'running' else h.state end, unknown_since = null, orphan = false,
    agent_epoch = greatest(q.agent_epoch, @epoch::bigint),
    lease_until = now() + make_interval(secs => case h.state when 'assigned' then @assign_s::float8 else @lease_s::float8 end)
from held h
where q.run_id = h.run_id
returning q.run_id, q.attempt, q.fence, (q.cancel_requested_at is not null)::boolean as cancelling, (h.state = 'unknown')::boolean as was_unknown;

-- name: LockRefs :many
with asked as (
    select unnest(@run_ids::uuid[]) as run_id, unnest(@attempts::int[]) as attempt, unnest(@fences::bigint[]) as fence
)
select q.run_id, q.attempt, q.fence, q.agent_id, q.agent_epoch, q.state, q.retries, q.misses, q.retry, q.started_at,
    q.orphan,
    (q.cancel_requested_at is not null)::boolean as cancelling
from run_queue q join asked a on q.run_id = a.run_id and q.attempt = a.attempt and q.fence = a.fence
where q.agent_id = @agent_id::uuid
for update of q;

-- name: LockAgent :many
select q.run_id, q.attempt, q.fence, q.agent_id, q.agent_epoch, q.state, q.retries, q.misses, q.retry, q.started_at,
    q.orphan,
    (q.cancel_requested_at is not null)::boolean as cancelling
from run_queue q
where q.agent_id = @agent_id::uuid and q.agent_epoch < @epoch::bigint
order by q.run_id
for update of q;

-- name: LockRun :one
select q.run_id, q.attempt, q.fence, q.agent_id, q.agent_epoch, q.state, q.retries, q.misses, q.retry, q.started_at,
    q.orphan,
    (q.cancel_requested_at is not null)::boolean as cancelling
from run_queue q
where q.run_id = $1 and q.project_id = $2
for update of q;

-- name: LockExpiredAssignments :many
select q.run_id, q.attempt, q.fence, q.agent_id, q.agent_epoch, q.state, q.retries, q.misses, q.retry, q.started_at,
    q.orphan,
    (q.cancel_requested_at is not null)::boolean as cancelling
from run_queue q
where q.agent_id is not null and q.state = 'assigned' and q.lease_until < now()
limit $1
for update of q skip locked;

-- name: LockOverdue :many
select q.run_id, q.attempt, q.fence, q.agent_id, q.agent_epoch, q.state, q.retries, q.misses, q.retry, q.started_at,
    q.orphan,
    (q.cancel_requested_at is not null)::boolean as cancelling
from run_queue q
where q.agent_id is not null and q.state = 'unknown' and q.unknown_since + make_interval(secs => q.lost_after_ms / 1000.0) < now()
limit $1
for update of q skip locked;

-- name: Due :one
-- What the reaper would find now, and the clock it goes by.
select now()::timestamptz as db_now,
    count(*) filter (where q.state = 'assigned' and q.lease_until < now()) as assignments,
    count(*) filter (where q.state = 'running' and q.lease_until < now()) as leases,
    count(*) filter (where q.state = 'unknown' and q.unknown_since + make_interval(secs => q.lost_after_ms / 1000.0) < now()) as overdue
from run_queue q
where q.agent_id is not null;

-- name: ExpireLeases :many
with expired as (
    select q.run_id from run_queue q
    where q.agent_id is not null and q.state = any (@from_states::text[]) and q.lease_until < now()
    limit @n
    for update of q skip locked
)
update run_queue q
set state = 'unknown', unknown_since = now()
from expired e
where q.run_id = e.run_id
returning q.run_id;

-- name: Orphan :many
with asked as (
    select unnest(@run_ids::uuid[]) as run_id, unnest(@attempts::int[]) as attempt, unnest(@fences::bigint[]) as fence
)
update run_queue q
set state = 'unknown', unknown_since = coalesce(q.unknown_since, now()), orphan = true
from asked a
where q.run_id = a.run_id and q.attempt = a.attempt and q.fence = a.fence and q.state = any (@from_states::text[])
returning q.run_id;

-- name: RequestCancel :exec
update run_queue q
set cancel_requested_at = coalesce(q.cancel_requested_at, now()), cancel_by = case q.cancel_by when '' then @cancel_by::text else q.cancel_by end
where q.run_id = any (@run_ids::uuid[]);

-- name: Settle :many
-- The end of runs: the queue row goes, the attempt (if there was one) and the
-- outcome are written. One statement, so there is no moment between.
with asked as (
    select unnest(@run_ids::uuid[]) as run_id, unnest(@attempts::int[]) as attempt, unnest(@fences::bigint[]) as fence,
        unnest(@states::text[]) as state, unnest(@attempt_states::text[]) as attempt_state, unnest(@outcomes::text[]) as outcome,
        unnest(@codes::text[]) as code, unnest(@details::text[]) as detail, unnest(@hints::text[]) as hint,
        unnest(@exit_codes::int[]) as exit_code, unnest(@signals::text[]) as signal,
        unnest(@ages_s::float8[]) as age_s, unnest(@durations_s::float8[]) as duration_s,
        unnest(@logs_bytes::bigint[]) as log_bytes, unnest(@droppeds_bytes::bigint[]) as dropped_bytes,
        unnest(@problems::text[]) as problem, unnest(@rans::text[]) as ran, unnest(@sha256s::bytea[]) as sha256
), gone as (
    delete from run_queue q using asked a
    where q.run_id = a.run_id and q.attempt = a.attempt and q.fence = a.fence
      and (sqlc.narg(agent_id)::uuid is null or q.agent_id = sqlc.narg(agent_id)::uuid) and q.state = any (@from_states::text[])
    returning q.run_id, q.attempt, q.fence, q.agent_id, q.agent_epoch, q.assigned_at, q.accepted_at, q.started_at, q.misses, q.cancel_by
), ended as (
    select g.run_id, g.attempt, g.fence, g.agent_id, g.agent_epoch, g.assigned_at, g.accepted_at, g.started_at, g.misses, g.cancel_by,
        a.state, a.attempt_state, a.outcome, a.code, a.detail, a.hint, a.exit_code, a.signal, a.duration_s,
        a.log_bytes, a.dropped_bytes, a.problem, a.ran, a.sha256,
        greatest(now() - make_interval(secs => a.age_s), coalesce(g.started_at, g.assigned_at))::timestamptz as finished_at
    from gone g join asked a on a.run_id = g.run_id
), done as (
    select e.*, case when e.duration_s > 0 then coalesce(e.started_at, greatest(e.finished_at - make_interval(secs => e.duration_s), e.assigned_at))
        else e.started_at end as began_at
    from ended e
), kept as (
    insert into attempts (run_id, agent_id, fence, agent_epoch, assigned_at, accepted_at, started_at, finished_at, log_bytes, dropped_bytes,
        attempt, exit_code, state, outcome, signal, problem, ran, result_sha256)
    select d.run_id, d.agent_id, d.fence, d.agent_epoch, d.assigned_at, d.accepted_at, d.began_at, d.finished_at, d.log_bytes, d.dropped_bytes,
        d.attempt, nullif(d.exit_code, -1), d.attempt_state, nullif(d.outcome, ''), d.signal, nullif(d.problem, '')::jsonb, nullif(d.ran, '')::jsonb, nullif(d.sha256, ''::bytea)
    from done d
    where d.agent_id is not null
)
update runs r
set state = d.state, agent_id = d.agent_id, attempt = d.attempt, max_attempts = r.max_attempts + d.misses, exit_code = nullif(d.exit_code, -1),
    signal = d.signal, outcome_code = d.code, outcome_detail = d.detail, outcome_hint = d.hint, cancel_by = d.cancel_by,
    started_at = d.began_at, finished_at = d.finished_at
from done d
where r.id = d.run_id and r.state = 'open'
returning r.id, d.attempt, d.fence;

-- name: Requeue :many
-- Back to the queue: the attempt is over, the run is not. The rows are locked by
-- the caller, so old is what the update replaces.
with asked as (
    select unnest(@run_ids::uuid[]) as run_id, unnest(@attempts::int[]) as attempt, unnest(@fences::bigint[]) as fence,
        unnest(@attempt_states::text[]) as attempt_state, unnest(@outcomes::text[]) as outcome,
        unnest(@delays_s::float8[]) as delay_s, unnest(@retried::int[]) as retried, unnest(@missed::int[]) as missed,
        unnest(@reasons::text[]) as reason, unnest(@reason_details::text[]) as reason_detail,
        unnest(@exit_codes::int[]) as exit_code, unnest(@signals::text[]) as signal,
        unnest(@ages_s::float8[]) as age_s, unnest(@durations_s::float8[]) as duration_s,
        unnest(@logs_bytes::bigint[]) as log_bytes, unnest(@droppeds_bytes::bigint[]) as dropped_bytes,
        unnest(@problems::text[]) as problem, unnest(@rans::text[]) as ran, unnest(@sha256s::bytea[]) as sha256
), old as (
    select q.run_id, q.agent_id, q.fence, q.agent_epoch, q.assigned_at, q.accepted_at, q.started_at, q.attempt,
        a.attempt_state, a.outcome, a.delay_s, a.retried, a.missed, a.reason, a.reason_detail, a.exit_code, a.signal, a.duration_s,
        a.log_bytes, a.dropped_bytes, a.problem, a.ran, a.sha256,
        greatest(now() - make_interval(secs => a.age_s), coalesce(q.started_at, q.assigned_at))::timestamptz as finished_at
    from run_queue q join asked a on q.run_id = a.run_id and q.attempt = a.attempt and q.fence = a.fence
    where q.state = any (@from_states::text[])
), kept as (
    insert into attempts (run_id, agent_id, fence, agent_epoch, assigned_at, accepted_at, started_at, finished_at, log_bytes, dropped_bytes,
        attempt, exit_code, state, outcome, signal, problem, ran, result_sha256)
    select o.run_id, o.agent_id, o.fence, o.agent_epoch, o.assigned_at, o.accepted_at,
        case when o.duration_s > 0 then coalesce(o.started_at, greatest(o.finished_at - make_interval(secs => o.duration_s), o.assigned_at)) else o.started_at end,
        o.finished_at, o.log_bytes, o.dropped_bytes,
        o.attempt, nullif(o.exit_code, -1), o.attempt_state, nullif(o.outcome, ''), o.signal, nullif(o.problem, '')::jsonb, nullif(o.ran, '')::jsonb, nullif(o.sha256, ''::bytea)
    from old o
)
update run_queue q
set state = 'queued', orphan = false, agent_id = null, lease_until = null, assigned_at = null, accepted_at = null, started_at = null, unknown_since = null,
    not_before = now() + make_interval(secs => o.delay_s), retries = q.retries + o.retried, misses = q.misses + o.missed,
    reason = o.reason, reason_detail = o.reason_detail, reason_since = now()
from old o
where q.run_id = o.run_id
returning q.run_id;

-- name: Past :many
-- What became of attempts that are no longer live.
select t.run_id, t.attempt, t.fence, t.agent_id, t.state, t.late, t.result_sha256
from attempts t
where (t.run_id, t.attempt, t.fence) in (select unnest(@run_ids::uuid[]), unnest(@attempts::int[]), unnest(@fences::bigint[]));

-- name: Known :many
-- Whose attempts these are, as far as they are live or have their result.
select q.run_id, q.attempt, q.fence, q.agent_id::uuid as agent_id
from run_queue q
where q.agent_id is not null
  and (q.run_id, q.attempt, q.fence) in (select unnest(@run_ids::uuid[]), unnest(@attempts::int[]), unnest(@fences::bigint[]))
union all
select t.run_id, t.attempt, t.fence, t.agent_id
from attempts t
where t.state = 'finished'
  and (t.run_id, t.attempt, t.fence) in (select unnest(@run_ids::uuid[]), unnest(@attempts::int[]), unnest(@fences::bigint[]));

-- name: KeepLate :many
with asked as (
    select unnest(@run_ids::uuid[]) as run_id, unnest(@attempts::int[]) as attempt, unnest(@fences::bigint[]) as fence,
        unnest(@outcomes::text[]) as outcome, unnest(@exit_codes::int[]) as exit_code, unnest(@signals::text[]) as signal,
        unnest(@ages_s::float8[]) as age_s, unnest(@durations_s::float8[]) as duration_s,
        unnest(@logs_bytes::bigint[]) as log_bytes, unnest(@droppeds_bytes::bigint[]) as dropped_bytes,
        unnest(@problems::text[]) as problem, unnest(@rans::text[]) as ran, unnest(@sha256s::bytea[]) as sha256
)
update attempts t
set late = true, outcome = a.outcome, exit_code = nullif(a.exit_code, -1), signal = a.signal, log_bytes = a.log_bytes,
    dropped_bytes = a.dropped_bytes, problem = nullif(a.problem, '')::jsonb, ran = nullif(a.ran, '')::jsonb, result_sha256 = a.sha256,
    started_at = coalesce(t.started_at, case when a.duration_s > 0
        then greatest(now() - make_interval(secs => a.age_s + a.duration_s), t.assigned_at) end),
    finished_at = greatest(now() - make_interval(secs => a.age_s), coalesce(t.started_at, t.assigned_at))
from asked a
where t.run_id = a.run_id and t.attempt = a.attempt and t.fence = a.fence and t.agent_id = @agent_id::uuid
  and t.state <> 'finished' and t.result_sha256 is null
returning t.run_id, t.attempt, t.fence;

-- name: CancelledRuns :many
select r.id from runs r where r.id = any (@ids::uuid[]) and r.state = 'cancelled';

-- name: Owned :many
select q.run_id, q.attempt, q.fence
from run_queue q
where q.agent_id = @agent_id::uuid
  and (q.run_id, q.attempt, q.fence) in (select unnest(@run_ids::uuid[]), unnest(@attempts::int[]), unnest(@fences::bigint[]))
union all
select t.run_id, t.attempt, t.fence
from attempts t
where t.agent_id = @agent_id::uuid
  and (t.run_id, t.attempt, t.fence) in (select unnest(@run_ids::uuid[]), unnest(@attempts::int[]), unnest(@fences::bigint[]));

-- name: Cancelling :many
select q.agent_id, q.run_id, q.attempt, q.fence
from run_queue q
where q.agent_id = any (@agent_ids::uuid[]) and q.agent_id is not null and q.cancel_requested_at is not null
order by q.run_id;

-- name: SetReasons :many
with asked as (
    select unnest(@run_ids::uuid[]) as run_id, unnest(@reasons::text[]) as reason, unnest(@details::text[]) as detail
)
update run_queue q
set reason = a.reason, reason_detail = a.detail,
    reason_since = case when q.reason = a.reason then q.reason_since else now() end
from asked a
where q.run_id = a.run_id and q.agent_id is null and not q.held and (q.reason, q.reason_detail) is distinct from (a.reason, a.detail)
returning q.run_id;

-- name: Queued :many
select q.run_id, q.project_id, q.job_id, q.target, q.reason, q.reason_detail, q.reason_since, q.not_before,
    (q.not_before > now())::boolean as delayed
from run_queue q
where q.agent_id is null and not q.held
order by q.priority desc, q.run_id
limit $1;

-- name: OpenCounts :many
select q.state, count(*) as n from run_queue q group by q.state;

-- name: CountByAgent :many
select q.agent_id, count(*) as n
from run_queue q
where q.agent_id = any (@agent_ids::uuid[]) and q.agent_id is not null
group by q.agent_id;

-- name: AllByAgent :many
select q.agent_id, count(*) as n
from run_queue q
where q.agent_id is not null
group by q.agent_id;

-- name: OpenOf :many
select q.run_id from run_queue q where q.run_id = any (@ids::uuid[]);

-- name: Attempts :many
select t.attempt, t.agent_id, t.fence, t.state, t.outcome, t.exit_code, t.signal, t.assigned_at, t.accepted_at, t.started_at,
    t.finished_at, t.problem, t.ran, t.log_bytes, t.dropped_bytes, t.late
from attempts t
where t.run_id = $1
order by t.attempt;

-- name: RaiseFence :one
with top as (
    select @seen::bigint as seen, nextval('fence')::bigint as here
)
select (case when t.here <= t.seen then setval('fence', t.seen + 1000000) else 0 end)::bigint as raised from top t;

-- name: Live :one
-- An attempt that an agent holds and runs, also one whose lease has just run out:
-- the agent speaks.
select q.project_id, q.job_id, q.job_version, r.job_name
from run_queue q join runs r on r.id = q.run_id
where q.run_id = @run_id and q.attempt = @attempt and q.fence = @fence and q.agent_id = @agent_id::uuid
  and q.state in ('running', 'unknown');

-- name: FansOut :one
select exists (select 1 from run_queue q where q.run_id = $1 and q.fan_out is not null)::boolean;

-- name: FanOuts :many
-- Every open run that fans out, or the one that is named, with what has become of
-- its targets: one statement, so none of them is seen between two states.
select p.run_id, p.state, p.fan_out, (p.cancel_requested_at is not null)::boolean as cancelling,
    count(c.id) as total,
    count(*) filter (where c.state = 'succeeded') as succeeded,
    count(*) filter (where c.state <> 'open') as ended,
    count(*) filter (where q.held) as held,
    count(*) filter (where not q.held) as busy,
    count(*) filter (where not q.held and q.agent_id is null
        and q.not_before + make_interval(secs => (p.fan_out ->> 'start_within_s')::float8) < now()) as late,
    coalesce(bool_or(coalesce(q.started_at, q.accepted_at, c.started_at) is not null or q.retries > 0), false)::boolean as begun
from run_queue p
left join runs c on c.parent_id = p.run_id
left join run_queue q on q.run_id = c.id
where p.fan_out is not null and (sqlc.narg(run_id)::uuid is null or p.run_id = sqlc.narg(run_id)::uuid)
group by p.run_id
order by p.run_id;

-- name: LockFanOut :many
-- None when another hub is at it.
select p.run_id from run_queue p where p.run_id = $1 and p.fan_out is not null for update skip locked;

-- name: BeginFanOut :many
update run_queue p
set state = 'running', started_at = coalesce((select min(coalesce(q.started_at, q.accepted_at, c.started_at))
    from runs c left join run_queue q on q.run_id = c.id
    where c.parent_id = p.run_id), now())
where p.run_id = @run_id and p.fan_out is not null and p.state = any (@from_states::text[])
returning p.run_id;

-- name: LetGo :many
-- The next n children of a run, in the order of its targets.
with next as (
    select q.run_id from run_queue q join runs c on c.id = q.run_id
    where c.parent_id = @parent_id::uuid and q.held
    order by c.id
    limit @n
    for update of q
)
update run_queue q
set held = false, not_before = now(), reason = 'waiting_for_dispatch', reason_detail = '', reason_since = now()
from next n
where q.run_id = n.run_id
returning q.run_id;

-- name: LockChildren :many
select q.run_id, q.attempt, q.fence, q.agent_id, q.agent_epoch, q.state, q.retries, q.misses, q.retry, q.started_at,
    q.orphan,
    (q.cancel_requested_at is not null)::boolean as cancelling
from run_queue q join runs c on c.id = q.run_id
where c.parent_id = @parent_id::uuid
order by q.run_id
for update of q;

-- name: LockHeldChildren :many
select q.run_id, q.attempt, q.fence, q.agent_id, q.agent_epoch, q.state, q.retries, q.misses, q.retry, q.started_at,
    q.orphan,
    (q.cancel_requested_at is not null)::boolean as cancelling
from run_queue q join runs c on c.id = q.run_id
where c.parent_id = @parent_id::uuid and q.held
order by q.run_id
for update of q;

-- name: LockLateChildren :many
-- Those that nobody has taken for too long, with what they waited for.
select q.run_id, q.attempt, q.fence, q.agent_id, q.agent_epoch, q.state, q.retries, q.misses, q.retry, q.started_at,
    q.orphan,
    (q.cancel_requested_at is not null)::boolean as cancelling
from run_queue q join runs c on c.id = q.run_id
where c.parent_id = @parent_id::uuid and not q.held and q.agent_id is null
  and q.not_before + make_interval(secs => @start_within_s::float8) < now()
order by q.run_id
for update of q;

-- name: WaitReasons :many
select q.run_id, q.reason_detail from run_queue q where q.run_id = any (@ids::uuid[]);

-- name: NotSucceeded :many
-- Names of targets where the run did not succeed, in their order.
select c.target from runs c
where c.parent_id = @parent_id::uuid and c.state not in ('open', 'succeeded')
order by c.id
limit @n;

-- name: CountTargets :many
select c.parent_id::uuid as parent_id, coalesce(q.state, c.state)::text as state, count(*) as n
from runs c left join run_queue q on q.run_id = c.id
where c.parent_id = any (@parent_ids::uuid[])
group by c.parent_id, coalesce(q.state, c.state);

-- name: Children :many
-- The runs of a run's targets, in their order, with the attempts that they had.
select c.id, c.target, coalesce(q.state, c.state)::text as state, coalesce(q.attempt, c.attempt)::integer as attempt
from runs c left join run_queue q on q.run_id = c.id
where c.parent_id = @parent_id::uuid and c.project_id = @project_id::uuid
order by c.id;

-- name: ChildAttempts :many
-- Which attempts of a run's targets are over, and how.
select t.run_id, t.attempt, t.state
from runs c join attempts t on t.run_id = c.id
where c.parent_id = @parent_id::uuid
order by t.run_id, t.attempt;
