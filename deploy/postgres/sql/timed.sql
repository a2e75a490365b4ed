-- After the first run of a rehearsal: how long each file took by the ledger, and how long it held what the watcher saw. Behind it
-- come the watcher's lines and the end of COPY; then timed_end.sql. Variable: ledger_schema.
CREATE TEMP TABLE held (relation oid, mode text, since double precision, until double precision);
COPY held FROM stdin (DELIMITER '|');
