-- A session without memory of the file before it; the advisory lock stays, which DISCARD ALL would give up. Role and settings
-- went back when that file was finished.
\set ON_ERROR_STOP on
\set AUTOCOMMIT on
\set ON_ERROR_ROLLBACK off
\set VERBOSITY verbose
\set SHOW_CONTEXT errors
\set FETCH_COUNT 0
\set SINGLELINE off
\set SINGLESTEP off
\set ECHO none
\set ECHO_HIDDEN off
\set QUIET on
\o
\timing off
DEALLOCATE ALL \; CLOSE ALL \; UNLISTEN * \; DISCARD SEQUENCES \; DISCARD TEMP;
