-- expect: runs-program@15:1
-- expect: runs-program@16:1
-- expect: runs-program@17:1
-- expect: runs-program@18:1
-- expect: includes-file@19:1
-- expect: includes-file@20:1
-- expect: needs-terminal@21:1
-- expect: unknown-command@22:1
-- expect: ignores-errors@23:1
-- expect: ignores-errors@24:1
-- expect: runs-program@25:1
-- expect: runs-built-sql@26:19
-- expect: changes-database@27:1
-- expect: quits-early@28:1
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
