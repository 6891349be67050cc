-- +goose Up
-- Owned by hub/runlog. One row a chunk of whole frames, zstd-compressed.
create table log_chunks (
    run_id        uuid not null,
    attempt       integer not null,
    off           bigint not null,
    len           integer not null,
    content_off   bigint not null,
    content_len   integer not null,
    first_line    bigint not null,
    lines         integer not null,
    first_at      timestamptz not null,
    last_at       timestamptz not null,
    data          bytea not null,
    primary key (run_id, attempt, off)
);
alter table log_chunks alter column data set storage external;
create index log_chunks_line_ix on log_chunks (run_id, attempt, first_line, off);

-- Owned by hub/runlog. How far each attempt's log is durable; the append lock.
create table log_heads (
    run_id      uuid not null,
    attempt     integer not null,
    durable     bigint not null default 0,
    content     bigint not null default 0,
    lines       bigint not null default 0,
    open_line   boolean not null default false,
    expected    bigint,
    complete    boolean not null default false,
    updated_at  timestamptz not null default now(),
    primary key (run_id, attempt)
);
