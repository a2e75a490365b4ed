-- psql as it was before a file that may have told it something else. What the server remembers of the file goes when it is finished.
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
