-- +goose Up
-- Owned by hub/schedule.
create table schedules (
    id           uuid primary key,
    project_id   uuid not null references projects (id),
    job_id       uuid not null references jobs (id) on delete cascade,
    name         text not null,
    spec         text not null,
    zone         text not null default 'UTC',
    gap          text not null default 'shift',
    fold         text not null default 'first',
    overlap      text not null default 'allow',
    catch_up     text not null default 'last',
    inputs       jsonb not null default '{}',
    enabled      boolean not null default true,
    revision     bigint not null default 1,
    anchor_at    timestamptz not null default now(),
    next_fire_at timestamptz,
    last_fire_at timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    constraint schedules_name_uq unique (job_id, name),
    constraint schedules_gap_ck check (gap in ('shift', 'skip')),
    constraint schedules_fold_ck check (fold in ('first', 'second', 'both')),
    constraint schedules_overlap_ck check (overlap in ('allow', 'skip')),
    constraint schedules_catch_up_ck check (catch_up in ('none', 'last', 'all'))
);
create index schedules_due_ix on schedules (next_fire_at) where enabled and next_fire_at is not null;
create index schedules_project_ix on schedules (project_id, id);

-- Owned by hub/schedule. The fire ledger: every due occurrence has its row,
-- whatever became of it. A row may stand for many that were missed in a row.
create table fires (
    schedule_id uuid not null,
    run_id      uuid,
    planned_at  timestamptz not null,
    decided_at  timestamptz not null default now(),
    revision    bigint not null,
    occurrences bigint not null default 1,
    outcome     text not null,
    reason      text not null default '',
    detail      text not null default '',
    primary key (schedule_id, planned_at),
    constraint fires_outcome_ck check (outcome in ('started', 'skipped', 'missed')),
    constraint fires_reason_ck check (outcome = 'started' or reason <> ''),
    constraint fires_run_ck check ((run_id is not null) = (outcome = 'started'))
);
