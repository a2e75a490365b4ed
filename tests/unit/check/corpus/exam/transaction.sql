==== transaction@1:1: BEGIN without COMMIT
BEGIN;
CREATE TABLE IF NOT EXISTS app.a (id int);
==== transaction@1:1: START TRANSACTION without COMMIT
START TRANSACTION;
CREATE TABLE IF NOT EXISTS app.a (id int);
==== transaction@2:1: BEGIN WORK at the end
CREATE TABLE IF NOT EXISTS app.a (id int);
BEGIN WORK;
==== transaction@2:1: COMMIT without BEGIN
CREATE TABLE IF NOT EXISTS app.a (id int);
COMMIT;
==== transaction@2:1: END without BEGIN
CREATE TABLE IF NOT EXISTS app.a (id int);
END;
==== transaction@2:1: ROLLBACK without BEGIN
CREATE TABLE IF NOT EXISTS app.a (id int);
ROLLBACK;
==== transaction@2:1: ABORT without BEGIN
CREATE TABLE IF NOT EXISTS app.a (id int);
ABORT;
==== transaction@3:1: the work is thrown away
BEGIN;
CREATE TABLE IF NOT EXISTS app.a (id int);
ROLLBACK;
==== transaction@2:1: BEGIN in BEGIN
BEGIN;
BEGIN;
CREATE TABLE IF NOT EXISTS app.a (id int);
COMMIT;
==== transaction@4:1: COMMIT twice
BEGIN;
CREATE TABLE IF NOT EXISTS app.a (id int);
COMMIT;
COMMIT;
==== transaction@4:1: two blocks, the second open
BEGIN;
CREATE TABLE IF NOT EXISTS app.a (id int);
COMMIT;
BEGIN;
CREATE TABLE IF NOT EXISTS app.b (id int);
==== transaction@4:1: COMMIT in the middle of the file
CREATE TABLE IF NOT EXISTS app.a (id int);
BEGIN;
CREATE TABLE IF NOT EXISTS app.b (id int);
COMMIT AND CHAIN;
CREATE TABLE IF NOT EXISTS app.c (id int);
==== transaction@2:1: an index concurrently in a block
BEGIN;
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email);
COMMIT;
==== transaction@2:1: DROP INDEX CONCURRENTLY in a block
BEGIN;
DROP INDEX CONCURRENTLY IF EXISTS app.users_email;
COMMIT;
==== transaction@2:1: REINDEX CONCURRENTLY in a block
BEGIN;
REINDEX INDEX CONCURRENTLY app.users_email;
COMMIT;
==== transaction@2:1: REINDEX (CONCURRENTLY) in a block
BEGIN;
REINDEX (VERBOSE, CONCURRENTLY) TABLE app.users;
COMMIT;
==== transaction@2:1: VACUUM in a block
BEGIN;
VACUUM app.users;
COMMIT;
==== transaction@2:1: VACUUM ANALYZE in a block
START TRANSACTION ISOLATION LEVEL SERIALIZABLE;
VACUUM (ANALYZE) app.users;
END;
==== idempotency@2:1, transaction@2:1: CREATE DATABASE in a block
BEGIN;
CREATE DATABASE reports;
COMMIT;
==== destructive@2:1, transaction@2:1: DROP DATABASE in a block
BEGIN;
DROP DATABASE IF EXISTS reports;
COMMIT;
==== idempotency@2:1, transaction@2:1: CREATE TABLESPACE in a block
BEGIN;
CREATE TABLESPACE fast LOCATION '/mnt/fast';
COMMIT;
==== transaction@2:1: DROP TABLESPACE in a block
BEGIN;
DROP TABLESPACE IF EXISTS fast;
COMMIT;
==== transaction@2:1: ALTER SYSTEM in a block
BEGIN;
ALTER SYSTEM SET work_mem = '64MB';
COMMIT;
==== idempotency@2:1, transaction@2:1: CREATE SUBSCRIPTION in a block
BEGIN;
CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p;
COMMIT;
==== transaction@2:1: DROP SUBSCRIPTION in a block
BEGIN;
DROP SUBSCRIPTION IF EXISTS s;
COMMIT;
==== transaction@2:1: ALTER DATABASE SET TABLESPACE in a block
BEGIN;
ALTER DATABASE app SET TABLESPACE fast;
COMMIT;
==== transaction@2:1, idempotency@2:1: DETACH PARTITION CONCURRENTLY in a block
BEGIN;
ALTER TABLE app.m DETACH PARTITION app.m_2024 CONCURRENTLY;
COMMIT;
==== lock@2:1, transaction@2:1: CLUSTER of everything in a block
BEGIN;
CLUSTER;
COMMIT;
==== transaction@2:1, lock@2:1: REINDEX SYSTEM in a block
BEGIN;
REINDEX SYSTEM app;
COMMIT;
==== transaction@2:1, lock@2:1: REINDEX DATABASE in a block
BEGIN;
REINDEX DATABASE app;
COMMIT;
==== transaction@2:1, lock@2:1: REINDEX SCHEMA in a block
BEGIN;
REINDEX SCHEMA app;
COMMIT;
==== transaction@2:1: DISCARD ALL in a block
BEGIN;
DISCARD ALL;
COMMIT;
==== transaction@3:5: an index concurrently in a DO block
DO $$
BEGIN
    CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email);
END $$;
==== transaction@4:9: an index concurrently in a guarded DO block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'users_email') THEN
        CREATE INDEX CONCURRENTLY users_email ON app.users (email);
    END IF;
END $$;
==== transaction@3:5: an index concurrently by EXECUTE
DO $$
BEGIN
    EXECUTE 'CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email)';
END $$;
==== transaction@3:5: VACUUM in a DO block
DO $$
BEGIN
    VACUUM app.users;
END $$;
==== transaction@3:5: VACUUM by EXECUTE
DO $$
BEGIN
    EXECUTE 'VACUUM ANALYZE app.users';
END $$;
==== transaction@3:5: an index concurrently in a function
CREATE OR REPLACE FUNCTION app.build() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email);
END $$;
==== transaction@3:5: ALTER SYSTEM in a DO block
DO $$
BEGIN
    ALTER SYSTEM SET work_mem = '64MB';
END $$;
==== transaction@3:5: CREATE DATABASE in a DO block
DO $$
BEGIN
    CREATE DATABASE reports;
EXCEPTION WHEN duplicate_database THEN NULL;
END $$;
==== transaction@5:5: COMMIT in a DO block
BEGIN;
DO $$
BEGIN
    UPDATE app.users SET seen = now() WHERE seen IS NULL;
    COMMIT;
END $$;
COMMIT;
==== transaction@3:5: ROLLBACK in a DO block of a file in a block
START TRANSACTION;
DO $$ BEGIN
    ROLLBACK;
END $$;
COMMIT;
==== transaction@5:9: COMMIT in a loop with an exception block
DO $$
BEGIN
    BEGIN
        UPDATE app.users SET seen = now() WHERE seen IS NULL;
        COMMIT;
    EXCEPTION WHEN others THEN
        NULL;
    END;
END $$;
==== transaction@3:5: BEGIN TRANSACTION in a body
CREATE OR REPLACE PROCEDURE app.p() LANGUAGE plpgsql AS $$
BEGIN
    START TRANSACTION;
    PERFORM 1;
    COMMIT;
END $$;
==== transaction@3:5: SAVEPOINT in a body
DO $$
BEGIN
    SAVEPOINT a;
END $$;
==== transaction@2:1: an enum value used in the file that adds it
ALTER TYPE app.state ADD VALUE IF NOT EXISTS 'paused';
UPDATE app.jobs SET state = 'paused' WHERE state = 'stopped' AND id < 10;
==== transaction@3:1: an enum value used as a default, in a block
BEGIN;
ALTER TYPE app.state ADD VALUE IF NOT EXISTS 'paused';
ALTER TABLE app.jobs ALTER COLUMN state SET DEFAULT 'paused';
COMMIT;
==== transaction@3:1: an enum value cast, in a block
BEGIN;
ALTER TYPE app.state ADD VALUE IF NOT EXISTS 'paused';
INSERT INTO app.jobs (id, state) VALUES (1, 'paused'::app.state) ON CONFLICT DO NOTHING;
COMMIT;
==== transaction@1:1, transaction@2:1: LOCK TABLE outside a transaction
VACUUM app.users;
LOCK TABLE app.users IN ROW EXCLUSIVE MODE;
==== lock@3:1, transaction@3:1: LOCK TABLE after COMMIT
BEGIN;
COMMIT;
LOCK TABLE app.users IN SHARE MODE;
==== transaction@1:1, transaction@2:1: SAVEPOINT outside a transaction
VACUUM app.users;
SAVEPOINT a;
==== transaction@3:1: PREPARE TRANSACTION
BEGIN;
UPDATE app.users SET seen = now() WHERE id = 1;
PREPARE TRANSACTION 'x';
==== transaction@2:1: ROLLBACK TO a savepoint that isn't there
BEGIN;
ROLLBACK TO SAVEPOINT a;
COMMIT;
==== transaction@2:1: RELEASE of a savepoint that isn't there
BEGIN;
RELEASE SAVEPOINT a;
COMMIT;
==== transaction@3:1: CONCURRENTLY beside what wants a transaction
CREATE TABLE IF NOT EXISTS app.a (id int);
INSERT INTO app.a (id) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM app.a);
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email);
==== transaction@2:1: VACUUM beside a table
CREATE TABLE IF NOT EXISTS app.a (id int);
VACUUM app.users;
==== transaction@1:1: autocommit switched off
\set AUTOCOMMIT off
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email);
==== transaction@3:1: lower case, odd spaces and comments between the words
begin /* the work */ transaction;
create table if not exists app.a (id int);
create -- slowly
  unique index /* but */ concurrently if not exists users_email on app.users (email);
commit;
==== transaction@1:8: two on one line, as one message
BEGIN; CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email); COMMIT;
==== transaction@1:1: sent as one message by \;
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email)\; SELECT 1;
==== transaction@2:1, lock@2:1: VACUUM FULL in a block
BEGIN;
VACUUM (FULL) app.sessions;
COMMIT;
==== transaction@3:5: REINDEX CONCURRENTLY in a DO block
DO LANGUAGE plpgsql $$
BEGIN
    REINDEX TABLE CONCURRENTLY app.users;
END $$;
==== transaction@3:5, lock@3:5: REINDEX of the schema by EXECUTE
DO $$
BEGIN
    EXECUTE $q$REINDEX SCHEMA app$q$;
END $$;
==== transaction@3:5: DROP INDEX CONCURRENTLY in an SQL function
CREATE OR REPLACE FUNCTION app.f() RETURNS void LANGUAGE sql AS $$
    SELECT 1;
    DROP INDEX CONCURRENTLY IF EXISTS app.users_email;
$$;
==== transaction@2:5: COMMIT in an SQL function
CREATE OR REPLACE FUNCTION app.f() RETURNS void LANGUAGE sql AS $$
    COMMIT;
$$;
==== transaction@3:5: COMMIT in a function, which only a procedure may
CREATE OR REPLACE FUNCTION app.f() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    COMMIT;
END $$;
==== idempotency@2:1, transaction@2:1: a subscription's end, where the file has a block
BEGIN;
DROP SUBSCRIPTION s;
COMMIT;
==== transaction@2:1: COMMIT AND CHAIN, and no other
BEGIN;
COMMIT AND CHAIN;
CREATE TABLE IF NOT EXISTS app.a (id int);
