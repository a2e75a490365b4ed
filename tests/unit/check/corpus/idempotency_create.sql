-- expect: create-table-not-idempotent@26:1
-- expect: create-table-not-idempotent@27:1
-- expect: create-table-not-idempotent@28:1
-- expect: create-table-not-idempotent@29:1
-- expect: create-schema-not-idempotent@30:1
-- expect: create-sequence-not-idempotent@31:1
-- expect: create-view-not-idempotent@32:1
-- expect: create-materialized-view-not-idempotent@33:1
-- expect: create-function-not-idempotent@34:1
-- expect: create-function-not-idempotent@35:1
-- expect: create-trigger-not-idempotent@36:1
-- expect: create-type-not-idempotent@37:1
-- expect: create-type-not-idempotent@38:1
-- expect: create-type-not-idempotent@39:1
-- expect: create-type-not-idempotent@40:1
-- expect: create-policy-not-idempotent@41:1
-- expect: create-role-not-idempotent@42:1
-- expect: create-extension-not-idempotent@43:1
-- expect: create-not-idempotent@44:1
-- expect: create-not-idempotent@45:1
-- expect: create-not-idempotent@46:1
-- expect: create-not-idempotent@47:1
-- expect: create-index-not-idempotent@48:1
-- expect: create-index-not-idempotent@49:1
-- expect: create-not-idempotent@50:1
CREATE TABLE a (id int);
CREATE TABLE public.b AS SELECT 1 AS id;
SELECT 1 AS id INTO c;
CREATE FOREIGN TABLE d (id int) SERVER s;
CREATE SCHEMA e;
CREATE SEQUENCE f;
CREATE VIEW g AS SELECT 1;
CREATE MATERIALIZED VIEW h AS SELECT 1;
CREATE FUNCTION i() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE j() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
CREATE TRIGGER k AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION i();
CREATE TYPE l AS ENUM ('x');
CREATE TYPE m AS (x int);
CREATE TYPE n AS RANGE (subtype = int);
CREATE DOMAIN o AS int;
CREATE POLICY p ON a USING (true);
CREATE ROLE q;
CREATE EXTENSION pgcrypto;
CREATE AGGREGATE r (int) (sfunc = int4pl, stype = int);
CREATE RULE s AS ON INSERT TO a DO NOTHING;
CREATE STATISTICS t ON x, y FROM a;
CREATE PUBLICATION u FOR TABLE a;
CREATE INDEX v ON a (id);
CREATE INDEX ON a (id);
CREATE CAST (l AS text) WITH INOUT;
