-- Which database a name means now. Variable: live.
SELECT oid FROM pg_catalog.pg_database WHERE datname = :'live';
