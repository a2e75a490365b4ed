"""argv and SQL for psql, pg_dump and pg_restore, in a container or on the server itself."""
