==== metacommand@1:1: a shell command
\! rm -rf /tmp/x
==== metacommand@1:1: a shell
\!
==== idempotency@1:1, metacommand@1:1: copy from a program
\copy app.codes from program 'curl https://example.org/codes.csv' csv
==== metacommand@1:1: copy to a program
\copy (select * from app.users) to program 'mail me@example.org'
==== metacommand@1:1: copy to a program, in capitals
\COPY app.users TO PROGRAM 'gzip > /tmp/x.gz'
==== metacommand@1:1: output to a program
\o | tee /tmp/x
SELECT 1;
==== metacommand@1:1: output to a program, in more letters
\out |cat
SELECT 1;
==== metacommand@1:10: one answer to a program
SELECT 1 \g | cat
==== metacommand@1:10: one answer to a program, expanded
SELECT 1 \gx |cat
==== metacommand@2:1: the buffer to a program
SELECT 1
\w |cat
;
==== metacommand@1:1: a file
\i other.sql
==== metacommand@1:1: a file, in more letters
\include other.sql
==== metacommand@1:1: a file beside this one
\ir other.sql
==== metacommand@1:1: a file beside this one, in more letters
\include_relative other.sql
==== metacommand@1:1: another database
\connect postgres
==== metacommand@1:1: another database, in fewer letters
\c postgres
==== metacommand@1:1: another user
\c - admin
==== metacommand@1:31: the answer run as commands
SELECT 'DROP TABLE app.users' \gexec
==== metacommand@2:1: the answer run as commands, on its own line
SELECT format('DROP TABLE %I', relname) FROM pg_class WHERE relname LIKE 'tmp%'
\gexec
==== metacommand@1:1: a variable from a program
\set today `date +%F`
==== metacommand@1:1: words from a program
\echo `whoami`
==== metacommand@1:1: a condition from a program
\if `test -f /etc/passwd && echo 1`
\endif
==== metacommand@1:1: a question that nobody answers
\prompt 'Sure? ' answer
==== metacommand@1:1: a password that nobody types
\password app
==== metacommand@1:1: an editor
\e
==== metacommand@1:10: over and over
SELECT 1 \watch 5
==== metacommand@2:1: the end of the file is never reached
SELECT 1;
\q
SELECT 2;
==== metacommand@1:1: errors are let pass
\set ON_ERROR_STOP off
SELECT 1;
==== metacommand@1:1: errors are let pass by nothing
\unset ON_ERROR_STOP
SELECT 1;
==== metacommand@1:1: errors are let pass by 0
\set ON_ERROR_STOP 0
==== metacommand@1:11: behind a statement on one line
SELECT 1; \! ls
==== metacommand@2:1: in the middle of a statement
SELECT
\! ls
1;
==== metacommand@2:1: in a branch
\if true
\! ls
\endif
==== metacommand@1:1: another directory
\cd /tmp
==== metacommand@1:1: output to a file
\o /tmp/report.txt
SELECT 1;
==== metacommand@1:1: a large object from a file
\lo_import /etc/passwd
==== idempotency@1:1, metacommand@1:1: copy from a file
\copy app.codes from '/tmp/codes.csv' csv
==== idempotency@1:1, metacommand@1:1: a program of the server's
COPY app.codes FROM PROGRAM 'curl https://example.org/codes.csv';
==== metacommand@1:1: a program of the server's, for what it says
COPY (SELECT * FROM app.users WHERE id = 1) TO PROGRAM 'cat > /tmp/x';
==== metacommand@1:1: other quotes
\set QUIET `echo on`
==== metacommand@1:9: two on one line
\echo a \! ls
==== metacommand@2:1: without a space
SELECT 1;
\!ls
