-- In the live database: what salvage_tables.sql says comes behind this.
CREATE TEMP TABLE theirs (t jsonb);
COPY pg_temp.theirs FROM STDIN;
