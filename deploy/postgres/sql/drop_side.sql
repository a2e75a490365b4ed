-- Take a side database away; it is ours alone. Variable: side.
SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity WHERE datname = :'side';
DROP DATABASE IF EXISTS :"side";
