==== destructive@1:1: a table
DROP TABLE IF EXISTS app.users;
==== destructive@1:1: a table with all that hangs on it
DROP TABLE IF EXISTS app.users CASCADE;
==== destructive@1:1: two tables in quotes
drop table if exists "App"."Users", "App"."Orders" cascade;
==== destructive@1:1: a table made again, empty
DROP TABLE IF EXISTS app.users;
CREATE TABLE app.users (id bigint PRIMARY KEY);
==== destructive@1:1: a schema
DROP SCHEMA IF EXISTS app;
==== destructive@1:1: a schema with everything in it
DROP SCHEMA IF EXISTS app CASCADE;
==== destructive@1:1: a sequence
DROP SEQUENCE IF EXISTS app.numbers;
==== destructive@1:1: a materialized view
DROP MATERIALIZED VIEW IF EXISTS app.totals;
==== destructive@1:1: a type
DROP TYPE IF EXISTS app.state;
==== destructive@1:1: a type with the columns that have it
DROP TYPE IF EXISTS app.state CASCADE;
==== destructive@1:1: a domain with the columns that have it
DROP DOMAIN IF EXISTS app.email CASCADE;
==== destructive@1:1: an extension with the columns that have its types
DROP EXTENSION IF EXISTS hstore CASCADE;
==== destructive@1:1: a database
DROP DATABASE IF EXISTS reports;
==== destructive@1:1: a database by force
DROP DATABASE IF EXISTS reports WITH (FORCE);
==== destructive@1:1: all that a role owns
DROP OWNED BY reader;
==== destructive@1:1: all that a role owns, and what hangs on it
DROP OWNED BY reader CASCADE;
==== destructive@1:1: TRUNCATE
TRUNCATE app.users;
==== destructive@1:1: TRUNCATE of several, with their sequences
TRUNCATE TABLE ONLY app.users, app.orders RESTART IDENTITY CASCADE;
==== destructive@1:1: a column
ALTER TABLE app.users DROP COLUMN IF EXISTS email;
==== destructive@1:1: a column without the word, with what hangs on it
ALTER TABLE app.users DROP IF EXISTS email CASCADE;
==== destructive@3:5: a column between other changes
ALTER TABLE app.users
    ADD COLUMN IF NOT EXISTS mail text,
    DROP COLUMN IF EXISTS email,
    ALTER COLUMN name SET DEFAULT '';
==== destructive@1:1: the attribute of a type
ALTER TYPE app.point DROP ATTRIBUTE IF EXISTS z;
==== destructive@1:1: a column of a foreign table
ALTER FOREIGN TABLE app.remote DROP COLUMN IF EXISTS email;
==== destructive@1:1, lock@1:1: the type of a column
ALTER TABLE app.users ALTER COLUMN age TYPE smallint;
==== destructive@1:1, lock@1:1: the type of a column, in more words
ALTER TABLE app.users ALTER age SET DATA TYPE integer USING age::integer;
==== destructive@1:1: a table renamed
ALTER TABLE IF EXISTS app.users RENAME TO people;
==== destructive@1:1, idempotency@1:1: a column renamed
ALTER TABLE app.users RENAME COLUMN email TO mail;
==== destructive@1:1, idempotency@1:1: a view's column renamed
ALTER TABLE app.active RENAME COLUMN email TO mail;
==== destructive@1:1: DELETE without WHERE
DELETE FROM app.users;
==== destructive@1:1: DELETE WHERE true
DELETE FROM app.users WHERE true;
==== destructive@1:1: DELETE WHERE 1 = 1
delete from only "App"."Users" as u where 1 = 1;
==== destructive@1:1: DELETE WHERE NOT false
DELETE FROM app.users WHERE NOT false;
==== destructive@1:1: DELETE WHERE 'a' = 'a' RETURNING
DELETE FROM app.users WHERE 'a' = 'a' RETURNING id;
==== destructive@1:1: DELETE with one side true
DELETE FROM app.users WHERE id > 0 OR true;
==== destructive@1:1: UPDATE without WHERE
UPDATE app.users SET active = false;
==== destructive@1:1: UPDATE WHERE true
UPDATE app.users SET active = false WHERE true;
==== destructive@1:1: UPDATE WHERE (1 = 1) AND 2 > 1
UPDATE app.users AS u SET active = false WHERE (1 = 1) AND 2 > 1;
==== destructive@1:15: DELETE in a CTE
WITH gone AS (DELETE FROM app.users RETURNING id) SELECT count(*) FROM gone;
==== destructive@1:18: UPDATE in a CTE, before another statement
WITH changed AS (UPDATE app.users SET active = false RETURNING id)
INSERT INTO app.log (id) SELECT id FROM changed ON CONFLICT DO NOTHING;
==== destructive@3:9: DELETE in a nested CTE
WITH a AS (
    WITH b AS (SELECT 1), c AS (
        DELETE FROM app.users RETURNING id
    ) SELECT id FROM c
) SELECT * FROM a;
==== destructive@3:5: DROP TABLE in a DO block
DO $$
BEGIN
    DROP TABLE IF EXISTS app.users;
END $$;
==== destructive@4:9: DROP TABLE in a guarded DO block
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_class WHERE relname = 'users') THEN
        DROP TABLE app.users;
    END IF;
END $$;
==== destructive@3:5: TRUNCATE by EXECUTE
DO $$
BEGIN
    EXECUTE 'TRUNCATE app.users';
END $$;
==== destructive@4:9: DELETE in a loop
DO $$
BEGIN
    FOR i IN 1..3 LOOP
        DELETE FROM app.users;
    END LOOP;
END $$;
==== destructive@3:5: UPDATE in a DO block in capitals and with a tag
DO $migrate$
BEGIN
    UPDATE app.users SET active = false;
END
$migrate$;
==== destructive@4:5: DELETE in an exception handler
DO $$ BEGIN
    PERFORM 1;
EXCEPTION WHEN OTHERS THEN
    DELETE FROM app.users;
END $$;
==== destructive@5:9: DROP COLUMN in a CASE of a block
DO $$
BEGIN
    CASE WHEN current_database() = 'app' THEN
        NULL;
        ALTER TABLE app.users DROP COLUMN IF EXISTS email;
    ELSE NULL;
    END CASE;
END $$;
==== destructive@3:5: DROP SCHEMA in a DO of single quotes
DO '
BEGIN
    DROP SCHEMA IF EXISTS app CASCADE;
END ';
==== destructive@3:5: DROP OWNED in a block
DO $$
BEGIN
    DROP OWNED BY reader;
END $$;
==== destructive@1:1: behind EXPLAIN ANALYZE, which runs it
EXPLAIN ANALYZE DELETE FROM app.users;
==== destructive@1:16: behind comments and on an odd line
/* clean up */ DROP /* the old */ TABLE IF EXISTS -- really
app.users;
==== destructive@2:1: behind a meta-command
\echo cleaning up
TRUNCATE app.users;
==== idempotency@2:1, directive@2:28, destructive@4:1: behind COPY data
CREATE TABLE IF NOT EXISTS app.codes (id int);
COPY app.codes FROM stdin; -- deploy: ignore copy-from made above
\.
DROP TABLE IF EXISTS app.users;
==== destructive@1:1, syntax@1:22: with a psql variable
DROP TABLE IF EXISTS :"schema".users;
==== destructive@2:1: by DROP TABLE beside a view of the same name
CREATE OR REPLACE VIEW app.v AS SELECT 1;
DROP TABLE IF EXISTS app.t;
==== destructive@1:1: MERGE that deletes
MERGE INTO app.users u USING app.gone g ON true WHEN MATCHED THEN DELETE;
==== lock@1:1: a table that becomes unlogged, and so is lost in a crash
ALTER TABLE app.users SET UNLOGGED;
==== destructive@2:11: a table by DROP in a second statement of the line
SELECT 1;
SELECT 2; DROP TABLE IF EXISTS app.users; SELECT 3;
==== destructive@1:1: a partition of data
DROP TABLE IF EXISTS app.m_2019;
==== destructive@1:69: a column's data by its expression
ALTER TABLE app.users ALTER COLUMN total DROP EXPRESSION IF EXISTS, DROP COLUMN IF EXISTS net;
==== destructive@1:1: DELETE WHERE 1.5 > 1
DELETE FROM app.users WHERE 1.5 > 1;
==== destructive@1:1: DELETE WHERE a column is what it is
DELETE FROM app.users WHERE id = id;
==== destructive@1:1: MERGE that updates
MERGE INTO app.users u USING app.gone g ON 1 = 1 WHEN MATCHED THEN UPDATE SET gone = true;
==== destructive@5:14: DELETE in the head of a loop
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN DELETE FROM app.users RETURNING id LOOP
        RAISE NOTICE '%', r.id;
    END LOOP;
END $$;
==== destructive@1:1: a domain in the place of a type
DROP TYPE IF EXISTS app.email;
CREATE DOMAIN app.email AS text;
