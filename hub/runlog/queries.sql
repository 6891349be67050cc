-- name: LockHeads :many
-- In key order, so that two batches cannot wait for each other in a circle.
select h.run_id, h.attempt, h.durable, h.content, h.lines, h.open_line
from log_heads h
where (h.run_id, h.attempt) in (
    select unnest(@run_ids::uuid[]), unnest(@attempts::integer[])
)
order by h.run_id, h.attempt
for update;

-- name: EnsureHeads :exec
insert into log_heads (run_id, attempt)
select k.run_id, k.attempt
from (select unnest(@run_ids::uuid[]) as run_id, unnest(@attempts::integer[]) as attempt) k
order by k.run_id, k.attempt
on conflict do nothing;

-- name: Store :exec
-- Chunks and heads in one statement: one round trip however many there are.
with stored as (
    insert into log_chunks (run_id, attempt, off, len, content_off, content_len, first_line, lines, first_at, last_at, data)
    select unnest(@run_ids::uuid[]), unnest(@attempts::integer[]), unnest(@offs::bigint[]), unnest(@lens::integer[]),
           unnest(@content_offs::bigint[]), unnest(@content_lens::integer[]), unnest(@first_lines::bigint[]),
           unnest(@line_counts::integer[]), unnest(@first_ats::timestamptz[]), unnest(@last_ats::timestamptz[]),
           unnest(@datas::bytea[])
)
update log_heads h
set durable = n.durable, content = n.content, lines = n.lines, open_line = n.open_line,
    complete = h.expected is not null and n.durable >= h.expected, updated_at = now()
from (
    select unnest(@head_run_ids::uuid[]) as run_id, unnest(@head_attempts::integer[]) as attempt,
           unnest(@durables::bigint[]) as durable, unnest(@contents::bigint[]) as content,
           unnest(@totals::bigint[]) as lines, unnest(@opens::boolean[]) as open_line
) n
where h.run_id = n.run_id and h.attempt = n.attempt;

-- name: Expect :many
-- In the order of the locks that appending takes. Distinct logs only.
insert into log_heads (run_id, attempt, expected, complete)
select e.run_id, e.attempt, e.expected, e.expected <= 0
from (select unnest(@run_ids::uuid[]) as run_id, unnest(@attempts::integer[]) as attempt, unnest(@expecteds::bigint[]) as expected) e
on conflict (run_id, attempt) do update
set expected = excluded.expected, complete = log_heads.durable >= excluded.expected, updated_at = now()
returning run_id, complete;

-- name: Head :one
select durable, content, lines, open_line, complete
from log_heads
where run_id = $1 and attempt = $2;

-- name: ChunksFrom :many
select off, len, content_off, content_len, first_line, lines, data
from log_chunks
where run_id = @run_id and attempt = @attempt and off >= @off::bigint and off < @before::bigint
order by off
limit @most::integer;

-- name: LastChunkAtLine :one
-- The last chunk that begins in a line numbered at most @line.
select off, content_off, first_line
from log_chunks
where run_id = @run_id and attempt = @attempt and first_line <= @line::bigint and off < @before::bigint
order by first_line desc, off desc
limit 1;

-- name: Heads :many
select run_id, attempt, durable, content, lines, open_line, complete
from log_heads
where (run_id, attempt) in (select unnest(@run_ids::uuid[]), unnest(@attempts::integer[]));
