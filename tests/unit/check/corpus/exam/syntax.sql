==== syntax@1:1: a misspelt keyword
CREAT TABLE IF NOT EXISTS app.users (id bigint PRIMARY KEY);
==== syntax@4:1: a comma before the closing parenthesis
CREATE TABLE IF NOT EXISTS app.users (
    id bigint PRIMARY KEY,
    email text NOT NULL,
);
==== syntax@3:5: no comma between two columns
CREATE TABLE IF NOT EXISTS app.users (
    id bigint PRIMARY KEY
    email text NOT NULL
);
==== syntax@4:1: a parenthesis that isn't closed
CREATE TABLE IF NOT EXISTS app.users (
    id bigint PRIMARY KEY,
    email text NOT NULL
;
==== syntax@1:71: a parenthesis too many
CREATE INDEX IF NOT EXISTS users_email ON app.new_users (lower(email)));
==== syntax@2:1: no semicolon between two statements
CREATE TABLE IF NOT EXISTS app.a (id int)
CREATE TABLE IF NOT EXISTS app.b (id int);
==== syntax@1:8: a string that isn't closed
SELECT 'it''s done AS status;
==== syntax@1:31: a string that isn't closed, far from the end
COMMENT ON TABLE app.users IS 'People who log in;

CREATE TABLE IF NOT EXISTS app.b (id int);
SELECT count(*) FROM app.b;
==== syntax@1:8: an E string whose last quote is escaped
SELECT E'C:\temp\' AS path;
==== syntax@1:28: a quoted name that isn't closed
CREATE TABLE IF NOT EXISTS "app.users (id int);
==== syntax@1:66: a dollar quote that isn't closed
CREATE OR REPLACE FUNCTION app.one() RETURNS int LANGUAGE sql AS $body$
    SELECT 1;
$BODY$;
==== syntax@1:4: a dollar quote closed by another tag
DO $do$ BEGIN NULL; END $$;
==== syntax@1:1: a comment that isn't closed
/* Migration: add users
CREATE TABLE IF NOT EXISTS app.users (id int);
==== syntax@1:1: a nested comment that isn't closed
/* outer /* inner */
SELECT 1;
==== syntax@1:28: backticks of MySQL
CREATE TABLE IF NOT EXISTS `users` (`id` int);
==== syntax@1:42: AUTO_INCREMENT of MySQL
CREATE TABLE IF NOT EXISTS users (id INT AUTO_INCREMENT PRIMARY KEY);
==== syntax@1:55: an engine of MySQL
CREATE TABLE IF NOT EXISTS users (id INT PRIMARY KEY) ENGINE=InnoDB;
==== syntax@1:44: ON DUPLICATE KEY of MySQL
INSERT INTO users (id, n) VALUES (1, 1) ON DUPLICATE KEY UPDATE n = 2;
==== syntax@1:19: MODIFY COLUMN of MySQL
ALTER TABLE users MODIFY COLUMN name varchar(200);
==== syntax@1:8: INSERT IGNORE of MySQL
INSERT IGNORE INTO users (id) VALUES (1);
==== syntax: a key inside a table of MySQL
CREATE TABLE IF NOT EXISTS users (id INT PRIMARY KEY, name text, KEY users_name (name));
==== syntax@1:28: brackets of SQL Server
CREATE TABLE IF NOT EXISTS [dbo].[users] (id INT);
==== syntax@1:42: IDENTITY of SQL Server
CREATE TABLE IF NOT EXISTS users (id INT IDENTITY(1,1) PRIMARY KEY);
==== syntax@2:1: GO of SQL Server
CREATE TABLE IF NOT EXISTS users (id INT)
GO
==== syntax@1:12: TOP of SQL Server
SELECT TOP 10 id FROM users;
==== syntax@1:8: INSERT OR IGNORE of SQLite
INSERT OR IGNORE INTO users (id) VALUES (1);
==== syntax@1:58: AUTOINCREMENT of SQLite
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY AUTOINCREMENT);
==== syntax@1:1: PRAGMA of SQLite
PRAGMA foreign_keys = ON;
==== syntax@1:41: a constraint has no IF NOT EXISTS
ALTER TABLE app.users ADD CONSTRAINT IF NOT EXISTS users_email_key UNIQUE (email);
==== syntax@1:18: a policy has no IF NOT EXISTS
CREATE POLICY IF NOT EXISTS own ON app.users USING (true);
==== syntax@1:19: a trigger has no IF NOT EXISTS
CREATE TRIGGER IF NOT EXISTS touch BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.touch();
==== syntax@1:16: a type has no IF NOT EXISTS
CREATE TYPE IF NOT EXISTS app.state AS ENUM ('new', 'old');
==== syntax@1:16: a role has no IF NOT EXISTS
CREATE ROLE IF NOT EXISTS reader;
==== syntax@1:20: a database has no IF NOT EXISTS
CREATE DATABASE IF NOT EXISTS reports;
==== syntax@1:19: a table has no OR REPLACE
CREATE OR REPLACE TABLE app.users (id int);
==== syntax@1:19: an index has no OR REPLACE
CREATE OR REPLACE INDEX users_email ON app.users (email);
==== syntax@1:47: IF NOT EXISTS behind the column's name
ALTER TABLE app.users ADD COLUMN email IF NOT EXISTS text;
==== syntax@1:28: IF NOT EXISTS before CONCURRENTLY
CREATE INDEX IF NOT EXISTS CONCURRENTLY users_email ON app.users (email);
==== syntax@1:28: IF NOT EXISTS without the name of the index
CREATE INDEX IF NOT EXISTS ON app.users (email);
==== syntax@1:22: IF EXISTS behind the name
DROP TABLE app.users IF EXISTS;
==== syntax@1:21: IF NOT EXIST
CREATE TABLE IF NOT EXIST app.users (id int);
==== syntax@1:20: a function has no IF NOT EXISTS
CREATE FUNCTION IF NOT EXISTS app.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
==== syntax@1:16: a view has no IF NOT EXISTS
CREATE VIEW IF NOT EXISTS app.one AS SELECT 1;
==== syntax@1:1, syntax@3:1, syntax@5:1: the marks of a merge
<<<<<<< HEAD
CREATE TABLE IF NOT EXISTS app.a (id int);
=======
CREATE TABLE IF NOT EXISTS app.b (id int);
>>>>>>> feature
==== syntax@1:48: a reserved word as a column
CREATE TABLE IF NOT EXISTS app.orders (id int, user text, order int);
==== syntax@1:28: a reserved word as a table
CREATE TABLE IF NOT EXISTS user (id int);
==== encoding@1:8: quotes that a word processor made
SELECT ‘done’ AS status;
==== syntax@1:61: a number with a comma
ALTER TABLE app.new_prices ALTER COLUMN price SET DEFAULT 1 000;
==== syntax@1:31: a name that begins with a digit
CREATE TABLE IF NOT EXISTS app.2024_reports (id int);
==== syntax@1:28: a hyphen in a name
CREATE TABLE IF NOT EXISTS user-settings (id int);
==== syntax@1:38: an empty list
SELECT * FROM app.users WHERE id IN ();
==== syntax@1:44: == for =
UPDATE app.users SET name = 'x' WHERE id = = 1;
==== syntax@1:29: a WHERE without a condition
DELETE FROM app.users WHERE ;
==== syntax@1:8: values without INTO
INSERT app.users (id) VALUES (1) ON CONFLICT DO NOTHING;
==== syntax@1:72: ON CONFLICT DO UPDATE without SET
INSERT INTO app.users (id, n) VALUES (1, 2) ON CONFLICT (id) DO UPDATE n = 2;
==== syntax@1:54: a default without its value
ALTER TABLE app.users ALTER COLUMN active SET DEFAULT;
==== syntax@1:27: GRANT without TO
GRANT SELECT ON app.users reader;
==== syntax@1:42: three equals
SELECT CASE WHEN 1 = 1 THEN 'a' ELSE 'b' AS x;
==== syntax@1:1: a comment of C++
// add users
CREATE TABLE IF NOT EXISTS app.users (id int);
==== syntax@1:1: a comment of the shell
# add users
CREATE TABLE IF NOT EXISTS app.users (id int);
==== syntax@1:28: a placeholder of a template
CREATE TABLE IF NOT EXISTS {{ schema }}.users (id int);
==== syntax@1:37: a placeholder of a programming language
SELECT * FROM app.users WHERE id = ?;
==== syntax@4:29: a body without THEN
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_class WHERE relname = 'users')
        RAISE NOTICE 'there';
    END IF;
END $$;
==== syntax@5:5: a body without END IF
DO $$
BEGIN
    IF true THEN
        RAISE NOTICE 'there';
END $$;
==== syntax@4:13: a body without a semicolon
DO $$
BEGIN
    PERFORM 1
    PERFORM 2;
END $$;
==== syntax@4:1: a body without END
DO $$
BEGIN
    PERFORM 1;
$$;
==== syntax@3:5: a misspelt statement in a body
DO $$
BEGIN
    CREAT TABLE IF NOT EXISTS app.users (id int);
END $$;
==== syntax@3:45: a broken expression in a body
DO $$
BEGIN
    IF (SELECT count(*) FROM app.users WHERE) > 0 THEN
        RAISE NOTICE 'some';
    END IF;
END $$;
==== syntax@4:62: a broken ALTER TABLE in a guarded block
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'users_key') THEN
        ALTER TABLE app.users ADD CONSTRAIN users_key UNIQUE (email);
    END IF;
END $$;
==== syntax@6:4: a trigger function without END LOOP
CREATE OR REPLACE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..10 LOOP
        PERFORM i;
    RETURN NEW;
END;
$$;
==== syntax@3:5: a trigger function with a misspelt UPDATE
CREATE OR REPLACE FUNCTION app.touch() RETURNS trigger AS $body$
BEGIN
    UPDATEE app.users SET seen = now() WHERE id = NEW.id;
    RETURN NEW;
END;
$body$ LANGUAGE plpgsql;
==== syntax@3:24: a function in single quotes
CREATE OR REPLACE FUNCTION app.greet() RETURNS text AS '
BEGIN
    RETURN ''hello'' || ;
END;
' LANGUAGE plpgsql;
==== syntax@2:5: an SQL function with a misspelt SELECT
CREATE OR REPLACE FUNCTION app.one() RETURNS int LANGUAGE sql AS $$
    SELEC 1;
$$;
==== syntax@1:70: an SQL function with a broken expression
CREATE OR REPLACE FUNCTION app.two(a int) RETURNS int AS 'SELECT a + ' LANGUAGE SQL IMMUTABLE;
==== syntax@4:14: BEGIN ATOMIC without END
CREATE OR REPLACE FUNCTION app.one() RETURNS int
LANGUAGE sql
BEGIN ATOMIC
    SELECT 1;
==== syntax@4:19: BEGIN ATOMIC with a broken statement
CREATE OR REPLACE FUNCTION app.one() RETURNS int
LANGUAGE sql
BEGIN ATOMIC
    SELECT 1 FORM app.users;
END;
==== syntax@8:4: a procedure with ELSE IF
CREATE OR REPLACE PROCEDURE app.p(n int) LANGUAGE plpgsql AS $$
BEGIN
    IF n = 1 THEN
        RAISE NOTICE 'one';
    ELSE IF n = 2 THEN
        RAISE NOTICE 'two';
    END IF;
END;
$$;
==== syntax@3:5: too few values for RAISE
DO $$
BEGIN
    RAISE NOTICE 'one % two %', 1;
END $$;
==== syntax@3:5: an assignment to nothing that is declared
DO $$
BEGIN
    counter := 1;
END $$;
==== syntax@3:26: INTO nothing that is declared
DO $$
BEGIN
    SELECT count(*) INTO total FROM app.users;
END $$;
==== syntax@3:12: RETURN of a value in a DO block
DO $$
BEGIN
    RETURN 1;
END $$;
==== syntax@4:5: declared twice
DO $$
DECLARE
    a int;
    a text;
BEGIN
    NULL;
END $$;
==== syntax@3:5: EXIT outside a loop
DO $$
BEGIN
    EXIT;
END $$;
==== syntax@5:5: an exception without WHEN
DO $$
BEGIN
    CREATE TYPE app.state AS ENUM ('new');
EXCEPTION
    duplicate_object THEN NULL;
END $$;
==== syntax@5:10: an exception that doesn't exist
DO $$
BEGIN
    CREATE TYPE app.state AS ENUM ('new');
EXCEPTION
    WHEN duplicate_objct THEN NULL;
END $$;
==== syntax@4:5: two languages of blocks mixed up
DO $$
BEGIN
    DECLARE x int;
    x := 1;
END $$;
==== syntax@1:1: \if without \endif
\if true
SELECT 1;
==== syntax@2:1: \endif without \if
SELECT 1;
\endif
==== syntax@2:1: \else without \if
SELECT 1;
\else
SELECT 2;
==== metacommand@1:1: a meta-command that doesn't exist
\ecko started
SELECT 1;
==== idempotency@2:1, syntax@3:1: COPY data without its end
CREATE TABLE IF NOT EXISTS app.codes (id int, name text);
COPY app.codes (id, name) FROM stdin;
1	one
2	two
==== syntax@1:1: a statement that lost its beginning
ADD COLUMN IF NOT EXISTS email text;
==== syntax@4:1: ALTER TABLE with a comma at its end
ALTER TABLE app.users
    ADD COLUMN IF NOT EXISTS email text,
    ADD COLUMN IF NOT EXISTS phone text,
;
==== syntax@3:20: a foreign key without REFERENCES
CREATE TABLE IF NOT EXISTS app.orders (
    id bigint PRIMARY KEY,
    user_id bigint FOREIGN KEY REFERENCES app.users (id)
);
==== syntax@1:65: an inline index type
CREATE INDEX IF NOT EXISTS users_email ON app.new_users (email) USING gin;
==== syntax@1:54: a partition without bounds
CREATE TABLE IF NOT EXISTS app.m1 PARTITION OF app.m FROM ('2024-01-01') TO ('2024-02-01');
==== syntax@1:81: a trigger without a function
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE app.touch();
==== syntax@1:39: WITH without its statement
WITH old AS (SELECT id FROM app.users);
==== syntax@1:48: a CTE with a comma too many
WITH old AS (SELECT id FROM app.users), UPDATE app.users SET n = 1 WHERE id = 1;
==== syntax@1:20: JOIN in UPDATE as in MySQL
UPDATE app.users u JOIN app.orders o ON o.user_id = u.id SET n = 1 WHERE o.id = 1;
==== syntax@1:36: LIMIT in DELETE
DELETE FROM app.users WHERE id = 1 LIMIT 1;
==== syntax@1:12: a cast with one colon
SELECT '1' : int;
==== syntax@1:8: a psql variable in a half-written place
SELECT :'name' FROM WHERE 1;
==== syntax@1:43: behind non-ASCII text
SELECT 'миграция готова', 'ещё' AS статус FRM app.users u WHERE u.id = 1;
==== syntax@1:19: behind a tab and an astral character
	SELECT '😀' AS a, AS b;
==== syntax@1:10: a semicolon inside a parenthesis
SELECT (1;
SELECT 2);
==== syntax@1:15: a \g in the middle of a statement
SELECT 1 FROM \g
==== syntax@2:14: the last statement has no semicolon and is broken
SELECT 1;
SELECT 2 FROM
==== syntax@1:28: COMMENT without IS
COMMENT ON TABLE app.users 'people';
==== syntax@1:48: a constraint without its name
ALTER TABLE app.users DROP CONSTRAINT IF EXISTS;
==== syntax@1:38: RENAME TO in the wrong order
ALTER TABLE app.users RENAME name TO COLUMN title;
==== syntax@1:31: ENUM without parentheses
CREATE TYPE app.state AS ENUM 'new', 'old';
==== syntax@1:53: a check without parentheses
CREATE TABLE IF NOT EXISTS app.users (age int CHECK age > 0);
==== syntax@1:47: a statement of ClickHouse
CREATE TABLE IF NOT EXISTS events (id UInt64) ORDER BY id;
==== syntax@1:1: DELIMITER of MySQL
DELIMITER //
SELECT 1;
==== syntax@1:52: a row of values without a comma
INSERT INTO app.codes (id, name) VALUES (1, 'one') (2, 'two') ON CONFLICT DO NOTHING;
==== syntax@1:49: a quote in a text
INSERT INTO app.codes (id, name) VALUES (1, 'it's one') ON CONFLICT DO NOTHING;
==== syntax@1:26: a bit string of something else
SELECT B'012', X'zz', U&'\zz';
==== syntax@1:8: a number with letters behind it
SELECT 12abc FROM app.users;
==== syntax@1:13: an empty quoted name
SELECT 1 AS "";
==== syntax@1:1: a function without a language
CREATE OR REPLACE FUNCTION app.one() RETURNS int AS $$ SELECT 1 $$;
==== syntax@3:5: EXECUTE of a literal that is broken
DO $$
BEGIN
    EXECUTE 'CREATE TABEL app.a (id int)';
END $$;
==== syntax@1:1: a body with escapes
DO E'BEGIN\n  SELEC 1;\nEND';
==== syntax@4:13: a CASE without THEN
DO $$
BEGIN
    CASE 1 WHEN 1
        NULL;
    END CASE;
END $$;
==== syntax@4:13: THEN that stands too early
DO $$
BEGIN
    IF (SELECT CASE WHEN true THEN 1 END) = 1
        NULL;
    END IF;
END $$;
==== syntax@1:28: a variable that nothing sets
CREATE TABLE IF NOT EXISTS :schema.users (id int);
==== syntax@1:8: a variable that is set too late
SELECT :'name' AS status;
\set name x
==== syntax@3:5: a field of nothing that is declared
CREATE OR REPLACE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    rec.updated_at := now();
    RETURN NEW;
END $$;
==== syntax@5:27: a mistake in a function with types of one's own
CREATE OR REPLACE FUNCTION app.f(u app.users, VARIADIC ids app.id[]) RETURNS SETOF app.users LANGUAGE plpgsql AS $$
DECLARE
    found app.users%ROWTYPE;
BEGIN
    RETURN QUERY SELECT * FORM app.users;
END $$;
