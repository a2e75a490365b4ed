\echo hello
\timing on
\set ON_ERROR_STOP on
\pset format csv
\dt+ public.*
\d t
SELECT 1 \gset
\q
