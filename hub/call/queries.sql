-- name: Claim :execrows
-- Waits for the transaction of the same call, if it is being made at this moment.
insert into runtime_calls (run_id, attempt, call_id, answer) values ($1, $2, $3, '')
on conflict do nothing;

-- name: Answered :one
select answer from runtime_calls where run_id = $1 and attempt = $2 and call_id = $3;

-- name: Answer :exec
update runtime_calls set answer = @answer where run_id = @run_id and attempt = @attempt and call_id = @call_id;

-- name: Forget :execrows
delete from runtime_calls c
using (select x.run_id, x.attempt, x.call_id from runtime_calls x where x.created_at < now() - make_interval(secs => @age_s::float8) limit @n) old
where c.run_id = old.run_id and c.attempt = old.attempt and c.call_id = old.call_id;
