-- Record migrations as applied without running them. Variables as in begin_transaction.sql.
INSERT INTO :"deploy_schema".migrations (name, sha256, way, started_at, finished_at, duration_ms, applied_by, applied_from, git_commit, deploy_id, tool_version)
VALUES (:'deploy_name', :'deploy_sha256', 'baseline', pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp(), 0, :'deploy_by', :'deploy_from', nullif(:'deploy_commit', ''), :'deploy_id', :'deploy_version')
ON CONFLICT (name) DO NOTHING;
