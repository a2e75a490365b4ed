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
\pset border 1
\pset columns 0
\pset csv_fieldsep ','
\pset expanded off
\pset fieldsep '|'
\pset footer on
\pset format aligned
\pset linestyle ascii
\pset null ''
\pset numericlocale off
\pset recordsep '\n'
\pset tableattr
\pset title
\pset tuples_only off
DEALLOCATE ALL \; CLOSE ALL \; UNLISTEN * \; DISCARD SEQUENCES \; DISCARD TEMP;
