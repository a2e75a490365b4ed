-- Who stands in the way of the session that applies. Variable: application.
SET search_path = pg_catalog;
SELECT json_build_object('event', 'waiting', 'pid', b.pid, 'application', b.application_name, 'user', b.usename,
  'state', b.state, 'since', b.xact_start, 'query', left(b.query, 200))
FROM pg_stat_activity w, LATERAL unnest(pg_blocking_pids(w.pid)) AS p(pid), pg_stat_activity b
WHERE w.application_name = :'application' AND w.wait_event_type = 'Lock' AND b.pid = p.pid
LIMIT 1;
