-- How large the side database is by now, and the live one. Variables: side, live.
SELECT pg_database_size(:'side') || ' ' || pg_database_size(:'live');
