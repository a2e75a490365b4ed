-- Record migrations as applied without running them, also one that was begun and finished by hand. Variables as in begin_transaction.sql.
INSERT INTO :"deploy_schema".migrations AS m (name, sha256, way, started_at, finished_at, duration_ms, applied_by, applied_from, git_commit, deploy_id, tool_version)
VALUES (:'deploy_name', :'deploy_sha256', 'baseline', pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp(), 0, :'deploy_by', :'deploy_from', nullif(:'deploy_commit', ''), :'deploy_id', :'deploy_version')
ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, way = excluded.way, started_at = excluded.started_at,
  finished_at = excluded.finished_at, duration_ms = excluded.duration_ms, applied_by = excluded.applied_by, applied_from = excluded.applied_from,
  git_commit = excluded.git_commit, deploy_id = excluded.deploy_id, tool_version = excluded.tool_version
WHERE m.finished_at IS NULL;
