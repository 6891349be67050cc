-- +goose Up
-- What this hub is: one row, written once. Owned by hub/setting.
create table instance (
    only_one    boolean primary key default true,
    id          uuid not null,
    setup_code_sha256 bytea,
    created_at  timestamptz not null default now(),
    constraint instance_only_one_ck check (only_one)
);

-- +goose StatementBegin
-- The order of everything that concerns an attempt. Never a time stamp.
create sequence fence as bigint start with 1;
-- +goose StatementEnd
