-- name: LockRun :exec
-- Beginnings and ends of puts of one run follow one another.
select pg_advisory_xact_lock(hashtextextended('artifacts|' || sqlc.arg('run_id')::text, 0));

-- name: Held :one
-- What a run has and is putting, without the one that would be replaced.
select count(*) as count, coalesce(sum(size), 0)::bigint as bytes
from artifacts
where run_id = @run_id and (made_at is null or name <> @name);

-- name: Begin :exec
insert into artifacts (id, project_id, run_id, attempt, name, content_type, size, digest)
values (@id, @project_id, @run_id, @attempt, @name, @content_type, @size, @digest);

-- name: Putting :one
select name, size, received, digest, content_type from artifacts
where id = @id and run_id = @run_id and attempt = @attempt and made_at is null
for update;

-- name: AddChunk :exec
insert into artifact_chunks (artifact_id, n, data) values ($1, $2, $3);

-- name: Advance :exec
update artifacts set received = @received, digest = @digest, touched_at = now() where id = @id;

-- name: Replace :exec
delete from artifacts where run_id = @run_id and name = @name and made_at is not null;

-- name: Finish :one
update artifacts set digest = @digest, made_at = now() where id = @id returning made_at;

-- name: Drop :exec
delete from artifacts where id = @id and run_id = @run_id and attempt = @attempt and made_at is null;

-- name: Sweep :execrows
delete from artifacts a
using (select x.id from artifacts x where x.made_at is null and x.touched_at < now() - make_interval(secs => @age_s::float8)
       limit @n for update skip locked) old
where a.id = old.id;

-- name: ByRun :many
select id, attempt, name, content_type, size, digest, made_at from artifacts
where run_id = $1 and project_id = $2 and made_at is not null
order by name collate "C";

-- name: ByName :one
select id, attempt, name, content_type, size, digest, made_at from artifacts
where run_id = @run_id and project_id = @project_id and name = @name and made_at is not null;

-- name: Total :one
select count(*) as count, coalesce(sum(size), 0)::bigint as bytes, coalesce(max(made_at), to_timestamp(0))::timestamptz as made_at from artifacts
where run_id = $1 and made_at is not null;

-- name: Chunk :one
select c.data from artifact_chunks c join artifacts a on a.id = c.artifact_id
where a.id = @id and a.project_id = @project_id and a.made_at is not null and c.n = @n;
