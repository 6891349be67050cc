-- +goose Up
-- Owned by hub/run. History: one row a run, for ever narrow.
create table runs (
    id             uuid primary key,
    project_id     uuid not null,
    job_id         uuid not null,
    job_name       text not null,
    job_version    integer not null,
    trigger        text not null,
    schedule_id    uuid,
    scheduled_for  timestamptz,
    started_by     text not null default '',
    inputs         jsonb not null default '{}',
    state          text not null,
    outcome_code   text not null default '',
    outcome_detail text not null default '',
    outcome_hint   text not null default '',
    attempt        integer not null default 0,
    exit_code      integer,
    signal         text not null default '',
    agent_id       uuid,
    cancel_requested_at timestamptz,
    cancel_by      text not null default '',
    created_at     timestamptz not null default now(),
    started_at     timestamptz,
    finished_at    timestamptz,
    constraint runs_one_per_fire_uq unique (schedule_id, scheduled_for),
    constraint runs_trigger_ck check (trigger in ('manual', 'api', 'cli', 'schedule', 'retry')),
    constraint runs_state_ck check (state in ('queued', 'assigned', 'running', 'unknown', 'succeeded', 'failed', 'timed_out', 'cancelled', 'lost', 'skipped')),
    constraint runs_finished_ck check ((finished_at is not null) = (state in ('succeeded', 'failed', 'timed_out', 'cancelled', 'lost', 'skipped')))
);
create index runs_project_ix on runs (project_id, id desc);
create index runs_job_ix on runs (job_id, id desc);
create index runs_open_ix on runs (project_id, id desc) where finished_at is null;

-- Owned by hub/run. Hot: one row a queued or leased attempt, deleted at the end.
create table run_queue (
    run_id       uuid primary key,
    project_id   uuid not null,
    job_id       uuid not null,
    job_version  integer not null,
    state        text not null,
    attempt      integer not null,
    fence        bigint not null default 0,
    agent_id     uuid,
    target       jsonb not null default '{}',
    priority     smallint not null default 0,
    not_before   timestamptz not null default now(),
    lease_until  timestamptz,
    unknown_since timestamptz,
    lost_after   interval not null default '15 minutes',
    cancel_requested_at timestamptz,
    sealed       bytea,
    reason       text not null default '',
    reason_detail text not null default '',
    reason_since timestamptz not null default now(),
    constraint run_queue_state_ck check (state in ('queued', 'assigned', 'running', 'unknown')),
    constraint run_queue_reason_ck check (state <> 'queued' or reason <> ''),
    constraint run_queue_leased_ck check (state = 'queued' or (agent_id is not null and fence > 0))
);
create index run_queue_claim_ix on run_queue (priority desc, run_id) where state = 'queued';
create index run_queue_lease_ix on run_queue (lease_until) where state <> 'queued';
create index run_queue_agent_ix on run_queue (agent_id) where state <> 'queued';

-- Owned by hub/run. One try of a run on one target.
create table attempts (
    run_id       uuid not null,
    attempt      integer not null,
    fence        bigint not null,
    agent_id     uuid not null,
    agent_epoch  bigint not null default 0,
    state        text not null,
    assigned_at  timestamptz not null default now(),
    accepted_at  timestamptz,
    started_at   timestamptz,
    finished_at  timestamptz,
    outcome      text,
    exit_code    integer,
    signal       text not null default '',
    problem      jsonb,
    log_bytes    bigint not null default 0,
    dropped_bytes bigint not null default 0,
    result_sha256 bytea,
    late         boolean not null default false,
    primary key (run_id, attempt),
    constraint attempts_fence_uq unique (fence),
    constraint attempts_state_ck check (state in ('assigned', 'running', 'finished', 'revoked', 'lost'))
);
