-- +goose Up
-- Owned by hub/run. History: one row a run, written when it is created and once
-- more when it ends. While state is 'open' the truth about the run is its row in
-- run_queue; agent, attempt, exit code and times are filled in at the end. No
-- index holds a column that the end changes, so that the update stays on its page.
create table runs (
    id             uuid primary key,
    project_id     uuid not null,
    job_id         uuid not null,
    schedule_id    uuid,
    agent_id       uuid,
    created_at     timestamptz not null default now(),
    scheduled_for  timestamptz,
    started_at     timestamptz,
    finished_at    timestamptz,
    job_version    integer not null,
    attempt        integer not null default 0,
    max_attempts   integer not null default 1,
    exit_code      integer,
    state          text not null default 'open',
    trigger        text not null,
    job_name       text not null,
    started_by     text not null default '',
    cancel_by      text not null default '',
    signal         text not null default '',
    outcome_code   text not null default '',
    outcome_detail text not null default '',
    outcome_hint   text not null default '',
    inputs         jsonb not null default '{}',
    constraint runs_trigger_ck check (trigger in ('manual', 'api', 'cli', 'schedule', 'retry')),
    constraint runs_state_ck check (state in ('open', 'succeeded', 'failed', 'timed_out', 'cancelled', 'lost', 'skipped')),
    constraint runs_finished_ck check ((finished_at is not null) = (state <> 'open'))
) with (fillfactor = 80);
create unique index runs_one_per_fire_uq on runs (schedule_id, scheduled_for) where schedule_id is not null;
create index runs_project_ix on runs (project_id, id desc);
create index runs_job_ix on runs (job_id, id desc);

-- Owned by hub/run. Hot: one row an open run, with its live attempt if it has one,
-- deleted at the end. agent_id is null exactly while it is queued, and the indexes
-- know only that, so that accept, start and lease renewal touch no index.
create table run_queue (
    run_id       uuid primary key,
    project_id   uuid not null,
    job_id       uuid not null,
    agent_id     uuid,
    fence        bigint not null default 0,
    agent_epoch  bigint not null default 0,
    not_before   timestamptz not null default now(),
    lease_until  timestamptz,
    assigned_at  timestamptz,
    accepted_at  timestamptz,
    started_at   timestamptz,
    unknown_since timestamptz,
    cancel_requested_at timestamptz,
    reason_since timestamptz not null default now(),
    lost_after_ms bigint not null default 900000,
    job_version  integer not null,
    attempt      integer not null default 0,
    -- counted attempts that ended and were tried again; and times that the run was
    -- handed back before anything started, which cost no retry
    retries      integer not null default 0,
    misses       integer not null default 0,
    priority     smallint not null default 0,
    -- the journal that knew this attempt is gone: nothing follows from not holding it
    orphan       boolean not null default false,
    state        text not null default 'queued',
    reason       text not null default '',
    reason_detail text not null default '',
    cancel_by    text not null default '',
    target       jsonb not null default '{}',
    retry        jsonb,
    sealed       bytea,
    constraint run_queue_state_ck check (state in ('queued', 'assigned', 'running', 'unknown')),
    constraint run_queue_reason_ck check (state <> 'queued' or reason <> ''),
    constraint run_queue_leased_ck check ((state = 'queued') = (agent_id is null)),
    constraint run_queue_lease_ck check (state = 'queued' or (fence > 0 and lease_until is not null and assigned_at is not null)),
    constraint run_queue_unknown_ck check ((state = 'unknown') = (unknown_since is not null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
        vacuum_truncate = false);
create index run_queue_claim_ix on run_queue (project_id, priority desc, run_id) where agent_id is null;
create index run_queue_agent_ix on run_queue (agent_id) where agent_id is not null;

-- A prepared statement keeps the plan that was right when the queue was empty, and
-- for one page that is a sequential scan. The planner measures the file, so the file
-- gets 160 pages now and never gives them back: lookups are planned by index.
insert into run_queue (run_id, project_id, job_id, job_version, reason, reason_detail)
select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'x', repeat('x', 1800) from generate_series(1, 320);
delete from run_queue;

-- Owned by hub/run. One try of a run on one target, appended when it is over:
-- finished with a result, revoked before it was accepted or proven never to have
-- started, or lost. The live attempt is in run_queue.
create table attempts (
    run_id       uuid not null,
    agent_id     uuid not null,
    fence        bigint not null,
    agent_epoch  bigint not null default 0,
    assigned_at  timestamptz not null,
    accepted_at  timestamptz,
    started_at   timestamptz,
    finished_at  timestamptz not null default now(),
    log_bytes    bigint not null default 0,
    dropped_bytes bigint not null default 0,
    attempt      integer not null,
    exit_code    integer,
    late         boolean not null default false,
    state        text not null,
    outcome      text,
    signal       text not null default '',
    problem      jsonb,
    result_sha256 bytea,
    primary key (run_id, attempt),
    constraint attempts_fence_uq unique (fence),
    constraint attempts_state_ck check (state in ('finished', 'revoked', 'lost')),
    constraint attempts_outcome_ck check (state <> 'finished' or outcome is not null)
);
