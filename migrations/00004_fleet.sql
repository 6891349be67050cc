-- +goose Up
-- Owned by hub/fleet.
create table certificate_authorities (
    id          uuid primary key,
    kind        text not null,
    certificate bytea not null,
    sealed_key  bytea not null,
    created_at  timestamptz not null default now(),
    constraint certificate_authorities_kind_ck check (kind in ('server', 'agent')),
    constraint certificate_authorities_kind_uq unique (kind)
);

create table join_tokens (
    id            text primary key,
    project_id    uuid not null references projects (id),
    secret_sha256 bytea not null,
    labels        jsonb not null default '{}',
    name          text not null default '',
    max_uses      integer not null default 1,
    uses          integer not null default 0,
    expires_at    timestamptz not null,
    created_by    uuid references users (id) on delete set null,
    created_at    timestamptz not null default now(),
    constraint join_tokens_uses_ck check (uses <= max_uses)
);

create table agents (
    id            uuid primary key,
    project_id    uuid not null references projects (id),
    name          text not null,
    labels        jsonb not null default '{}', -- in force: what the agent says, under what the token and the hub say
    token_labels  jsonb not null default '{}', -- from the join token; an agent cannot change them
    facts         jsonb not null default '{}',
    version       text not null default '',
    slots         integer not null default 0,
    journal_id    text not null default '',
    machine_id    text not null default '',
    boot_id       text not null default '',
    epoch         bigint not null default 0,
    hub_id        uuid,
    connected_at  timestamptz,
    last_seen_at  timestamptz,
    revoked_at    timestamptz,
    created_at    timestamptz not null default now()
);
-- A revoked agent gives its name free.
create unique index agents_name_uq on agents (project_id, name) where revoked_at is null;
create index agents_revoked_ix on agents (revoked_at) where revoked_at is not null;

create table agent_certificates (
    serial      text primary key,
    agent_id    uuid not null references agents (id) on delete cascade,
    spki_sha256 bytea not null,
    generation  bigint not null,
    not_after   timestamptz not null,
    used_at     timestamptz,
    revoked_at  timestamptz,
    created_at  timestamptz not null default now(),
    constraint agent_certificates_generation_uq unique (agent_id, generation)
);
create index agent_certificates_revoked_ix on agent_certificates (revoked_at) where revoked_at is not null;
