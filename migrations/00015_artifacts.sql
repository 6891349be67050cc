-- +goose Up
-- Owned by hub/artifact. A file that a run keeps. It is there for readers once
-- made_at is set; until then it is being put.
create table artifacts (
    id           uuid primary key,
    project_id   uuid not null,
    run_id       uuid not null references runs (id) on delete cascade,
    attempt      integer not null,
    name         text not null,
    content_type text not null,
    size         bigint not null,
    received     bigint not null default 0,
    digest       bytea not null, -- SHA-256; while it is being put, the state of the hash so far
    touched_at   timestamptz not null default now(),
    made_at      timestamptz,
    constraint artifacts_name_ck check (octet_length(name) between 1 and 255),
    constraint artifacts_size_ck check (received between 0 and size),
    constraint artifacts_made_ck check (made_at is null or (received = size and octet_length(digest) = 32))
) with (fillfactor = 70);
create unique index artifacts_name_uq on artifacts (run_id, name) where made_at is not null;
create index artifacts_run_ix on artifacts (run_id);
create index artifacts_unfinished_ix on artifacts (id) where made_at is null;

-- Owned by hub/artifact. The bytes, in rows of 512 KiB but for the last.
create table artifact_chunks (
    artifact_id uuid not null references artifacts (id) on delete cascade,
    n           integer not null,
    data        bytea not null,
    primary key (artifact_id, n),
    constraint artifact_chunks_data_ck check (octet_length(data) between 1 and 524288)
);
alter table artifact_chunks alter column data set storage external;
