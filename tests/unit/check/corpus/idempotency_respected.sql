-- expect: rename-not-idempotent@55:1
CREATE TABLE IF NOT EXISTS a (id int);
CREATE INDEX IF NOT EXISTS i ON a (id);
CREATE OR REPLACE VIEW v AS SELECT 1;
DROP VIEW IF EXISTS w;
CREATE VIEW w AS SELECT 1;
DROP TRIGGER IF EXISTS t ON public.a;
CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();
DROP POLICY IF EXISTS p ON a;
CREATE POLICY p ON a USING (true);
ALTER TABLE a DROP CONSTRAINT IF EXISTS c, ADD CONSTRAINT c CHECK (id > 0);
DROP TYPE IF EXISTS mood;
CREATE TYPE mood AS ENUM ('sad', 'ok');
DROP MATERIALIZED VIEW IF EXISTS m;
CREATE MATERIALIZED VIEW m AS SELECT 1 AS id;
CREATE INDEX IF NOT EXISTS mi ON m (id);
DO $$ BEGIN
    CREATE TYPE colour AS ENUM ('red');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'reader') THEN
        CREATE ROLE reader;
    END IF;
END $$;
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM pg_type WHERE typname = 'x') THEN
        RETURN;
    END IF;
    CREATE TYPE x AS ENUM ('a');
END $$;
DO $$
DECLARE r record;
BEGIN
    FOR r IN SELECT 1 FROM pg_class WHERE NOT relispopulated LOOP
        CREATE DOMAIN y AS int;
    END LOOP;
END $$;
INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO a SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM a WHERE id = 1);
DELETE FROM settings WHERE key = 'x';
INSERT INTO settings VALUES ('x', 'y');
UPDATE a SET id = id + 1 WHERE id < 10;
UPDATE a SET data = data || '{"x": 1}' WHERE id = 1;
UPDATE a SET data = data || '[]'::jsonb WHERE id = 1;
UPDATE a SET data = data || jsonb_build_object('x', 1) WHERE id = 1;
CREATE TEMP TABLE scratch (id int);
CREATE INDEX ON scratch (id);
INSERT INTO scratch VALUES (1);
COPY scratch FROM stdin;
1
\.
TRUNCATE scratch;
DROP TABLE scratch;
ALTER TABLE IF EXISTS old_index_name RENAME CONSTRAINT a TO b;
ALTER TYPE e ADD VALUE IF NOT EXISTS 'x';
ALTER INDEX IF EXISTS j RENAME TO k;
\if :first_time
CREATE TABLE only_then (id int);
\endif
