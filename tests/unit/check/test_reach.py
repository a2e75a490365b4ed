"""A file that reaches beyond its database can't be tried on a copy without everybody noticing."""

from __future__ import annotations

import pytest

from deploy.check.reach import reach_of


class TestAFileReachesBeyondItsDatabase:
    @pytest.mark.parametrize(
        "text",
        [
            "CREATE ROLE reader;",
            "alter user app password 'x';",
            "DROP DATABASE other;",
            "ALTER DATABASE app SET work_mem = '1GB';",
            "CREATE TABLESPACE fast LOCATION '/fast';",
            "ALTER SYSTEM SET work_mem = '1GB';",
            "GRANT reader TO app;",
            "REVOKE CONNECT ON DATABASE app FROM PUBLIC;",
            "COMMENT ON ROLE app IS 'x';",
            "REASSIGN OWNED BY a TO b;",
            "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p;",
            "SELECT pg_terminate_backend(1);",
            "SELECT dblink_exec('host=other', 'DELETE FROM t');",
            "DO $$ BEGIN EXECUTE 'CREATE ROLE ' || 'x'; END $$;",
            "COPY t TO '/tmp/t';",
            "COPY t FROM PROGRAM 'curl x';",
            "\\! date",
            "\\copy t to 'here.csv'",
            "\\connect other",
            "\\o out.txt",
        ],
    )
    def test_by_what_every_database_shares_or_the_disk(self, text: str) -> None:
        assert reach_of(f"SELECT 1;\n{text}\n") == f"line 2: {text.rstrip(';')}"

    @pytest.mark.parametrize(
        "text",
        [
            "GRANT SELECT ON t TO reader;",
            "ALTER TABLE t OWNER TO app;",
            "CREATE USER MAPPING FOR app SERVER s;",
            "ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO reader;",
            "COMMENT ON TABLE t IS 'create role';",
            "-- CREATE ROLE x;\nSELECT 1;",
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ CREATE ROLE x $$;",
            "COPY t FROM stdin;\nCREATE ROLE x;\n\\.\n",
            "COPY t TO STDOUT;",
            "\\copy t from 'here.csv'",
            "\\o",
            "CREATE EXTENSION IF NOT EXISTS dblink;",
            "",
        ],
    )
    def test_but_not_by_what_is_its_own(self, text: str) -> None:
        assert reach_of(text) is None

    def test_and_the_first_place_is_named(self) -> None:
        assert reach_of("\ufeff\\! true\nCREATE ROLE x;\n") == "line 1: \\! true"
