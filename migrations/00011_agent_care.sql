-- +goose Up
-- Owned by hub/fleet. What people want of an agent besides runs.
alter table agents
    add column draining        boolean not null default false, -- it gets nothing new
    add column upgrade_version text not null default '',       -- what it shall become, until it has
    add column upgrade_problem text not null default '',       -- why it has not
    add column wished_at       timestamptz;                    -- when one of these was last changed
create index agents_wished_ix on agents (wished_at) where wished_at is not null;
