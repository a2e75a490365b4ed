-- expect: needs-transaction@4:1
-- expect: needs-transaction@5:1
-- deploy: no-transaction
LOCK TABLE t IN ACCESS SHARE MODE;
SAVEPOINT a;
