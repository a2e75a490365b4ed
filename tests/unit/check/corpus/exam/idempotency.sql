==== idempotency@1:1: a table
CREATE TABLE app.users (id bigint PRIMARY KEY);
==== idempotency@1:1: an unlogged table
CREATE UNLOGGED TABLE app.cache (k text);
==== idempotency@1:1: a table by AS
CREATE TABLE app.copy AS SELECT * FROM app.users WHERE id < 10;
==== idempotency@1:1: a table by INTO
SELECT * INTO app.copy FROM app.users WHERE id < 10;
==== idempotency@1:1: a partition
CREATE TABLE app.m_2024 PARTITION OF app.m FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
==== idempotency@1:1: a table like another
CREATE TABLE app.copy (LIKE app.users INCLUDING ALL);
==== idempotency@1:1: a table in quotes
CREATE TABLE "App"."User Settings" ("Id" int);
==== idempotency@1:1: a foreign table
CREATE FOREIGN TABLE app.remote (id int) SERVER s;
==== idempotency@1:1: a foreign server
CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;
==== idempotency@1:1: a wrapper
CREATE FOREIGN DATA WRAPPER w;
==== idempotency@1:1: a mapping
CREATE USER MAPPING FOR app SERVER s;
==== idempotency@1:1: foreign tables by import
IMPORT FOREIGN SCHEMA public FROM SERVER s INTO app;
==== idempotency@2:1: an index
CREATE TABLE IF NOT EXISTS app.new (id int);
CREATE INDEX new_id ON app.new (id);
==== idempotency@2:1: a unique index without a name
CREATE TABLE IF NOT EXISTS app.new (id int);
CREATE UNIQUE INDEX ON app.new (id);
==== idempotency@1:1: an index concurrently
CREATE INDEX CONCURRENTLY users_email ON app.users (email);
==== idempotency@1:1: a schema
CREATE SCHEMA app;
==== idempotency@1:1: a schema for a role
CREATE SCHEMA AUTHORIZATION app;
==== idempotency@1:1: a sequence
CREATE SEQUENCE app.numbers START 100;
==== idempotency@1:1: an extension
CREATE EXTENSION pgcrypto;
==== idempotency@1:1: a view
CREATE VIEW app.active AS SELECT * FROM app.users WHERE active;
==== idempotency@1:1: a materialized view
CREATE MATERIALIZED VIEW app.totals AS SELECT count(*) FROM app.users;
==== idempotency@1:1: a recursive view
CREATE RECURSIVE VIEW app.n (n) AS SELECT 1;
==== idempotency@1:1: a function
CREATE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
==== idempotency@1:1: a procedure
CREATE PROCEDURE app.nothing() LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
==== idempotency@1:1: an aggregate
CREATE AGGREGATE app.total (int) (SFUNC = int4pl, STYPE = int);
==== idempotency@1:1: a trigger
CREATE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.touch();
==== idempotency@1:1: a constraint trigger
CREATE CONSTRAINT TRIGGER touch AFTER UPDATE ON app.users DEFERRABLE FOR EACH ROW EXECUTE FUNCTION app.touch();
==== idempotency@1:1: an event trigger
CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION app.audit();
==== idempotency@1:1: a rule
CREATE RULE r AS ON INSERT TO app.v DO INSTEAD NOTHING;
==== idempotency@1:1: an enum
CREATE TYPE app.state AS ENUM ('new', 'old');
==== idempotency@1:1: a composite type
CREATE TYPE app.point AS (x int, y int);
==== idempotency@1:1: a range type
CREATE TYPE app.span AS RANGE (subtype = float8);
==== idempotency@1:1: a domain
CREATE DOMAIN app.email AS text CHECK (value LIKE '%@%');
==== idempotency@1:1: a policy
CREATE POLICY own ON app.users USING (owner = current_user);
==== idempotency@1:1: a role
CREATE ROLE reader NOLOGIN;
==== idempotency@1:1: a user
CREATE USER reader PASSWORD 'x';
==== idempotency@1:1: a group
CREATE GROUP readers;
==== idempotency@1:1: a database
CREATE DATABASE reports;
==== idempotency@1:1: a tablespace
CREATE TABLESPACE fast LOCATION '/mnt/fast';
==== idempotency@1:1: a publication
CREATE PUBLICATION p FOR ALL TABLES;
==== idempotency@1:1: a subscription
CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p;
==== idempotency@1:1: a cast
CREATE CAST (app.point AS text) WITH INOUT;
==== idempotency@1:1: a collation
CREATE COLLATION app.german (locale = 'de_DE');
==== idempotency@1:1: an operator
CREATE OPERATOR app.=== (leftarg = int, rightarg = int, function = int4eq);
==== idempotency@1:1: an operator class
CREATE OPERATOR CLASS app.oc FOR TYPE int USING btree AS OPERATOR 1 <;
==== idempotency@1:1: statistics
CREATE STATISTICS app.s (dependencies) ON a, b FROM app.users;
==== idempotency@1:1: a text search configuration
CREATE TEXT SEARCH CONFIGURATION app.russian (COPY = russian);
==== idempotency@1:1: a conversion
CREATE CONVERSION app.c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
==== idempotency@1:1: a language
CREATE LANGUAGE plperl;
==== idempotency@1:1: a transform
CREATE TRANSFORM FOR hstore LANGUAGE plpython3u (FROM SQL WITH FUNCTION f(internal), TO SQL WITH FUNCTION g(internal));
==== idempotency@1:1: an access method
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
==== idempotency@1:1: a column
ALTER TABLE app.users ADD COLUMN email text;
==== idempotency@1:1: a column without the word
ALTER TABLE app.users ADD email text;
==== idempotency@1:56: the second of two columns
ALTER TABLE app.users ADD COLUMN IF NOT EXISTS a text, ADD COLUMN b text;
==== idempotency@1:1: a column of a table that may not be there
ALTER TABLE IF EXISTS app.users ADD COLUMN email text;
==== idempotency@1:1: a column of one partition alone
ALTER TABLE ONLY app.users ADD COLUMN email text;
==== idempotency@1:1: a constraint
ALTER TABLE app.users ADD CONSTRAINT email_given CHECK (email IS NOT NULL) NOT VALID;
==== idempotency@1:1: a constraint without a name
ALTER TABLE app.users ADD CHECK (id > 0) NOT VALID;
==== idempotency@1:1: a foreign key
ALTER TABLE app.orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES app.users (id) NOT VALID;
==== idempotency@1:1: a primary key by index
ALTER TABLE app.users ADD CONSTRAINT users_pkey PRIMARY KEY USING INDEX users_id;
==== idempotency@1:1: the constraint of a domain
ALTER DOMAIN app.email ADD CONSTRAINT short CHECK (length(value) < 100) NOT VALID;
==== idempotency@1:1: a constraint dropped without IF EXISTS
ALTER TABLE app.users DROP CONSTRAINT email_given;
==== idempotency@1:1: a constraint of a domain dropped
ALTER DOMAIN app.email DROP CONSTRAINT short;
==== destructive@1:1, idempotency@1:1: a column dropped without IF EXISTS
ALTER TABLE app.users DROP COLUMN email;
==== destructive@1:1, idempotency@1:1: a column dropped without the word
ALTER TABLE app.users DROP email;
==== idempotency@1:1, destructive@1:1: a table dropped without IF EXISTS
DROP TABLE app.users;
==== lock@1:1, idempotency@1:1: an index dropped
DROP INDEX app.users_email;
==== idempotency@1:1: a view dropped
DROP VIEW app.active;
==== idempotency@1:1: a function dropped
DROP FUNCTION app.one();
==== idempotency@1:1: a trigger dropped
DROP TRIGGER touch ON app.users;
==== idempotency@1:1: a policy dropped
DROP POLICY own ON app.users;
==== idempotency@1:1: a rule dropped
DROP RULE r ON app.v;
==== destructive@1:1, idempotency@1:1: an extension dropped
DROP EXTENSION hstore;
==== idempotency@1:1: a role dropped
DROP ROLE reader;
==== idempotency@1:1: a procedure dropped
DROP PROCEDURE app.nothing();
==== idempotency@1:1: an event trigger dropped
DROP EVENT TRIGGER audit;
==== idempotency@1:1: a publication dropped
DROP PUBLICATION p;
==== idempotency@1:1: a server dropped
DROP SERVER s;
==== idempotency@1:1: a user mapping dropped
DROP USER MAPPING FOR app SERVER s;
==== idempotency@1:1: statistics dropped
DROP STATISTICS app.s;
==== idempotency@1:1: a cast dropped
DROP CAST (app.point AS text);
==== idempotency@1:1, destructive@1:1: a domain dropped
DROP DOMAIN app.email;
==== idempotency@1:1: an enum value
ALTER TYPE app.state ADD VALUE 'paused';
==== idempotency@1:1: an enum value before another
ALTER TYPE app.state ADD VALUE 'paused' BEFORE 'stopped';
==== idempotency@1:1: an enum value renamed
ALTER TYPE app.state RENAME VALUE 'stoped' TO 'stopped';
==== idempotency@1:1: the attribute of a type
ALTER TYPE app.point ADD ATTRIBUTE z int;
==== idempotency@1:1, destructive@1:1: an attribute dropped
ALTER TYPE app.point DROP ATTRIBUTE z;
==== idempotency@1:1: a partition attached
ALTER TABLE app.m ATTACH PARTITION app.m_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
==== lock@1:1, idempotency@1:1: a partition detached
ALTER TABLE app.m DETACH PARTITION app.m_2024;
==== idempotency@1:1, destructive@1:1: a table renamed
ALTER TABLE app.users RENAME TO people;
==== destructive@1:1, idempotency@1:1: a column renamed
ALTER TABLE app.users RENAME COLUMN email TO mail;
==== destructive@1:1, idempotency@1:1: a column renamed without the word
ALTER TABLE app.users RENAME email TO mail;
==== idempotency@1:1: an index renamed
ALTER INDEX app.users_email RENAME TO users_mail;
==== idempotency@1:1: a constraint renamed
ALTER TABLE app.users RENAME CONSTRAINT a TO b;
==== idempotency@1:1, destructive@1:1: a schema renamed
ALTER SCHEMA app RENAME TO main;
==== idempotency@1:1: a table moved to another schema
ALTER TABLE app.users SET SCHEMA archive;
==== idempotency@1:1: a function renamed
ALTER FUNCTION app.one() RENAME TO first;
==== idempotency@1:1: a role renamed
ALTER ROLE reader RENAME TO readers;
==== idempotency@1:1: a table that inherits
ALTER TABLE app.child INHERIT app.parent;
==== idempotency@1:1: a table that doesn't inherit any more
ALTER TABLE app.child NO INHERIT app.parent;
==== idempotency@2:1: an identity
CREATE TABLE IF NOT EXISTS app.new (id int NOT NULL);
ALTER TABLE app.new ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;
==== idempotency@1:1: an identity dropped
ALTER TABLE app.users ALTER COLUMN id DROP IDENTITY;
==== idempotency@1:1: an expression dropped
ALTER TABLE app.users ALTER COLUMN total DROP EXPRESSION;
==== idempotency@1:1: rows
INSERT INTO app.codes (id, name) VALUES (1, 'one');
==== idempotency@1:1: rows from a query
INSERT INTO app.codes (id, name) SELECT id, name FROM app.old_codes;
==== idempotency@1:1: a row of defaults
INSERT INTO app.log DEFAULT VALUES;
==== idempotency@1:1: rows in quotes and another schema
insert into "App"."Codes" values (1, 'ON CONFLICT DO NOTHING');
==== idempotency@1:16: rows in a CTE
WITH added AS (INSERT INTO app.codes (id) VALUES (1) RETURNING id) SELECT * FROM added;
==== idempotency@1:1: rows that another table gave away
WITH gone AS (DELETE FROM app.codes WHERE id < 10 RETURNING *) INSERT INTO app.old_codes SELECT * FROM gone;
==== idempotency@1:1: COPY from a file
COPY app.codes FROM '/tmp/codes.csv' CSV;
==== idempotency@1:1: COPY from the file itself
COPY app.codes (id, name) FROM stdin;
1	one
\.
==== idempotency@1:1: a number counted up
UPDATE app.accounts SET balance = balance + 10 WHERE id = 1;
==== idempotency@1:1: a text that grows
UPDATE app.users SET name = name || ' (old)' WHERE id = 1;
==== idempotency@1:1, idempotency@1:1: a number multiplied in a list
UPDATE app.prices SET (net, gross) = (net * 100, gross * 100) WHERE currency = 'EUR';
==== idempotency@1:1: an array that grows
UPDATE app.users SET tags = array_append(tags, 'x') WHERE id = 1;
==== idempotency@1:1: a toggle
UPDATE app.users SET active = NOT active WHERE id = 1;
==== idempotency@3:5: a column in a DO block that guards nothing
DO $$
BEGIN
    ALTER TABLE app.users ADD COLUMN email text;
END $$;
==== idempotency@5:13: a type behind a guard that is over
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'state') THEN
        RAISE NOTICE 'no';
    END IF; CREATE TYPE app.state AS ENUM ('new');
END $$;
==== idempotency@5:9: an exception block that raises again
DO $$
BEGIN
    NULL;
    BEGIN
        CREATE TYPE app.state AS ENUM ('new');
    EXCEPTION WHEN duplicate_object THEN
        RAISE;
    END;
END $$;
==== idempotency@3:5: an exception block for something else
DO $$
BEGIN
    CREATE TYPE app.state AS ENUM ('new');
EXCEPTION WHEN division_by_zero THEN NULL;
END $$;
==== idempotency@3:5: EXECUTE of a constant
DO $$
BEGIN
    EXECUTE 'CREATE TABLE app.users (id int)';
END $$;
==== idempotency@4:9: in a loop that guards nothing
DO $$
BEGIN
    FOR i IN 1..3 LOOP
        INSERT INTO app.codes (id) VALUES (i);
    END LOOP;
END $$;
==== idempotency@2:1: DROP IF EXISTS of another trigger
DROP TRIGGER IF EXISTS touch ON app.users;
CREATE TRIGGER touched BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.touch();
==== idempotency@2:1: DROP IF EXISTS of the trigger of another table
DROP TRIGGER IF EXISTS touch ON app.users;
CREATE TRIGGER touch BEFORE UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION app.touch();
==== idempotency@2:1: DROP IF EXISTS of the policy of another table
DROP POLICY IF EXISTS own ON app.users;
CREATE POLICY own ON app.orders USING (true);
==== idempotency@2:1: DROP IF EXISTS of the constraint of another table
ALTER TABLE app.users DROP CONSTRAINT IF EXISTS positive;
ALTER TABLE app.orders ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
==== idempotency@1:1: DROP IF EXISTS that comes too late
CREATE VIEW app.active AS SELECT 1;
DROP VIEW IF EXISTS app.active;
==== idempotency@2:1: DROP IF EXISTS in another schema
DROP VIEW IF EXISTS old.active;
CREATE VIEW app.active AS SELECT 1;
==== idempotency@2:1: DROP IF EXISTS of another signature
DROP FUNCTION IF EXISTS app.one(int);
CREATE FUNCTION app.one(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
==== idempotency@2:1: DROP IF EXISTS of the same name in capitals
DROP VIEW IF EXISTS "Active";
CREATE VIEW active AS SELECT 1;
==== idempotency@3:1: a table by AS TABLE, behind one that is guarded
CREATE TABLE IF NOT EXISTS app.a (id int);
-- a copy of it
CREATE TABLE app.b AS TABLE app.a;
==== idempotency@1:1: a member of a publication
ALTER PUBLICATION p ADD TABLE app.users;
==== idempotency@1:1: MERGE that only inserts
MERGE INTO app.codes c USING (VALUES (1, 'one')) v (id, name) ON false WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.name);
==== idempotency@1:1: NOT EXISTS that asks something else
INSERT INTO app.codes (id) SELECT 1 WHERE EXISTS (SELECT 1 FROM app.users);
==== idempotency@1:1: a price that grows, rounded
UPDATE app.prices SET net = round(net * 1.1, 2) WHERE currency = 'EUR';
==== idempotency@1:1: a number counted up that may be missing
UPDATE app.users SET logins = (coalesce(logins, 0) + 1)::int WHERE id = 1;
==== idempotency@1:1: a number counted up in two steps
UPDATE app.users SET logins = logins::int + 1 - 0 WHERE id = 1;
