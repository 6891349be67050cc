-- +goose Up
-- Owned by hub/job.
create table jobs (
    id          uuid primary key,
    project_id  uuid not null references projects (id),
    name        text not null,
    labels      jsonb not null default '{}',
    version     integer not null default 1,
    state       text not null default 'active',
    created_by  uuid references users (id) on delete set null,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    constraint jobs_name_uq unique (project_id, name),
    constraint jobs_name_ck check (name ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
    constraint jobs_state_ck check (state in ('active', 'paused', 'archived'))
);

-- What a job was at each version. Never updated.
create table job_versions (
    job_id     uuid not null references jobs (id) on delete cascade,
    version    integer not null,
    spec       jsonb not null,
    script     text not null,
    sha256     bytea not null,
    note       text not null default '',
    created_by uuid references users (id) on delete set null,
    created_at timestamptz not null default now(),
    primary key (job_id, version)
);
