-- +goose Up
-- Owned by hub/variable. Values are JSON as it was written: jsonb would change the
-- digits of numbers.
create table variables (
    project_id uuid not null references projects (id) on delete cascade,
    name       text not null,
    value      text not null,
    version    bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    updated_by text not null default '',
    primary key (project_id, name),
    constraint variables_name_ck check (name ~ '^[A-Za-z_][A-Za-z0-9_.-]{0,127}$'),
    constraint variables_value_ck check (octet_length(value) between 1 and 65536)
);

-- Owned by hub/secret. The id is new whenever a value is, so that no sealed value
-- opens in another row or as an older one.
create table secrets (
    project_id uuid not null references projects (id) on delete cascade,
    name       text not null,
    id         uuid not null,
    sealed     bytea not null,
    version    bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    updated_by text not null default '',
    primary key (project_id, name),
    constraint secrets_name_ck check (name ~ '^[A-Za-z_][A-Za-z0-9_.-]{0,127}$')
);

-- Owned by hub/secret. Which attempt has read which secret: one row for both, with
-- the last time. It outlives the secret.
create table secret_reads (
    project_id uuid not null,
    name       text not null,
    run_id     uuid not null,
    attempt    integer not null,
    job_name   text not null,
    version    bigint not null,
    reads      bigint not null default 1,
    first_at   timestamptz not null default now(),
    last_at    timestamptz not null default now(),
    primary key (project_id, name, run_id, attempt)
);
create index secret_reads_last_ix on secret_reads (project_id, name, last_at desc);
create index secret_reads_age_ix on secret_reads (last_at);

-- Owned by hub/output. What a run says of itself. No row: it has said nothing.
create table run_outputs (
    run_id        uuid primary key,
    attempt       integer not null,
    output        text,
    output_at     timestamptz,
    condition     boolean,
    fraction      double precision,
    progress_text text,
    progress_at   timestamptz,
    constraint run_outputs_output_ck check (octet_length(output) <= 1048576),
    constraint run_outputs_fraction_ck check (fraction between 0 and 1)
) with (fillfactor = 70);
alter table run_outputs alter column output set storage external;

-- Owned by hub/call. Calls of scripts that have changed something, with what they
-- were answered, for as long as they may come again.
create table runtime_calls (
    run_id     uuid not null,
    attempt    integer not null,
    call_id    bigint not null,
    answer     text not null,
    created_at timestamptz not null default now(),
    primary key (run_id, attempt, call_id)
);
create index runtime_calls_age_ix on runtime_calls (created_at);
