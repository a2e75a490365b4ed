"""The lost hour: what was written between a backup and the rollback to it comes back, row by row."""

# ruff: noqa: S608 - what is put into these statements are names of the tests' own

from __future__ import annotations

import csv
import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tests.journeys.invariants import (
    assert_nothing_is_locked,
    job_processes,
    lets_in,
    replaced_databases,
    wait_until,
    wait_until_nobody_works,
    whole,
)
from tests.server.container import SUPERUSER
from tests.server.machine import as_root, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server import ServerUnderTest, Site

SHOP = """
CREATE SCHEMA "the shop";
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE "the shop"."or""ders" (
  "the id" bigint GENERATED ALWAYS AS IDENTITY,
  "a b" text,
  at timestamptz NOT NULL DEFAULT now(),
  took interval,
  raw bytea,
  mood mood,
  price numeric,
  ratio double precision,
  "list" text[],
  doc jsonb,
  code char(5),
  twice numeric GENERATED ALWAYS AS (price * 2) STORED,
  PRIMARY KEY ("the id")
);
CREATE TABLE parts (id serial, sub text COLLATE "C", parent int, sub_parent text, PRIMARY KEY (sub, id),
  FOREIGN KEY (sub_parent, parent) REFERENCES parts (sub, id));
CREATE TABLE a_child (id int PRIMARY KEY, part_id int, part_sub text, FOREIGN KEY (part_sub, part_id) REFERENCES parts (sub, id));
CREATE TABLE ticks (at date NOT NULL, price numeric, PRIMARY KEY (at)) PARTITION BY RANGE (at);
CREATE TABLE ticks_2025 PARTITION OF ticks FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE ticks_rest PARTITION OF ticks DEFAULT;
CREATE TABLE loose (note text);
CREATE TABLE quiet (id int PRIMARY KEY);
INSERT INTO quiet VALUES (1);
INSERT INTO parts (sub) SELECT 'old' FROM generate_series(1, 3);
INSERT INTO "the shop"."or""ders" ("a b") SELECT 'old' FROM generate_series(1, 5);
INSERT INTO ticks SELECT date '2025-12-20' + i, i FROM generate_series(1, 5) AS i;
"""

ORDERS = '"the shop"."or""der\'s\nlist"'

CHANGE = """
ALTER TABLE "the shop"."or""ders" ADD COLUMN IF NOT EXISTS "new, col" int DEFAULT 7;
CREATE TABLE IF NOT EXISTS brand_new (id int PRIMARY KEY);
"""

LOST_HOUR = r"""
INSERT INTO "the shop"."or""ders" ("a b", at, took, raw, mood, price, ratio, list, doc, code) VALUES
  (E'it''s \\ "q", 1\n2\ttab :x :''y'' $$ ünï 🐘', '2026-01-02 03:04:05.678901+05', '-1 mon 2 days -03:04:05', '\x00ff5c27', 'bad',
    1.50, 0.1, ARRAY['a,"b', NULL, E'\\'], '{"k": "v\\n"}', 'ab'),
  (NULL, 'infinity', NULL, NULL, NULL, 'NaN', '-Infinity', '{}', 'null', NULL),
  ('', '0001-01-01 00:00:00+00 BC', '0', '', 'good', 0, 1e300, NULL, '[]', '');
INSERT INTO parts (id, sub, parent, sub_parent) VALUES (100, 'A', 5000, 'b'), (5000, 'b', NULL, NULL);
INSERT INTO parts (sub) SELECT 'new' FROM generate_series(1, 1203);
INSERT INTO a_child SELECT i, 100, 'A' FROM generate_series(1, 1203) AS i;
INSERT INTO ticks SELECT date '2025-12-26' + i, i FROM generate_series(1, 10) AS i;
INSERT INTO loose VALUES ('lost');
INSERT INTO brand_new VALUES (1);
"""


@pytest.fixture
def site(server: ServerUnderTest) -> Iterator[Site]:
    """A shop that was rolled back, and had sold something in the hour before."""
    with server.fresh(15) as fresh:
        roll_back_a_shop(fresh)
        yield fresh


def roll_back_a_shop(site: Site) -> None:
    site.psql(SHOP)
    site.write_migration("001_change.sql", CHANGE)
    site.fab("deploy", check=0)
    site.psql(LOST_HOUR)
    done = site.fab("rollback", "--backup=pre_deploy", "--yes", check=0)
    assert "`fab -H prod salvage` gives back the rows" in done.stdout
    replaced = opened(site)
    for database in (replaced, site.database):
        # no dump may have such a name in it
        site.psql(f'ALTER TABLE "the shop"."or""ders" RENAME TO {ORDERS.partition(".")[2]}', database)
    site.psql(f"ALTER DATABASE {replaced} ALLOW_CONNECTIONS false", "postgres")


def salvaged(site: Site, *flags: str, check: int = 0) -> list[dict[str, Any]]:
    """Salvage into the project's folder, and give what --json says."""
    found: list[dict[str, Any]] = json.loads(site.fab("salvage", "--json", *flags, check=check).stdout)
    return found


def by_table(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["table"].replace("\ufffd", "\n"): each for each in found}


def read_sql(site: Site, path: Path) -> None:
    """Feed a file to psql, strictly, as an operator would."""
    argv = ["docker", "exec", "-i", site.container, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER]
    run([*argv, "-d", site.database], stdin=path.read_bytes())


def all_rows(site: Site, database: str) -> dict[str, str]:
    """Return the rows of each table as text, without what only one side has."""
    columns = {ORDERS: '"the id", "a b", at, took, raw, mood, price, ratio, list, doc, code, twice'}
    return {
        table: site.psql(
            f"SELECT x FROM (SELECT {columns.get(table, '*')} FROM {table}) AS x ORDER BY x::text", database
        )
        for table in (ORDERS, "parts", "a_child", "ticks", "quiet")
    }


def opened(site: Site) -> str:
    """Let the test itself into the replaced database, and return its name."""
    (replaced,) = replaced_databases(site)
    site.psql(f"ALTER DATABASE {replaced} ALLOW_CONNECTIONS true", "postgres")
    return replaced


class TestSalvage:
    @pytest.mark.parametrize("version", [15, 17])
    def test_gives_back_exactly_what_was_lost(self, server: ServerUnderTest, version: int) -> None:
        """Odd names and values, identities, references to a later row, partitions: fed to psql, the rows are there again."""
        with server.fresh(version) as site:
            roll_back_a_shop(site)
            self.salvage_and_feed(site)

    def salvage_and_feed(self, site: Site) -> None:
        live = whole(site)
        found = salvaged(site, "--format=sql")

        assert whole(site) == live, "salvage wrote into the live database"
        (replaced,) = replaced_databases(site)
        assert not lets_in(site, replaced)
        assert_nothing_is_locked(site)
        tables = by_table(found)
        assert {name: each["rows"] for name, each in tables.items()} == {
            ORDERS: 3,
            "public.parts": 1205,
            "public.a_child": 1203,
            "public.ticks": 10,
            "public.loose": None,
            "public.brand_new": None,
        }
        assert tables[ORDERS]["columns_left_out"] == ["new, col"]
        assert tables["public.loose"]["reason"] == "it has no primary key"
        assert tables["public.brand_new"]["reason"] == "the live database has no such table"
        names = [each["table"] for each in found]
        assert names.index("public.parts") < names.index("public.a_child"), "parents come before their children"

        written = [site.project / each["path"] for each in found if each["path"]]
        for path in written:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert "ON CONFLICT DO NOTHING;" in path.read_text("utf-8")
            read_sql(site, path)
        expected = all_rows(site, opened(site))
        assert all_rows(site, site.database) == expected
        assert not [path for path in site.remote_files() if "/salvage/" in path]

        # a second time changes nothing, and the next numbers are free
        for path in written:
            read_sql(site, path)
        assert all_rows(site, site.database) == expected
        site.psql(f"INSERT INTO {ORDERS} (\"a b\") VALUES ('next'); INSERT INTO parts (sub) VALUES ('new')")

    def test_writes_csv_that_copy_reads(self, site: Site) -> None:
        tables = by_table(salvaged(site, "--output=lost/rows"))
        orders = site.project / tables[ORDERS]["path"]
        assert orders.parent == site.project / "lost" / "rows"
        with orders.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [*rows[0]] == [
            *("the id", "a b", "at", "took", "raw", "mood", "price", "ratio", "list", "doc", "code", "twice")
        ]
        assert rows[0]["a b"] == "it's \\ \"q\", 1\n2\ttab :x :'y' $$ ünï 🐘"
        assert rows[0]["raw"] == "\\x00ff5c27"
        assert [row["twice"] for row in rows] == ["3.00", "NaN", "0"]
        assert tables["public.ticks"]["path"] == "lost/rows/salvage_public.ticks.csv"
        argv = ["docker", "exec", "-i", site.container, "psql", "-Xq", "-U", SUPERUSER, "-d", site.database]
        copy = r"\copy ticks FROM STDIN WITH (FORMAT csv, HEADER)"
        run([*argv, "-c", copy], stdin=(site.project / tables["public.ticks"]["path"]).read_bytes())
        assert site.psql("SELECT count(*) FROM ticks") == "15"

    def test_finds_nothing_when_nothing_was_lost(self, site: Site) -> None:
        """One table is named, so it is told; it has no file."""
        (found,) = salvaged(site, "--table=quiet")
        assert found == {"table": "public.quiet", "rows": 0, "path": None, "columns_left_out": [], "reason": None}
        assert not list(site.project.glob("salvage_*"))

    @pytest.mark.parametrize("name", ["the shop.or\"der's\nlist", ORDERS])
    def test_takes_a_table_by_its_name_as_it_is_or_quoted(self, site: Site, name: str) -> None:
        (found,) = salvaged(site, f"--table={name}")
        assert found["rows"] == 3
        assert "/" not in found["path"]

    def test_keeps_the_ledger_out_of_it(self, site: Site) -> None:
        """A ledger row that came back would say that a migration is applied whose effect is gone."""
        refused = site.fab("salvage", "--table=deploy.migrations", check=10)
        assert "has no table deploy.migrations" in refused.stdout
        assert not lets_in(site, replaced_databases(site)[0])


class TestSalvageInTrouble:
    def test_brings_the_other_tables_when_one_fails(self, site: Site) -> None:
        """A key that can't be read as the live one's type; what psql says is told, and the status isn't 0."""
        site.psql("ALTER TABLE quiet ALTER id TYPE date USING date '2000-01-01' + id")
        done = site.fab("salvage", check=30)
        assert "public.quiet could not be compared" in done.stdout
        assert "invalid input syntax for type date" in done.stdout
        assert (site.project / "salvage_public.ticks.csv").exists()
        assert not lets_in(site, replaced_databases(site)[0])

    def test_never_writes_over_a_file(self, site: Site) -> None:
        mine = site.project / "salvage_public.ticks.csv"
        mine.write_text("mine", "utf-8")
        refused = site.fab("salvage", "--table=ticks", check=10)
        assert "is here already, with other content" in refused.stdout
        assert mine.read_text("utf-8") == "mine"

    def test_refuses_what_it_can_not_mean(self, site: Site) -> None:
        assert "no format" in site.fab("salvage", "--format=xml", check=10).stdout
        assert replaced_databases(site)[0] in site.fab("salvage", "--database=postgres", check=10).stdout
        site.fab("forget", "--yes", check=0)
        site.fab("salvage", check=49)

    def test_is_closed_by_repair_after_a_kill(self, site: Site) -> None:
        """The power goes while the replaced database is open: nobody but repair is there to close it."""
        (replaced,) = replaced_databases(site)
        # whoever locks a live table keeps the comparison waiting
        lock = "BEGIN; LOCK TABLE ticks IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)"
        run(["docker", "exec", "-d", site.container, "psql", "-XqU", SUPERUSER, "-d", site.database, "-c", lock])
        client = site.spawn("salvage", "--table=ticks")
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'deploy:%'"
        )
        wait_until(lambda: site.psql(waiting) == "1")
        run(as_root("kill", "-9", *map(str, job_processes(site))))
        site.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        client.wait(timeout=60)
        assert lets_in(site, replaced)

        done = site.fab("repair", check=0)

        assert f"closed the replaced database {replaced} again" in done.stdout
        assert not lets_in(site, replaced)
        wait_until_nobody_works(site)
