-- +goose Up
-- Owned by hub/server. A machine that agents reach over SSH.
create table servers (
    id                 uuid primary key,
    project_id         uuid not null references projects (id),
    name               text not null,
    host               text not null, -- an address or a DNS name
    port               integer not null,
    username           text not null,
    -- what opens it, sealed; none after it was archived
    credential         text not null,
    credential_version integer not null default 1,
    sealed_credential  bytea,
    public_key         text not null default '', -- of a key, as authorized_keys has it
    -- the key that the server must show, once somebody has confirmed it; what it
    -- showed last, as long as that is another; and what was announced beforehand
    host_key           bytea,
    confirmed_at       timestamptz,
    confirmed_by       text not null default '',
    offered_key        bytea,
    offered_at         timestamptz,
    expected_key       text not null default '',
    jump_id            uuid references servers (id),
    via                jsonb not null default '{}', -- labels of the agents that may reach it
    facts              jsonb not null default '{}',
    checks             jsonb not null default '[]', -- of the last probe
    health             text not null default 'unknown',
    checked_at         timestamptz,
    checked_by         text not null default '', -- name of the agent
    next_check_at      timestamptz, -- null: nobody asks by the clock
    revision           bigint not null default 1, -- counts what a probe depends on
    archived_at        timestamptz,
    archived_by        text not null default '',
    purge_after        timestamptz,
    created_by         text not null default '',
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    constraint servers_name_uq unique (project_id, name),
    constraint servers_name_ck check (name ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
    constraint servers_host_ck check (host <> '' and left(host, 1) <> '-'),
    constraint servers_port_ck check (port between 1 and 65535),
    constraint servers_username_ck check (username ~ '^[a-z_][a-z0-9_.-]{0,31}\$?$'),
    constraint servers_credential_ck check (credential in ('key', 'password', 'none')),
    constraint servers_sealed_ck check ((sealed_credential is null) = (credential = 'none')),
    constraint servers_archived_ck check ((archived_at is null) = (purge_after is null) and (archived_at is null or credential = 'none')),
    constraint servers_jump_ck check (jump_id is distinct from id),
    constraint servers_health_ck check (health in ('unknown', 'reachable', 'unreachable', 'key_mismatch', 'auth_failed'))
);
create index servers_due_ix on servers (next_check_at) where next_check_at is not null;
create index servers_purge_ix on servers (purge_after) where purge_after is not null;
create index servers_jump_ix on servers (jump_id) where jump_id is not null;

-- Owned by hub/run. The server that a run is for, by name, so that history outlives
-- the server; empty: the agent's own host.
alter table runs add column server text not null default '';
