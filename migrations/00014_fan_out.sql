-- +goose Up
-- Owned by hub/run. A run that fans out has one run for each of its targets, which
-- names it as its parent, and no attempt of its own. targets says how many there
-- are and is null for every other run; target is where such a child runs.
alter table runs
    add column parent_id uuid,
    add column target text not null default '',
    add column targets integer,
    drop constraint runs_state_ck,
    add constraint runs_state_ck check (state in ('open', 'succeeded', 'partial', 'failed', 'timed_out', 'cancelled', 'lost', 'skipped'));
create index runs_parent_ix on runs (parent_id, id) where parent_id is not null;

-- Lists of runs leave children out, and must not read past thousands of them.
drop index runs_project_ix;
drop index runs_job_ix;
create index runs_project_ix on runs (project_id, id desc) where parent_id is null;
create index runs_job_ix on runs (job_id, id desc) where parent_id is null;

-- What is held is in the queue and not yet for anybody: a child before its turn,
-- and every parent, which nobody ever claims. fan_out is the rules of a parent. It
-- runs without an agent and a lease.
alter table run_queue
    add column held boolean not null default false,
    add column fan_out jsonb,
    drop constraint run_queue_leased_ck,
    drop constraint run_queue_lease_ck,
    add constraint run_queue_leased_ck check ((state = 'queued') = (agent_id is null) or fan_out is not null and agent_id is null),
    add constraint run_queue_lease_ck check (state = 'queued' or fan_out is not null or (fence > 0 and lease_until is not null and assigned_at is not null)),
    add constraint run_queue_held_ck check (not held or agent_id is null),
    add constraint run_queue_fan_out_ck check (fan_out is null or held);
drop index run_queue_claim_ix;
create index run_queue_claim_ix on run_queue (project_id, priority desc, run_id) where agent_id is null and not held;
create index run_queue_fan_out_ix on run_queue (run_id) where fan_out is not null;
