-- expect: runs-program@19:1
-- expect: runs-program@20:1
-- expect: runs-program@21:1
-- expect: runs-program@22:1
-- expect: includes-file@23:1
-- expect: includes-file@24:1
-- expect: needs-terminal@25:1
-- expect: unknown-command@26:1
-- expect: ignores-errors@27:1
-- expect: ignores-errors@28:1
-- expect: runs-program@29:1
-- expect: runs-built-sql@30:19
-- expect: changes-database@31:1
-- expect: quits-early@32:1
-- expect: uses-file@34:1
-- expect: uses-file@35:1
-- expect: repeats-forever@36:10
-- expect: autocommit-off@38:1
\! rm -rf /
\copy t to program 'cat'
\o | cat
\set x `date`
\i other.sql
\ir other.sql
\prompt 'name?' name
\nonsense
\set ON_ERROR_STOP off
\unset ON_ERROR_STOP
COPY t TO PROGRAM 'cat';
SELECT 'SELECT 1' \gexec
\c other
\q
SELECT 1;
\o /tmp/report
\cd /tmp
SELECT 1 \watch 5
SELECT 2 \watch c=3
\set AUTOCOMMIT off
