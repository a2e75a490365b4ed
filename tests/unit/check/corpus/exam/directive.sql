==== directive@1:1, destructive@2:1: no reason
-- deploy: ignore drop-table
DROP TABLE IF EXISTS app.users;
==== directive@1:1, destructive@2:1: nothing at all
-- deploy: ignore
DROP TABLE IF EXISTS app.users;
==== directive@1:1: a finding that doesn't exist
-- deploy: ignore drop-tabel nobody uses it
SELECT 1;
==== directive@1:1: nothing to ignore
-- deploy: ignore drop-table nobody uses it
CREATE TABLE IF NOT EXISTS app.users (id int);
==== directive@1:1: a word that doesn't exist
-- deploy: skip drop-table nobody uses it
SELECT 1;
==== directive@1:1: nothing behind the colon
-- deploy:
SELECT 1;
==== directive@1:1, destructive@3:1: far away from what it means
-- deploy: ignore drop-table nobody uses it
SELECT 1;
DROP TABLE IF EXISTS app.users;
==== directive@2:1: twice
-- deploy: ignore drop-table nobody uses it
-- deploy: ignore drop-table nobody uses it
DROP TABLE IF EXISTS app.users;
==== directive@1:1, destructive@2:1: ignoring another finding
-- deploy: ignore truncate it is only a cache
DELETE FROM app.cache;
==== directive@2:1: at the end of the file
SELECT 1;
-- deploy: ignore drop-table nobody uses it
==== directive@1:1, destructive@2:1: a reason of spaces
-- deploy: ignore drop-table    
DROP TABLE IF EXISTS app.users;
==== directive@1:1, destructive@2:1: allow without a reason
-- deploy: allow drop-table
DROP TABLE IF EXISTS app.users;
==== directive@1:1: a time that isn't one
-- deploy: lock-timeout soon
SELECT 1;
==== directive@1:1, destructive@2:1: without the space
-- deploy:ignore drop-table
DROP TABLE IF EXISTS app.users;
==== directive@1:1, destructive@2:1: in capitals
-- DEPLOY: IGNORE drop-table
DROP TABLE IF EXISTS app.users;
==== directive@2:1: too late for the first lines
SELECT 1;
-- deploy: no-transaction
SELECT 2;
==== directive@3:5: in a body, unused
DO $$
BEGIN
    -- deploy: ignore drop-table nobody uses it
    NULL;
END $$;
==== directive@2:11: behind a statement, unused
SELECT 1;
SELECT 2; -- deploy: ignore drop-table nobody uses it
==== directive@1:1, destructive@2:1: a list
-- deploy: ignore drop-table, truncate
DROP TABLE IF EXISTS app.users;
==== directive@1:11: for the deploy, behind a statement
SELECT 1; -- deploy: repeatable
==== directive@1:1: in another kind of comment
/* deploy: ignore drop-table nobody uses it */
SELECT 1;
==== directive@1:11: behind a statement, malformed
SELECT 1; -- deploy: ignore drop-table
