-- +goose Up
-- Owned by hub/fleet. Hubs sign what agents run with the key that is not retired.
create table signing_keys (
    public_key bytea primary key,
    sealed_key bytea not null,
    created_at timestamptz not null default now(),
    retired_at timestamptz
);
create unique index signing_keys_one_in_use_uq on signing_keys ((true)) where retired_at is null;
