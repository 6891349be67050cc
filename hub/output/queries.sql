-- name: Begin :one
-- The run's row, locked and empty of what earlier attempts said.
insert into run_outputs (run_id, attempt) values ($1, $2)
on conflict (run_id) do update
set attempt = greatest(run_outputs.attempt, excluded.attempt),
    output = case when run_outputs.attempt >= excluded.attempt then run_outputs.output end,
    output_at = case when run_outputs.attempt >= excluded.attempt then run_outputs.output_at end,
    condition = case when run_outputs.attempt >= excluded.attempt then run_outputs.condition end,
    fraction = case when run_outputs.attempt >= excluded.attempt then run_outputs.fraction end,
    progress_text = case when run_outputs.attempt >= excluded.attempt then run_outputs.progress_text end,
    progress_at = case when run_outputs.attempt >= excluded.attempt then run_outputs.progress_at end
returning attempt;

-- name: Output :one
select output from run_outputs where run_id = $1;

-- name: SetOutput :exec
update run_outputs set output = @output::text, output_at = now() where run_id = @run_id;

-- name: SetCondition :exec
update run_outputs set condition = @condition::boolean where run_id = @run_id;

-- name: SetProgress :exec
update run_outputs set fraction = @fraction, progress_text = @progress_text::text, progress_at = now() where run_id = @run_id;

-- name: Get :one
-- A large output is left out; it has a question of its own.
select attempt, coalesce(octet_length(output), 0)::bigint as bytes, output_at, condition, fraction, progress_text, progress_at,
    coalesce(case when octet_length(output) <= @most::int then output end, '')::text as output
from run_outputs
where run_id = @run_id;
