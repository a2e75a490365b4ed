-- In the replaced database: where the rows stand that the live one lacks come behind this. Nobody writes there, so they stay.
CREATE TEMP TABLE lost (tab oid, place tid);
COPY pg_temp.lost FROM STDIN;
