-- +goose Up
-- Owned by hub/console: who had a shell where, from when to when, and why it ended.
create table console_sessions (
    id         uuid primary key,
    project_id uuid not null references projects (id),
    agent_id   uuid not null,
    epoch      bigint not null, -- of the agent's connection, with which the shell ends
    hub_id     uuid not null,
    host       text not null,   -- its name at that time
    user_id    uuid not null,
    user_email text not null,
    ip         text not null,
    opened_at  timestamptz not null default now(),
    closed_at  timestamptz,
    bytes_in   bigint not null default 0,
    bytes_out  bigint not null default 0,
    reason     text not null default '',
    constraint console_sessions_end_ck check ((closed_at is null) = (reason = '')),
    constraint console_sessions_reason_ck check (reason in ('', 'exited', 'closed', 'idle', 'too_long', 'abandoned',
        'not_permitted', 'signed_out', 'host_lost', 'hub_stopped', 'hub_lost', 'not_opened'))
);
create index console_sessions_project_ix on console_sessions (project_id, id desc);
create index console_sessions_open_ix on console_sessions (user_id) where closed_at is null;

-- A record of who had a shell is worth something only if nobody can change it. The
-- one change that there is ends a session, once.
-- +goose StatementBegin
create function console_sessions_append_only() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.closed_at is null and new.closed_at is not null
        and (old.id, old.project_id, old.agent_id, old.epoch, old.hub_id, old.host, old.user_id, old.user_email, old.ip, old.opened_at)
          = (new.id, new.project_id, new.agent_id, new.epoch, new.hub_id, new.host, new.user_id, new.user_email, new.ip, new.opened_at)
    then
        return new;
    end if;
    raise exception 'console_sessions is append-only' using errcode = 'integrity_constraint_violation';
end $$;
-- +goose StatementEnd
create trigger console_sessions_append_only_tg before update or delete on console_sessions
    for each row execute function console_sessions_append_only();
create trigger console_sessions_no_truncate_tg before truncate on console_sessions
    for each statement execute function console_sessions_append_only();
