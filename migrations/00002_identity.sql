-- +goose Up
-- Owned by hub/project.
create table projects (
    id          uuid primary key,
    slug        text not null,
    name        text not null,
    created_at  timestamptz not null default now(),
    constraint projects_slug_uq unique (slug),
    constraint projects_slug_ck check (slug ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$')
);

-- Owned by hub/identity.
create table users (
    id            uuid primary key,
    email         text not null,
    name          text not null,
    password_hash text not null,
    admin         boolean not null default false,
    disabled_at   timestamptz,
    created_at    timestamptz not null default now(),
    constraint users_email_uq unique (email),
    constraint users_email_lower_ck check (email = lower(email))
);

-- Owned by hub/project: who may do what where.
create table memberships (
    project_id  uuid not null references projects (id) on delete cascade,
    user_id     uuid not null references users (id) on delete cascade,
    role        text not null,
    created_at  timestamptz not null default now(),
    primary key (project_id, user_id),
    constraint memberships_role_ck check (role in ('owner', 'admin', 'editor', 'operator', 'viewer', 'auditor'))
);
create index memberships_user_ix on memberships (user_id);

-- Owned by hub/identity. The cookie's value is never stored, only its SHA-256.
create table sessions (
    id_sha256    bytea primary key,
    user_id      uuid not null references users (id) on delete cascade,
    created_at   timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at   timestamptz not null,
    user_agent   text not null default '',
    ip           text not null default ''
);
create index sessions_user_ix on sessions (user_id);
create index sessions_expiry_ix on sessions (expires_at);

create table api_tokens (
    id            text primary key,
    user_id       uuid not null references users (id) on delete cascade,
    name          text not null,
    secret_sha256 bytea not null,
    expires_at    timestamptz not null,
    last_used_at  timestamptz,
    revoked_at    timestamptz,
    created_at    timestamptz not null default now(),
    constraint api_tokens_name_uq unique (user_id, name)
);

-- Failed logins by account and by address, and those that are being tried; the
-- limiter fails closed.
create table login_failures (
    id         bigint generated always as identity primary key,
    key        text not null,
    at         timestamptz not null default now()
);
create index login_failures_ix on login_failures (key, at);
