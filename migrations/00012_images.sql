-- +goose Up
-- How an attempt went, as its agent told: the image that it ran in and how long
-- each part of it took. Null until the result is there.
alter table attempts add column ran jsonb;

-- Owned by hub/project. Which images the project's jobs may name; a project
-- without a row allows every one.
create table project_images (
    project_id uuid not null references projects (id) on delete cascade,
    position   integer not null,
    pattern    text not null,
    primary key (project_id, position)
);
