==== clean: the example of the guide
-- Migration: Add user preferences
-- Created: 2024-12-21
-- Description: Add user_preferences table with notification settings

-- Create table
CREATE TABLE IF NOT EXISTS backtester.user_preferences (
    id SERIAL PRIMARY KEY,
    user_id VARCHAR(100) UNIQUE NOT NULL,
    notification_email VARCHAR(255),
    theme VARCHAR(20) DEFAULT 'light',
    timezone VARCHAR(50) DEFAULT 'UTC',
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW()
);

-- Create indexes
CREATE INDEX IF NOT EXISTS idx_user_prefs_user_id
ON backtester.user_preferences(user_id);

-- Add foreign key if needed
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'fk_user_prefs_user'
    ) THEN
        ALTER TABLE backtester.user_preferences
        ADD CONSTRAINT fk_user_prefs_user
        FOREIGN KEY (user_id)
        REFERENCES market_data.bot_subscribers(user_id);
    END IF;
END $$;

-- Success message
SELECT 'Migration 002 completed: user_preferences table added' AS status;
==== clean: a message
SELECT 'Migration 004 completed' AS status;
==== clean: a message in Russian
SELECT 'Миграция 004 завершена ✅' AS "статус";
==== clean: no last semicolon
CREATE TABLE IF NOT EXISTS app.a (id int)
==== clean: a table
CREATE TABLE IF NOT EXISTS app.users (id bigint PRIMARY KEY, email text NOT NULL UNIQUE);
==== clean: an unlogged table
CREATE UNLOGGED TABLE IF NOT EXISTS app.cache (k text PRIMARY KEY, v jsonb);
==== clean: a temporary table
CREATE TEMP TABLE tmp_ids AS SELECT id FROM app.users WHERE email IS NULL;
SELECT count(*) FROM tmp_ids;
==== clean: a temporary table that goes with the transaction
CREATE TEMPORARY TABLE tmp_ids (id int) ON COMMIT DROP;
INSERT INTO tmp_ids VALUES (1), (2);
DELETE FROM app.users u USING tmp_ids t WHERE t.id = u.id;
==== clean: a temporary table is emptied and dropped
CREATE TEMP TABLE tmp (id int);
INSERT INTO tmp VALUES (1);
DELETE FROM tmp;
TRUNCATE tmp;
DROP TABLE tmp;
==== clean: a temporary table by pg_temp
CREATE TABLE pg_temp.ids (id int);
INSERT INTO pg_temp.ids VALUES (1);
==== clean: a table by AS
CREATE TABLE IF NOT EXISTS app.copy AS SELECT * FROM app.users;
==== clean: a partition
CREATE TABLE IF NOT EXISTS app.m_2024 PARTITION OF app.m FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
==== clean: a partitioned table with its partitions and index
CREATE TABLE IF NOT EXISTS app.m (at date NOT NULL, n int) PARTITION BY RANGE (at);
CREATE TABLE IF NOT EXISTS app.m_2024 PARTITION OF app.m FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE IF NOT EXISTS app.m_rest PARTITION OF app.m DEFAULT;
CREATE INDEX IF NOT EXISTS m_at ON app.m (at);
==== clean: a table like another, with an index
CREATE TABLE IF NOT EXISTS app.copy (LIKE app.users INCLUDING ALL);
CREATE UNIQUE INDEX IF NOT EXISTS copy_email ON app.copy (email);
==== clean: a table with every kind of constraint
CREATE TABLE IF NOT EXISTS app.orders (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL REFERENCES app.users (id) ON DELETE CASCADE,
    total numeric(12, 2) NOT NULL CHECK (total >= 0),
    gross numeric GENERATED ALWAYS AS (total * 1.2) STORED,
    during tstzrange,
    token uuid DEFAULT gen_random_uuid(),
    PRIMARY KEY (id),
    UNIQUE (token),
    CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES app.users (id) DEFERRABLE INITIALLY DEFERRED,
    EXCLUDE USING gist (during WITH &&)
);
==== clean: indexes on a table of the same file
CREATE TABLE IF NOT EXISTS app.posts (id bigint, body text, tags text[]);
CREATE INDEX IF NOT EXISTS posts_tags ON app.posts USING gin (tags);
CREATE UNIQUE INDEX IF NOT EXISTS posts_id ON app.posts (id) WHERE body IS NOT NULL;
==== clean: changes to a table of the same file
CREATE TABLE IF NOT EXISTS app.posts (id bigint, body text);
ALTER TABLE app.posts ALTER COLUMN body SET NOT NULL;
ALTER TABLE app.posts ADD COLUMN IF NOT EXISTS n serial;
ALTER TABLE app.posts ADD COLUMN IF NOT EXISTS u uuid DEFAULT gen_random_uuid();
==== clean: a table of the search path's schema
SET search_path TO app;
CREATE TABLE IF NOT EXISTS posts (id bigint);
CREATE INDEX IF NOT EXISTS posts_id ON app.posts (id);
==== clean: a table in quotes and its index
CREATE TABLE IF NOT EXISTS "App"."User Settings" ("Id" int, "Key" text);
CREATE INDEX IF NOT EXISTS "User Settings Key" ON "App"."User Settings" ("Key");
==== clean: a table in other capitals and its index
CREATE TABLE IF NOT EXISTS App.Users (id int);
CREATE INDEX IF NOT EXISTS users_id ON app.users (id);
==== clean: a table in quotes that need not be
CREATE TABLE IF NOT EXISTS "app"."users" (id int);
CREATE INDEX IF NOT EXISTS users_id ON app.users (id);
==== clean: a table in public, named with and without it
CREATE TABLE IF NOT EXISTS users (id int);
CREATE INDEX IF NOT EXISTS users_id ON public.users (id);
==== clean: an index concurrently, alone
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email);
==== clean: indexes concurrently, and a message
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email);
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_name ON app.users (name);
SELECT 'Migration 003 completed' AS status;
==== clean: an index concurrently, made anew
DROP INDEX CONCURRENTLY IF EXISTS app.users_email;
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (lower(email));
==== clean: an index concurrently, dropped before it is made
DROP INDEX CONCURRENTLY IF EXISTS app.users_email;
CREATE INDEX CONCURRENTLY users_email ON app.users (lower(email));
==== clean: an index concurrently, behind the directive
-- deploy: no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email);
==== clean: an index dropped concurrently
DROP INDEX CONCURRENTLY IF EXISTS app.users_email;
==== clean: a reindex concurrently
REINDEX INDEX CONCURRENTLY app.users_email;
==== clean: a reindex of a table concurrently
REINDEX (CONCURRENTLY) TABLE app.users;
==== clean: VACUUM
VACUUM (ANALYZE) app.users;
==== clean: VACUUM of everything
VACUUM;
==== clean: ANALYZE
ANALYZE app.users;
==== clean: ANALYZE of columns, and more
ANALYZE (VERBOSE) app.users (email, name);
ANALYZE;
==== clean: a session's time-out around an index
SET statement_timeout = 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON app.users (email);
RESET statement_timeout;
==== clean: a lock time-out
SET LOCAL lock_timeout = '2s';
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS a int;
==== clean: a schema
CREATE SCHEMA IF NOT EXISTS app;
==== clean: a schema for a role
CREATE SCHEMA IF NOT EXISTS app AUTHORIZATION owner;
==== clean: a sequence
CREATE SEQUENCE IF NOT EXISTS app.numbers START 100 OWNED BY app.users.id;
==== clean: an extension
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;
==== clean: an extension brought up to date
ALTER EXTENSION pgcrypto UPDATE;
==== clean: a view
CREATE OR REPLACE VIEW app.active AS SELECT id, email FROM app.users WHERE active;
==== clean: a view made anew
DROP VIEW IF EXISTS app.active;
CREATE VIEW app.active AS SELECT id FROM app.users;
==== clean: a view made anew with what hangs on it
DROP VIEW IF EXISTS app.active CASCADE;
CREATE VIEW app.active AS SELECT id FROM app.users;
==== clean: views dropped
DROP VIEW IF EXISTS app.a, app.b;
==== clean: a temporary view
CREATE TEMP VIEW v AS SELECT 1;
==== clean: a recursive view
CREATE OR REPLACE RECURSIVE VIEW app.n (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10;
==== clean: a view whose default and owner change
ALTER VIEW app.active SET (security_barrier = true);
ALTER VIEW app.active OWNER TO app;
==== clean: a materialized view
CREATE MATERIALIZED VIEW IF NOT EXISTS app.totals AS SELECT count(*) AS n FROM app.users WITH NO DATA;
==== clean: a materialized view with its index, filled
CREATE MATERIALIZED VIEW IF NOT EXISTS app.totals AS SELECT id FROM app.users WITH NO DATA;
CREATE UNIQUE INDEX IF NOT EXISTS totals_id ON app.totals (id);
REFRESH MATERIALIZED VIEW app.totals;
==== clean: a materialized view filled concurrently
REFRESH MATERIALIZED VIEW CONCURRENTLY app.totals;
==== clean: a function
CREATE OR REPLACE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END;
$$;
==== clean: a function with a tag and options behind it
CREATE OR REPLACE FUNCTION app.add(a integer, b integer DEFAULT 1) RETURNS integer AS $function$
DECLARE
    result integer := 0;
BEGIN
    result := a + b;
    RETURN result;
END;
$function$ LANGUAGE 'plpgsql' IMMUTABLE STRICT PARALLEL SAFE;
==== clean: a function in SQL
CREATE OR REPLACE FUNCTION app.total(u bigint) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(total), 0) FROM app.orders WHERE user_id = u;
$$;
==== clean: a function in SQL with the standard's body
CREATE OR REPLACE FUNCTION app.one() RETURNS int
LANGUAGE sql
BEGIN ATOMIC
    SELECT 1;
    SELECT CASE WHEN true THEN 2 ELSE 3 END;
END;
==== clean: a function in SQL with RETURN
CREATE OR REPLACE FUNCTION app.double(n int) RETURNS int LANGUAGE sql IMMUTABLE RETURN n * 2;
==== clean: a function that deletes by its argument
CREATE OR REPLACE FUNCTION app.forget(u bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM app.orders WHERE user_id = u;
    INSERT INTO app.log (what) VALUES ('forgot ' || u);
    UPDATE app.users SET logins = logins + 1 WHERE id = u;
END;
$$;
==== clean: a function that inserts and truncates, which the migration only defines
CREATE OR REPLACE FUNCTION app.refresh_cache() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE app.cache;
    DELETE FROM app.cache;
    INSERT INTO app.cache SELECT id, count(*) FROM app.orders GROUP BY id;
    DROP TABLE app.scratch;
    CREATE TABLE app.scratch (id int);
    REFRESH MATERIALIZED VIEW app.totals;
    LOCK TABLE app.users;
END;
$$;
==== clean: a function in SQL that changes rows
CREATE OR REPLACE FUNCTION app.reset() RETURNS void LANGUAGE sql AS $$
    DELETE FROM app.cache;
    INSERT INTO app.log (what) VALUES ('reset');
$$;
==== clean: a function with dynamic SQL
CREATE OR REPLACE FUNCTION app.make_partition(m date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := format('m_%s', to_char(m, 'YYYY_MM'));
BEGIN
    EXECUTE format('CREATE TABLE IF NOT EXISTS app.%I PARTITION OF app.m FOR VALUES FROM (%L) TO (%L)', name, m, m + 30);
    EXECUTE 'SELECT count(*) FROM app.' || quote_ident(name) USING m;
END;
$$;
==== clean: a function of every statement of PL/pgSQL
CREATE OR REPLACE FUNCTION app.all_of_it(VARIADIC ids bigint[]) RETURNS SETOF app.users LANGUAGE plpgsql AS $$
<<outermost>>
DECLARE
    r record;
    c CURSOR (k int) FOR SELECT * FROM app.users WHERE id = k;
    n CONSTANT int NOT NULL DEFAULT 3;
    t app.users.email%TYPE;
    row_of app.users%ROWTYPE;
    i int;
BEGIN
    FOR i IN REVERSE 10..1 BY 2 LOOP
        CONTINUE WHEN i = 4;
        EXIT outermost WHEN i = 2;
    END LOOP;
    FOREACH i IN ARRAY ids LOOP
        RETURN QUERY SELECT * FROM app.users WHERE id = i;
    END LOOP;
    FOR r IN EXECUTE 'SELECT 1' LOOP
        NULL;
    END LOOP;
    FOR r IN c(1) LOOP
        RETURN NEXT r;
    END LOOP;
    OPEN c(2);
    FETCH NEXT FROM c INTO row_of;
    MOVE LAST FROM c;
    CLOSE c;
    WHILE n > 5 LOOP
        EXIT;
    END LOOP;
    CASE n
        WHEN 1, 2 THEN PERFORM 1;
        ELSE ASSERT n = 3, 'three';
    END CASE;
    IF n = 1 THEN NULL; ELSIF n = 2 THEN NULL; ELSEIF n = 3 THEN NULL; ELSE NULL; END IF;
    SELECT email INTO STRICT t FROM app.users WHERE id = 1;
    GET DIAGNOSTICS i = ROW_COUNT;
    RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = 'no';
EXCEPTION
    WHEN unique_violation OR foreign_key_violation THEN
        GET STACKED DIAGNOSTICS t = MESSAGE_TEXT;
        RAISE WARNING '% of %%', t;
    WHEN SQLSTATE '22012' THEN
        RAISE;
    WHEN OTHERS THEN
        RETURN;
END outermost;
$$;
==== clean: a procedure that commits
CREATE OR REPLACE PROCEDURE app.fill() LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        UPDATE app.users SET n = 0 WHERE id IN (SELECT id FROM app.users WHERE n IS NULL LIMIT 1000);
        EXIT WHEN NOT FOUND;
        COMMIT;
    END LOOP;
END;
$$;
==== clean: a function of C
CREATE OR REPLACE FUNCTION app.c(int) RETURNS int AS '$libdir/c', 'c' LANGUAGE c STRICT;
==== clean: a function of Python
CREATE OR REPLACE FUNCTION app.py(a int) RETURNS int LANGUAGE plpython3u AS $$
    return {"a": a}["a"] if a else None  # it's Python
$$;
==== clean: a function that was dropped before
DROP FUNCTION IF EXISTS app.total(bigint);
CREATE FUNCTION app.total(bigint) RETURNS numeric LANGUAGE sql AS 'SELECT 1.0';
==== clean: a function that was dropped before by its name
DROP FUNCTION IF EXISTS app.total;
CREATE FUNCTION app.total(u bigint) RETURNS numeric LANGUAGE sql AS 'SELECT 1.0';
==== clean: a function that was dropped before, the same type by another name
DROP FUNCTION IF EXISTS app.total(u integer, v varchar);
CREATE FUNCTION app.total(u int, v character varying) RETURNS numeric LANGUAGE sql AS 'SELECT 1.0';
==== clean: functions dropped
DROP FUNCTION IF EXISTS app.a(), app.b(int) CASCADE;
DROP PROCEDURE IF EXISTS app.c(int);
DROP ROUTINE IF EXISTS app.d;
DROP AGGREGATE IF EXISTS app.e(int);
==== clean: an aggregate
CREATE OR REPLACE AGGREGATE app.total (int) (SFUNC = int4pl, STYPE = int);
==== clean: a trigger
DROP TRIGGER IF EXISTS touch ON app.users;
CREATE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.touch();
==== clean: a trigger replaced
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE OR INSERT ON app.users FOR EACH ROW WHEN (NEW.id > 0) EXECUTE PROCEDURE app.touch();
==== clean: a trigger in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'touch' AND tgrelid = 'app.users'::regclass) THEN
        CREATE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.touch();
    END IF;
END $$;
==== clean: a constraint trigger
DROP TRIGGER IF EXISTS check_total ON app.orders;
CREATE CONSTRAINT TRIGGER check_total AFTER INSERT ON app.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.check_total();
==== clean: an event trigger
DROP EVENT TRIGGER IF EXISTS audit;
CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION app.audit();
==== clean: a rule
CREATE OR REPLACE RULE r AS ON INSERT TO app.v DO INSTEAD INSERT INTO app.users (id) VALUES (NEW.id);
==== clean: row security
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.users FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own ON app.users;
CREATE POLICY own ON app.users FOR ALL TO app USING (owner = current_user) WITH CHECK (owner = current_user);
==== clean: a policy in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_policies WHERE tablename = 'users' AND policyname = 'own') THEN
        CREATE POLICY own ON app.users USING (true);
    END IF;
END $$;
==== clean: a policy changed
ALTER POLICY own ON app.users USING (owner = current_user);
==== clean: an enum in an exception block
DO $$ BEGIN
    CREATE TYPE app.state AS ENUM ('new', 'old');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;
==== clean: an enum in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typname = 'state' AND n.nspname = 'app') THEN
        CREATE TYPE app.state AS ENUM ('new', 'old');
    END IF;
END
$$;
==== clean: a type by to_regtype
DO $$
BEGIN
    IF to_regtype('app.state') IS NULL THEN
        CREATE TYPE app.state AS ENUM ('new', 'old');
    END IF;
END $$;
==== clean: an enum value
ALTER TYPE app.state ADD VALUE IF NOT EXISTS 'paused' AFTER 'new';
==== clean: two enum values
ALTER TYPE app.state ADD VALUE IF NOT EXISTS 'paused';
ALTER TYPE app.state ADD VALUE IF NOT EXISTS 'gone';
SELECT 'Migration 007 completed' AS status;
==== clean: an enum value renamed in a guarded block
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_enum e WHERE e.enumtypid = 'app.state'::regtype AND e.enumlabel = 'stoped') THEN
        ALTER TYPE app.state RENAME VALUE 'stoped' TO 'stopped';
    END IF;
END $$;
==== clean: a new enum and a table that has it
DO $$ BEGIN
    CREATE TYPE app.state AS ENUM ('new', 'old');
EXCEPTION WHEN duplicate_object THEN
    RAISE NOTICE 'app.state is there already';
END $$;
CREATE TABLE IF NOT EXISTS app.jobs (id int, state app.state NOT NULL DEFAULT 'new');
==== clean: a domain in an exception block
DO $$ BEGIN
    CREATE DOMAIN app.email AS text CHECK (value ~ '@');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
==== clean: a role in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'reader') THEN
        CREATE ROLE reader NOLOGIN;
    END IF;
END $$;
==== clean: a role in an exception block
DO $$
BEGIN
    CREATE ROLE reader;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;
==== clean: any exception
DO $$
BEGIN
    CREATE TYPE app.point AS (x int, y int);
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'skipped: %', SQLERRM;
END $$;
==== clean: a table in an exception block
DO $$
BEGIN
    CREATE TABLE app.users (id int);
EXCEPTION WHEN duplicate_table THEN NULL;
END $$;
==== clean: a column in an exception block
DO $$
BEGIN
    BEGIN
        ALTER TABLE app.users ADD COLUMN email text;
    EXCEPTION
        WHEN duplicate_column THEN RAISE NOTICE 'column email exists';
    END;
END;
$$;
==== clean: an exception by its number
DO $$
BEGIN
    ALTER TABLE app.users ADD COLUMN email text;
EXCEPTION WHEN SQLSTATE '42701' THEN NULL;
END $$;
==== clean: a column in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = 'app' AND table_name = 'users' AND column_name = 'email') THEN
        ALTER TABLE app.users ADD COLUMN email text;
    END IF;
END $$;
==== clean: a guard the other way round
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'x') THEN
        RAISE NOTICE 'there';
    ELSE
        ALTER TABLE app.users ADD CONSTRAINT x CHECK (id > 0) NOT VALID;
    END IF;
END $$;
==== clean: a guard that leaves early
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'x') THEN
        RETURN;
    END IF;
    ALTER TABLE app.users ADD CONSTRAINT x CHECK (id > 0) NOT VALID;
END $$;
==== clean: a guard by a variable
DO $$
DECLARE
    there boolean;
BEGIN
    SELECT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'x') INTO there;
    IF NOT there THEN
        ALTER TABLE app.users ADD CONSTRAINT x CHECK (id > 0) NOT VALID;
    END IF;
END $$;
==== clean: a guard by FOUND
DO $$
BEGIN
    PERFORM 1 FROM pg_constraint WHERE conname = 'x';
    IF NOT FOUND THEN
        ALTER TABLE app.users ADD CONSTRAINT x CHECK (id > 0) NOT VALID;
    END IF;
END $$;
==== clean: a guard by a count
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_constraint WHERE conname = 'x') = 0 THEN
        ALTER TABLE app.users ADD CONSTRAINT x CHECK (id > 0) NOT VALID;
    END IF;
END $$;
==== clean: a constraint renamed in a guarded block
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'a' AND conrelid = 'app.users'::regclass) THEN
        ALTER TABLE app.users RENAME CONSTRAINT a TO b;
    END IF;
END $$;
==== clean: a foreign key, not valid at first, in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'orders_user') THEN
        ALTER TABLE app.orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES app.users (id) NOT VALID;
    END IF;
END $$;
==== clean: a constraint validated
ALTER TABLE app.orders VALIDATE CONSTRAINT orders_user;
==== clean: a check, not valid at first, dropped before
ALTER TABLE app.orders DROP CONSTRAINT IF EXISTS positive;
ALTER TABLE app.orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;
==== clean: a check in one statement with its drop
ALTER TABLE app.orders
    DROP CONSTRAINT IF EXISTS positive,
    ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;
==== clean: a constraint dropped
ALTER TABLE IF EXISTS app.orders DROP CONSTRAINT IF EXISTS positive CASCADE;
==== clean: a unique constraint by its index
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'users_email_key') THEN
        ALTER TABLE app.users ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_email;
    END IF;
END $$;
==== clean: NOT NULL by a validated check
ALTER TABLE app.users VALIDATE CONSTRAINT email_given;
ALTER TABLE app.users ALTER COLUMN email DROP NOT NULL;
==== clean: a column
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS email text;
==== clean: a column with a constant default
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS active boolean NOT NULL DEFAULT true;
==== clean: a column with the time of the transaction
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now();
==== clean: a column with CURRENT_TIMESTAMP
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS created_at timestamptz DEFAULT CURRENT_TIMESTAMP;
==== clean: a column with a default of JSON
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS settings jsonb NOT NULL DEFAULT '{}'::jsonb;
==== clean: a column with an array
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS tags text[] NOT NULL DEFAULT ARRAY[]::text[];
==== clean: several columns
ALTER TABLE app.users
    ADD COLUMN IF NOT EXISTS a text DEFAULT 'x',
    ADD COLUMN IF NOT EXISTS b int DEFAULT -1,
    ADD COLUMN IF NOT EXISTS c date DEFAULT current_date,
    ADD COLUMN IF NOT EXISTS d numeric(10, 2) DEFAULT 0.00,
    ADD COLUMN IF NOT EXISTS e interval DEFAULT interval '1 day';
==== clean: a column that refers to another table
ALTER TABLE app.orders ADD COLUMN IF NOT EXISTS user_id bigint REFERENCES app.users (id);
==== clean: a default
ALTER TABLE app.users ALTER COLUMN active SET DEFAULT true;
==== clean: a default by a function, for rows to come
ALTER TABLE app.users ALTER COLUMN token SET DEFAULT gen_random_uuid();
==== clean: a default dropped
ALTER TABLE app.users ALTER COLUMN active DROP DEFAULT;
==== clean: NOT NULL dropped
ALTER TABLE app.users ALTER COLUMN email DROP NOT NULL;
==== clean: statistics and storage of a column
ALTER TABLE app.users ALTER COLUMN email SET STATISTICS 500;
ALTER TABLE app.users ALTER COLUMN body SET STORAGE EXTERNAL;
==== clean: options of a table
ALTER TABLE app.users SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE app.users RESET (fillfactor);
==== clean: the owner of a table
ALTER TABLE app.users OWNER TO app;
==== clean: the identity of a replica
ALTER TABLE app.users REPLICA IDENTITY FULL;
==== clean: a comment on everything
COMMENT ON TABLE app.users IS 'People; who log in -- really';
COMMENT ON COLUMN app.users.email IS 'it''s lower case';
COMMENT ON FUNCTION app.one() IS NULL;
COMMENT ON SCHEMA app IS $$a $ b$$;
COMMENT ON CONSTRAINT x ON app.users IS E'a\'b';
==== clean: rights
GRANT USAGE ON SCHEMA app TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO reader;
REVOKE ALL ON app.users FROM PUBLIC;
GRANT reader TO writer;
REVOKE writer FROM reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reader;
==== clean: rights of a function
REVOKE EXECUTE ON FUNCTION app.forget(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.forget(bigint) TO app;
==== clean: settings of a role and of the database
ALTER ROLE app SET search_path = app, public;
ALTER DATABASE app SET timezone = 'UTC';
ALTER ROLE reader WITH NOLOGIN PASSWORD NULL;
==== clean: rows, on conflict nothing
INSERT INTO app.codes (id, name) VALUES (1, 'one'), (2, 'two') ON CONFLICT DO NOTHING;
==== clean: rows, on conflict update
INSERT INTO app.codes (id, name) VALUES (1, 'one') ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name;
==== clean: rows, on conflict on a constraint
INSERT INTO app.codes AS c (id, name) VALUES (1, 'one')
ON CONFLICT ON CONSTRAINT codes_pkey DO UPDATE SET name = excluded.name WHERE c.name IS DISTINCT FROM excluded.name;
==== clean: rows, where they aren't there yet
INSERT INTO app.codes (id, name)
SELECT 1, 'one'
WHERE NOT EXISTS (SELECT 1 FROM app.codes WHERE id = 1);
==== clean: rows from a list, where they aren't there yet
INSERT INTO app.codes (id, name)
SELECT v.id, v.name FROM (VALUES (1, 'one'), (2, 'two')) AS v (id, name)
WHERE NOT EXISTS (SELECT 1 FROM app.codes c WHERE c.id = v.id);
==== clean: rows, by NOT IN
INSERT INTO app.codes (id) SELECT id FROM app.old WHERE id NOT IN (SELECT id FROM app.codes);
==== clean: rows, by an outer join
INSERT INTO app.settings (user_id)
SELECT u.id FROM app.users u LEFT JOIN app.settings s ON s.user_id = u.id WHERE s.user_id IS NULL;
==== clean: rows, by EXCEPT
INSERT INTO app.codes (id) SELECT id FROM app.old EXCEPT SELECT id FROM app.codes;
==== clean: rows in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM app.codes) THEN
        INSERT INTO app.codes (id, name) VALUES (1, 'one');
    END IF;
END $$;
==== clean: rows in an exception block
DO $$
BEGIN
    INSERT INTO app.codes (id, name) VALUES (1, 'one');
EXCEPTION WHEN unique_violation THEN NULL;
END $$;
==== clean: rows moved from a table to another
WITH gone AS (
    DELETE FROM app.codes WHERE id < 10 RETURNING *
)
INSERT INTO app.old_codes SELECT * FROM gone ON CONFLICT DO NOTHING;
==== clean: rows by a CTE, on conflict nothing
WITH v (id) AS (VALUES (1), (2))
INSERT INTO app.codes (id) SELECT id FROM v ON CONFLICT (id) DO NOTHING;
==== clean: MERGE
MERGE INTO app.codes c USING (VALUES (1, 'one')) v (id, name) ON c.id = v.id
WHEN MATCHED THEN UPDATE SET name = v.name
WHEN NOT MATCHED THEN INSERT (id, name) VALUES (v.id, v.name);
==== clean: an update of what is missing
UPDATE app.users SET active = true WHERE active IS NULL;
==== clean: an update by another table
UPDATE app.orders o SET total = s.total FROM app.sums s WHERE s.order_id = o.id AND o.total IS DISTINCT FROM s.total;
==== clean: an update by a subquery
UPDATE app.users SET email = lower(email) WHERE email <> lower(email);
==== clean: an update with the value of another column
UPDATE app.users SET full_name = first || ' ' || last WHERE full_name IS NULL;
==== clean: an update of itself that settles
UPDATE app.users SET name = trim(name), email = coalesce(email, '') WHERE id BETWEEN 1 AND 100;
==== clean: an update in a loop, in parts
DO $$
DECLARE
    changed int;
BEGIN
    LOOP
        UPDATE app.users SET n = 0 WHERE id IN (SELECT id FROM app.users WHERE n IS NULL LIMIT 1000);
        GET DIAGNOSTICS changed = ROW_COUNT;
        EXIT WHEN changed = 0;
    END LOOP;
END $$;
==== clean: a deletion
DELETE FROM app.sessions WHERE expires_at < now();
==== clean: a deletion by another table
DELETE FROM app.sessions s USING app.users u WHERE u.id = s.user_id AND u.deleted;
==== clean: a deletion of duplicates
DELETE FROM app.users a USING app.users b WHERE a.id > b.id AND a.email = b.email;
==== clean: one transaction of its own
BEGIN;
CREATE TABLE IF NOT EXISTS app.a (id int);
CREATE INDEX IF NOT EXISTS a_id ON app.a (id);
COMMIT;
==== clean: one transaction in other words
START TRANSACTION;
CREATE TABLE IF NOT EXISTS app.a (id int);
END;
==== clean: one transaction, behind comments and a message
-- Migration: a
\echo starting
BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE;
CREATE TABLE IF NOT EXISTS app.a (id int);
COMMIT WORK;
==== clean: savepoints in one transaction
BEGIN;
SAVEPOINT a;
UPDATE app.users SET active = true WHERE active IS NULL;
RELEASE SAVEPOINT a;
COMMIT;
==== clean: an enum value in one file, no use of it
ALTER TYPE app.state ADD VALUE IF NOT EXISTS 'paused';
COMMENT ON TYPE app.state IS 'new, paused or gone';
==== clean: LOCK in a weak mode
LOCK TABLE app.users IN ACCESS SHARE MODE;
==== clean: a table of this file is locked
CREATE TABLE IF NOT EXISTS app.a (id int);
LOCK TABLE app.a IN ACCESS EXCLUSIVE MODE;
==== clean: words
\echo Starting migration 004
SELECT 1;
\echo 'it''s done'
==== clean: harmless meta-commands
\set VERBOSITY verbose
\pset pager off
\timing on
\x auto
\qecho done
\warn careful
\conninfo
\dt app.*
\d app.users
\encoding UTF8
\set ON_ERROR_STOP on
\set ECHO all
\t
\a
==== clean: a condition
\set schema app
\if :{?schema}
    SELECT :'schema';
\elif false
    \echo no
\else
    SELECT 2;
\endif
==== clean: variables
\set name app
\set n 10
SELECT :'name', :n, :"name" FROM app.users WHERE id = :n AND a[1:2] = '{}' AND b::int = 1;
==== clean: an answer kept
SELECT count(*) AS total FROM app.users \gset
\echo :total users
==== clean: statements ended by \g
SELECT 1 \g
SELECT 2
\g
==== clean: the answer to a description
SELECT 1 \gdesc
==== clean: COPY to the client
COPY app.codes TO stdout;
==== clean: quotes of every kind
SELECT 'it''s', E'it\'s', $$it's$$, $a$ $$ $a$, U&'\0441', "a" FROM (SELECT 1 AS "a") AS "T""x";
SELECT 'a'
       'b' AS continued;
SELECT B'0101', X'1F', N'national';
==== clean: comments of every kind
-- a; b 'c
/* a; /* nested ' */ " $$ */
SELECT 1; -- behind
SELECT /* DROP TABLE x; */ 2;
--
/**/
==== clean: words in strings and comments
-- CREATE INDEX CONCURRENTLY x ON y (z);
/* VACUUM; BEGIN; DROP TABLE app.users; */
SELECT 'CREATE INDEX CONCURRENTLY', 'TRUNCATE app.users', $$DELETE FROM app.users$$;
==== clean: semicolons alone
;;
SELECT 1;;
;
==== clean: operators
SELECT a->>'x', a #> '{b}', a @> '{}', a ?| ARRAY['x'], a ? 'k', b !~* 'x', -1 - -1, 2 ^ 3, @ -5, |/ 25, c::text COLLATE "C" FROM app.j;
==== clean: a rule's statements in parentheses
CREATE OR REPLACE RULE r AS ON DELETE TO app.v DO INSTEAD (
    UPDATE app.users SET gone = true WHERE id = OLD.id;
    NOTIFY gone;
);
==== clean: a window, a lateral join, a grouping
SELECT sum(n) OVER w, l.x FROM app.a, LATERAL (SELECT a.n AS x) l GROUP BY GROUPING SETS ((n), ()), l.x WINDOW w AS (ORDER BY n);
==== clean: JSON and XML
SELECT * FROM json_table('[1]', '$[*]' COLUMNS (n int PATH '$')) AS t;
==== clean: the search path and a function's settings
CREATE OR REPLACE FUNCTION app.f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp AS 'SELECT 1';
==== clean: settings of the session
SELECT set_config('app.user', 'x', false);
SELECT pg_catalog.set_config('search_path', '', false);
SET ROLE app;
RESET ROLE;
==== clean: a call
CALL app.fill();
==== clean: a function called
SELECT app.make_partition('2024-01-01');
DO $$ BEGIN PERFORM app.make_partition('2024-01-01'); END $$;
==== clean: a sequence set to the biggest
SELECT setval('app.users_id_seq', (SELECT max(id) FROM app.users));
==== clean: a publication in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_publication WHERE pubname = 'p') THEN
        CREATE PUBLICATION p FOR TABLE app.users;
    END IF;
END $$;
==== clean: tables in a loop, by name
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['a', 'b'] LOOP
        EXECUTE format('GRANT SELECT ON app.%I TO reader', t);
    END LOOP;
END $$;
==== clean: EXECUTE of a constant that is safe
DO $$
BEGIN
    EXECUTE 'CREATE TABLE IF NOT EXISTS app.a (id int)';
END $$;
==== clean: EXECUTE of a constant behind a guard
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'state') THEN
        EXECUTE 'CREATE TYPE app.state AS ENUM (''a'')';
    END IF;
END $$;
==== clean: ignored, with a reason
-- deploy: ignore drop-table nobody has read it since 2020
DROP TABLE IF EXISTS app.old_users;
==== clean: ignored in the middle of a file, with a reason
CREATE TABLE IF NOT EXISTS app.a (id int);
-- deploy: ignore delete-without-where the cache is filled again by night
DELETE FROM app.cache;
==== clean: what the deploy should do
-- deploy: lock-timeout 30s
-- deploy: statement-timeout 10min
UPDATE app.users SET active = true WHERE active IS NULL;
==== clean: the word deploy in a comment
-- deploy this one on a Sunday
-- the deploy: it takes a minute
SELECT 1;
==== clean: statistics
CREATE STATISTICS IF NOT EXISTS app.s (dependencies) ON a, b FROM app.users;
==== clean: a foreign table in quotes, a server, a mapping
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SERVER IF NOT EXISTS s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h');
CREATE USER MAPPING IF NOT EXISTS FOR app SERVER s OPTIONS (user 'u');
CREATE FOREIGN TABLE IF NOT EXISTS app.remote (id int) SERVER s;
==== clean: a collation
CREATE COLLATION IF NOT EXISTS app.german (provider = icu, locale = 'de');
==== clean: a language, a transform replaced
CREATE OR REPLACE LANGUAGE plpgsql;
==== clean: a column of a foreign table
ALTER FOREIGN TABLE app.remote ADD COLUMN IF NOT EXISTS n int;
==== clean: an attribute of a type in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = 'app.point'::regclass AND attname = 'z') THEN
        ALTER TYPE app.point ADD ATTRIBUTE z int;
    END IF;
END $$;
==== clean: a partition attached behind its check, in a guarded block
CREATE TABLE IF NOT EXISTS app.m_2024 (LIKE app.m INCLUDING ALL);
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = 'app.m_2024'::regclass) THEN
        ALTER TABLE app.m ATTACH PARTITION app.m_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    END IF;
END $$;
==== clean: an index on the parent alone
CREATE INDEX IF NOT EXISTS m_at ON ONLY app.m (at);
==== clean: NOTIFY and the like
LISTEN a;
NOTIFY a, 'x';
UNLISTEN *;
==== clean: a cursor
BEGIN;
DECLARE c CURSOR FOR SELECT 1;
FETCH ALL FROM c;
CLOSE c;
COMMIT;
==== clean: a prepared statement
PREPARE p (int) AS SELECT $1;
EXECUTE p (1);
DEALLOCATE p;
==== clean: EXPLAIN
EXPLAIN (COSTS off) SELECT * FROM app.users;
==== clean: SHOW, CHECKPOINT, VALUES, TABLE
SHOW server_version;
VALUES (1, 2);
TABLE app.codes;
==== clean: security labels
SECURITY LABEL FOR anon ON COLUMN app.users.email IS 'MASKED WITH FUNCTION f()';
==== clean: a trigger on a new table, not dropped before
CREATE TABLE IF NOT EXISTS app.a (id int, updated_at timestamptz);
CREATE OR REPLACE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
DROP TRIGGER IF EXISTS touch ON app.a;
CREATE TRIGGER touch BEFORE UPDATE ON app.a FOR EACH ROW EXECUTE FUNCTION app.touch();
==== clean: a query on the data alone
SELECT count(*), max(id) FROM app.users WHERE email LIKE '%@example.org' GROUP BY active HAVING count(*) > 1 ORDER BY 1 LIMIT 5;
==== clean: words of other cases
create table if not exists App.Users(Id BIGSERIAL primary key, Email Text);
Create Index If Not Exists Users_Email On App.Users(Email);
==== clean: names that are words
CREATE TABLE IF NOT EXISTS app.words (name text, type text, value text, key text, "user" text, "order" int, data jsonb, year int, level int);
==== clean: the transaction's settings
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SELECT 1;
==== clean: constraints deferred
SET CONSTRAINTS ALL DEFERRED;
UPDATE app.users SET id = 5 WHERE id = 4;
==== clean: an index dropped with the table of the file
CREATE TABLE IF NOT EXISTS app.a (id int);
CREATE INDEX IF NOT EXISTS a_id ON app.a (id);
DROP INDEX IF EXISTS app.a_id;
==== clean: a guarded block in single quotes
DO '
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = ''state'') THEN
        CREATE TYPE app.state AS ENUM (''a'');
    END IF;
END ';
==== clean: a guarded block with its language
DO LANGUAGE plpgsql $body$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'state') THEN
        CREATE TYPE app.state AS ENUM ('a');
    END IF;
END
$body$;
==== clean: guards in guards
DO $$
DECLARE
    version int := current_setting('server_version_num')::int;
BEGIN
    IF version >= 140000 THEN
        IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'state') THEN
            CREATE TYPE app.state AS ENUM ('a');
        END IF;
    END IF;
END $$;
==== clean: a table checked by to_regclass
DO $$
BEGIN
    IF to_regclass('app.users') IS NULL THEN
        CREATE TABLE app.users (id int);
        CREATE INDEX users_id ON app.users (id);
        INSERT INTO app.users VALUES (1);
    END IF;
END $$;
==== clean: a check of what must be
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pgcrypto') THEN
        RAISE EXCEPTION 'pgcrypto is missing';
    END IF;
    ASSERT (SELECT count(*) FROM app.users) >= 0;
END $$;
==== clean: only comments and a message
-- Migration: nothing
-- Description: keeps the number
SELECT 'nothing to do' AS status;
==== clean: a conflict of the table's own
CREATE TABLE IF NOT EXISTS app.codes (id int PRIMARY KEY, name text);
INSERT INTO app.codes VALUES (1, 'one'), (2, 'two') ON CONFLICT (id) DO NOTHING;
COMMENT ON TABLE app.codes IS 'codes';
GRANT SELECT ON app.codes TO reader;
==== clean: a view in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM information_schema.views WHERE table_name = 'active') THEN
        CREATE VIEW app.active AS SELECT 1;
    END IF;
END $$;
==== clean: a renaming in a guarded block, of an index
ALTER INDEX IF EXISTS app.users_email SET (fillfactor = 90);
==== clean: a sequence changed
ALTER SEQUENCE app.users_id_seq OWNED BY app.users.id;
ALTER SEQUENCE IF EXISTS app.users_id_seq INCREMENT BY 10;
==== clean: rights in a guarded block
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'reader') THEN
        GRANT SELECT ON app.users TO reader;
    END IF;
END $$;
==== clean: tags of dollars beside parameters
CREATE OR REPLACE FUNCTION app.add(int, int) RETURNS int LANGUAGE sql AS $_$ SELECT $1 + $2 $_$;
==== clean: a body in a body
CREATE OR REPLACE FUNCTION app.make() RETURNS void LANGUAGE plpgsql AS $outer$
BEGIN
    EXECUTE $inner$ CREATE OR REPLACE FUNCTION app.x() RETURNS int LANGUAGE sql AS $q$ SELECT 1 $q$ $inner$;
END
$outer$;
==== clean: a table function
CREATE OR REPLACE FUNCTION app.list(OUT id bigint, OUT email text) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT id, email FROM app.users;
$$;
==== clean: a table function of named columns
CREATE OR REPLACE FUNCTION app.list() RETURNS TABLE (id bigint, email text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT u.id, u.email FROM app.users u;
END $$;
==== clean: a trigger function of every sort
CREATE OR REPLACE FUNCTION app.audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO app.log (row) VALUES (row_to_json(OLD));
        RETURN OLD;
    ELSIF (TG_OP = 'UPDATE') THEN
        INSERT INTO app.log SELECT TG_TABLE_NAME, NEW.*;
        RETURN NEW;
    END IF;
    RETURN NULL;
END $$;
==== clean: an event trigger's function
CREATE OR REPLACE FUNCTION app.ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% %', tg_event, tg_tag;
END $$;
==== clean: a polymorphic function
CREATE OR REPLACE FUNCTION app.first(anyarray) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    x ALIAS FOR $1;
BEGIN
    RETURN x[1];
END $$;
==== clean: a function with a record and a composite
CREATE OR REPLACE FUNCTION app.pair() RETURNS record LANGUAGE plpgsql AS $$
DECLARE
    r record;
    a int[] := '{}';
BEGIN
    SELECT 1 AS x, 2 AS y INTO r;
    a[1] := r.x;
    r.y := 3;
    RETURN r;
END $$;
==== clean: a deletion of what another CTE chose
WITH doomed AS (SELECT id FROM app.users WHERE deleted LIMIT 100)
DELETE FROM app.users USING doomed WHERE users.id = doomed.id;
==== clean: an update of one row
UPDATE app.settings SET value = 'on' WHERE key = 'feature';
==== clean: VALUES kept apart by date
INSERT INTO app.rates (day, rate)
SELECT d::date, 1.0 FROM generate_series('2024-01-01'::date, '2024-01-31', '1 day') d
ON CONFLICT (day) DO NOTHING;
==== clean: a whole feature
-- Migration: Add strategies
-- Created: 2025-01-10
-- Description: Strategies, their versions, and who may see them

CREATE SCHEMA IF NOT EXISTS backtester;

CREATE TABLE IF NOT EXISTS backtester.strategies (
    id BIGSERIAL PRIMARY KEY,
    owner_id BIGINT NOT NULL REFERENCES market_data.bot_subscribers (id),
    name VARCHAR(200) NOT NULL,
    kind TEXT NOT NULL DEFAULT 'grid' CHECK (kind IN ('grid', 'dca', 'trend')),
    config JSONB NOT NULL DEFAULT '{}'::jsonb,
    is_public BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    UNIQUE (owner_id, name)
);
CREATE INDEX IF NOT EXISTS idx_strategies_owner ON backtester.strategies (owner_id);
CREATE INDEX IF NOT EXISTS idx_strategies_config ON backtester.strategies USING GIN (config jsonb_path_ops);

CREATE OR REPLACE FUNCTION backtester.update_updated_at_column()
RETURNS TRIGGER AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$ language 'plpgsql';

DROP TRIGGER IF EXISTS update_strategies_updated_at ON backtester.strategies;
CREATE TRIGGER update_strategies_updated_at
    BEFORE UPDATE ON backtester.strategies
    FOR EACH ROW
    EXECUTE FUNCTION backtester.update_updated_at_column();

COMMENT ON TABLE backtester.strategies IS 'Стратегии пользователей';
GRANT SELECT, INSERT, UPDATE, DELETE ON backtester.strategies TO backtester;
GRANT USAGE, SELECT ON SEQUENCE backtester.strategies_id_seq TO backtester;

INSERT INTO backtester.settings (key, value) VALUES ('strategies.enabled', 'true') ON CONFLICT (key) DO NOTHING;

SELECT 'Migration 005 completed: strategies added' AS status;
==== clean: several guarded constraints in one block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'a') THEN
        ALTER TABLE app.users ADD CONSTRAINT a CHECK (n > 0) NOT VALID;
    END IF;

    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'b') THEN
        ALTER TABLE app.users ADD CONSTRAINT b CHECK (n > 1) NOT VALID;
    END IF;
END $$;
==== clean: a block with a nested exception for each
DO $$
BEGIN
    BEGIN
        CREATE TYPE app.a AS ENUM ('x');
    EXCEPTION WHEN duplicate_object THEN NULL;
    END;
    BEGIN
        CREATE TYPE app.b AS ENUM ('y');
    EXCEPTION WHEN duplicate_object THEN NULL;
    END;
END $$;
==== clean: a renaming of a column, guarded, and ignored with a reason
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'mail') THEN
        -- deploy: ignore rename-column no code reads mail any more
        ALTER TABLE app.users RENAME COLUMN mail TO email;
    END IF;
END $$;
==== clean: grants on what is to come
ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA app GRANT ALL ON SEQUENCES TO reader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
==== clean: a reassignment
REASSIGN OWNED BY old_owner TO app;
==== clean: the columns' compression and their reset
ALTER TABLE app.users ALTER COLUMN body SET COMPRESSION lz4;
ALTER TABLE app.users ALTER COLUMN body RESET (n_distinct);
==== clean: a table clustered on, which only marks it
ALTER TABLE app.users CLUSTER ON users_pkey;
==== clean: triggers of one's own switched
ALTER TABLE app.users ENABLE TRIGGER touch;
ALTER TABLE app.users DISABLE TRIGGER touch;
==== clean: rows of a new table
CREATE TABLE IF NOT EXISTS app.kinds (id int PRIMARY KEY, name text UNIQUE);
INSERT INTO app.kinds (id, name)
VALUES
    (1, 'a;b'),
    (2, 'c''d'),
    (3, E'e\nf')
ON CONFLICT (id) DO UPDATE
    SET name = EXCLUDED.name;
==== clean: an update from a list of values
UPDATE app.codes c SET name = v.name
FROM (VALUES (1, 'one'), (2, 'two')) AS v (id, name)
WHERE c.id = v.id;
==== clean: a default removed and given in one statement
ALTER TABLE ONLY app.users
    ALTER COLUMN a DROP DEFAULT,
    ALTER COLUMN b SET DEFAULT 'x'::character varying,
    ALTER COLUMN c DROP NOT NULL;
==== clean: a comment at the end without a new line
SELECT 1; -- the end
==== clean: a block without declarations, in capitals
DO $BODY$ BEGIN RAISE NOTICE 'HELLO'; END; $BODY$ LANGUAGE PLPGSQL;
==== clean: NOT NULL through a check that was validated before
ALTER TABLE app.users DROP CONSTRAINT IF EXISTS email_given;
ALTER TABLE app.users ADD CONSTRAINT email_given CHECK (email IS NOT NULL) NOT VALID;
==== clean: the time zone in a view's expression
CREATE OR REPLACE VIEW app.by_day AS
SELECT date_trunc('day', at AT TIME ZONE 'UTC') AS day, count(*) FILTER (WHERE ok) AS n
FROM app.events
GROUP BY 1
WITH CASCADED CHECK OPTION;
==== clean: a temporary function
CREATE OR REPLACE FUNCTION pg_temp.fix(t text) RETURNS text LANGUAGE sql AS $$ SELECT upper(t) $$;
SELECT pg_temp.fix('a');
DROP FUNCTION pg_temp.fix(text);
==== clean: a helper that the file makes and takes away again
CREATE OR REPLACE FUNCTION app.fix(t text) RETURNS text LANGUAGE sql AS $$ SELECT upper(t) $$;
UPDATE app.users SET name = app.fix(name) WHERE name IS NOT NULL;
DROP FUNCTION app.fix(text);
==== clean: a guard by OR and AND
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_class WHERE relname = 'users')
        AND NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'email')
    THEN
        ALTER TABLE users ADD COLUMN email text;
    END IF;
END $$;
==== clean: time series of an extension
CREATE EXTENSION IF NOT EXISTS timescaledb;
CREATE TABLE IF NOT EXISTS market_data.ticks (at timestamptz NOT NULL, price numeric);
SELECT create_hypertable('market_data.ticks', 'at', if_not_exists => TRUE);
==== clean: named arguments and an operator of a schema
SELECT f(a => 1, b := 2), 1 OPERATOR(pg_catalog.+) 2, ROW(1, 'a')::app.point, (r).x, arr[1], arr[:], arr[1:] FROM app.r;
==== clean: text that looks like meta-commands
SELECT 'a\b', '\! ls', $$\q$$ AS x; -- \i other.sql
==== clean: a status by RAISE
DO $$ BEGIN RAISE NOTICE 'Migration % completed', '008'; END $$;
==== clean: the verdict of a check
DO $$
DECLARE
    n bigint;
BEGIN
    SELECT count(*) INTO n FROM app.users WHERE email IS NULL;
    IF n > 0 THEN
        RAISE EXCEPTION '% users have no e-mail', n USING HINT = 'give them one';
    END IF;
END $$;
==== clean: an index on an expression of a new table
CREATE TABLE IF NOT EXISTS app.e (id int, j jsonb);
CREATE INDEX IF NOT EXISTS e_k ON app.e ((j ->> 'k')) WHERE (j ->> 'k') IS NOT NULL;
ALTER TABLE app.e ADD CONSTRAINT e_fk FOREIGN KEY (id) REFERENCES app.users (id); -- deploy: ignore add-constraint-not-idempotent the table is new
==== clean: a sequence and a default that uses it
CREATE SEQUENCE IF NOT EXISTS app.order_number;
ALTER TABLE app.orders ALTER COLUMN number SET DEFAULT nextval('app.order_number');
==== clean: columns of an old table, filled in parts of a day
ALTER TABLE app.orders ADD COLUMN IF NOT EXISTS day date;
UPDATE app.orders SET day = created_at::date WHERE day IS NULL AND created_at >= '2024-01-01';
==== clean: a generated column that is computed when it is read
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS full_name text GENERATED ALWAYS AS (first || last) VIRTUAL;
==== clean: data of a table that the file makes
DROP TABLE IF EXISTS pg_temp.codes;
CREATE TEMP TABLE codes (id int, name text);
COPY codes (id, name) FROM stdin;
1	it's one; -- not a comment
2	$$ DROP TABLE x; /*
\.
INSERT INTO app.codes SELECT * FROM codes ON CONFLICT DO NOTHING;
SELECT 'after the data' AS status;
==== clean: ignored behind the statement
DROP TABLE IF EXISTS app.old_users; -- deploy: ignore drop-table nobody has read it since 2020
==== clean: text about directives
SELECT '-- deploy: ignore nothing', $$ /* deploy: ignore x */ $$ AS status;
==== clean: a column with a default of PostgreSQL's own functions
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS day date DEFAULT date_trunc('day', now() AT TIME ZONE 'UTC')::date;
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS meta jsonb DEFAULT jsonb_build_object('v', 1);
==== clean: a column that may not be empty, with an expression
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS name text NOT NULL DEFAULT lower('X') || '-' || upper('y');
==== clean: COMMIT AND CHAIN, and COMMIT
-- deploy: no-transaction
BEGIN;
UPDATE app.users SET active = true WHERE active IS NULL AND id < 1000;
COMMIT AND CHAIN;
UPDATE app.users SET active = true WHERE active IS NULL;
COMMIT;
==== clean: a deletion of nothing
DELETE FROM app.users WHERE false;
DELETE FROM app.users WHERE id = 1 AND 1 = 2;
==== clean: MERGE by a key, with a condition
MERGE INTO app.users u USING app.gone g ON g.id = u.id
WHEN MATCHED AND g.at > u.at THEN DELETE
WHEN NOT MATCHED THEN DO NOTHING;
==== clean: EXPLAIN without ANALYZE
EXPLAIN DELETE FROM app.users;
==== clean: MERGE that inserts only into an empty table
MERGE INTO app.codes c USING (VALUES (1)) v (id) ON true WHEN NOT MATCHED THEN INSERT (id) VALUES (v.id);
==== clean: one answer in another form, and a query copied to the client
SELECT 1 \g (format=csv)
SELECT 1 \gx
\copy (SELECT id FROM app.users) TO stdout
==== clean: directives that are text
CREATE OR REPLACE VIEW app.v AS SELECT 'x' || '
 -- deploy: ignored; -- deploy: repeatable' AS a;
SELECT 'a -- deploy: ignore drop-table x' AS b;
==== clean: an ignore behind rows that the file has
CREATE TEMP TABLE codes (id int, name text);
COPY codes (id, name) FROM stdin;
-- deploy: ignore nothing	for this is a row
\.
-- deploy: ignore drop-table nobody has read it since 2020
DROP TABLE IF EXISTS app.old_users;
