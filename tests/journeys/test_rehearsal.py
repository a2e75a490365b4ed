"""A deploy is tried on a copy first: what would go wrong, or block, is known before production is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.site import Site

REHEARSED = {"FABRIC_DEPLOY_REHEARSE": "auto"}

TRADES = """\
CREATE TABLE IF NOT EXISTS trades (id int PRIMARY KEY, symbol text NOT NULL, price numeric);
INSERT INTO trades SELECT i, 'S' || i % 10, i FROM generate_series(1, 20000) AS i ON CONFLICT DO NOTHING;
"""


@pytest.fixture
def traded(site: Site) -> Site:
    """A server with 20000 trades, deployed with its rehearsal."""
    site.write_migration("001_trades.sql", TRADES)
    site.fab("deploy", env=REHEARSED, check=0)
    return site


def state(site: Site) -> tuple[bytes, str, bytes]:
    """What a rehearsal must not touch: schema and rows, databases, the migrations that stand on the server."""
    return (
        site.dump(),
        site.psql("SELECT string_agg(datname, ' ') FROM pg_database WHERE starts_with(datname, current_database())"),
        site.ssh(f"ls {site.remote_dir}/migrations"),
    )


def backups(site: Site) -> bytes:
    """The names of those that are there, partial ones too."""
    return site.ssh(f"ls -A {site.remote_dir}/backups")


class TestADeployWithItsRehearsal:
    def test_proves_the_backup_runs_every_file_twice_and_says_what_it_will_block(self, traded: Site) -> None:
        traded.write_migration(
            "002_column.sql",
            "ALTER TABLE trades ADD COLUMN IF NOT EXISTS side text;\n"
            "UPDATE trades SET side = 'buy' WHERE side IS NULL;\n"
            "SELECT pg_sleep(0.6);\n",
        )
        traded.write_migration("003_rewrite.sql", "ALTER TABLE trades ALTER COLUMN id TYPE bigint;\n")
        traded.write_migration(
            "004_index.sql", "CREATE INDEX CONCURRENTLY IF NOT EXISTS by_symbol ON trades (symbol);\n"
        )
        traded.write_migration("005_quiet.sql", "CREATE TABLE IF NOT EXISTS notes (id int);\n")
        done = traded.fab("deploy", "--json", env=REHEARSED, check=0)
        document = json.loads(done.stdout)
        assert document["rehearsed"] is True
        assert document["applied"] == ["002_column.sql", "003_rewrite.sql", "004_index.sql", "005_quiet.sql"]
        by_file = {tried["file"]: tried for tried in document["rehearsal"]}
        column = by_file["002_column.sql"]
        assert [(k["table"], k["mode"]) for k in column["locks"]] == [("public.trades", "AccessExclusiveLock")]
        assert 500 <= column["locks"][0]["ms"] <= column["ms"]
        assert column["written"] == [{"table": "public.trades", "inserted": 0, "updated": 20000, "deleted": 0}]
        assert [t["table"] for t in by_file["003_rewrite.sql"]["rewritten"]] == ["public.trades"]
        assert by_file["003_rewrite.sql"]["rewritten"][0]["bytes"] > 500_000
        assert [i["index"] for i in by_file["004_index.sql"]["indexes"]] == ["public.by_symbol"]
        assert by_file["005_quiet.sql"]["locks"] == []
        assert "📄 Applying migration: 002_column.sql" in done.stderr
        assert done.stderr.count("📄 Applying migration:") == 4
        assert "002_column.sql: " in done.stderr
        assert "blocks reads and writes of public.trades for " in done.stderr
        newest = json.loads(traded.fab("backups", "--json", check=0).stdout)[0]
        assert newest["name"] == document["backup"]
        assert newest["restored_at"] is not None
        assert traded.psql("SELECT count(*) FROM pg_database WHERE datname LIKE '%\\_side\\_%'") == "0"

    def test_stops_before_production_is_touched(self, traded: Site) -> None:
        before = state(traded)
        for text, message, hint in (
            (  # it can't be repeated
                "ALTER TABLE trades ADD COLUMN side text;\n",
                '002_next.sql:1: column "side" of relation "trades" already exists (SQLSTATE 42701)',
                "Make 002_next.sql safe to repeat",
            ),
            (  # it adds a row each time
                "INSERT INTO trades SELECT max(id) + 1, 'X', 0 FROM trades;\n",
                "these migrations moved public.trades has 20002 rows instead of 20001",
                "Make them safe to repeat",
            ),
            (  # it adds a constraint each time
                "ALTER TABLE trades ADD CHECK (price > 0);\n",
                "these migrations moved the schema: + CONSTRAINT trades_price_check1 CHECK ((price > (0)::numeric))",
                "Make them safe to repeat",
            ),
            (  # data that violates a new constraint
                (
                    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'cheap') THEN\n"
                    "  ALTER TABLE trades ADD CONSTRAINT cheap CHECK (price < 20000);\nEND IF; END $$;\n"
                ),
                'check constraint "cheap" of relation "trades" is violated by some row',
                "Mend 002_next.sql and deploy again.",
            ),
            (  # it fails only on production's rows
                "DO $$ BEGIN IF (SELECT count(*) FROM trades) > 1000 THEN RAISE 'too many'; END IF; END $$;\n",
                "too many (SQLSTATE P0001)",
                "Mend 002_next.sql and deploy again.",
            ),
        ):
            traded.write_migration("002_next.sql", text)
            done = traded.fab("deploy", "--json", env=REHEARSED, check=28)
            document = json.loads(done.stdout)
            assert (document["outcome"], document["rehearsed"], document["applied"]) == ("failed", False, [])
            assert message in document["error"]["message"]
            assert hint in document["error"]["hint"]
            assert "📄" not in done.stderr
            assert state(traded) == before

    def test_stops_when_the_backup_does_not_restore(self, traded: Site) -> None:
        """A view that stands on a function with an unqualified name can't be restored: so no rollback could be."""
        traded.psql(
            "CREATE FUNCTION cheapest() RETURNS numeric LANGUAGE sql AS 'SELECT min(price) FROM trades';"
            "CREATE TABLE marks (id int PRIMARY KEY, price numeric CHECK (price >= cheapest())); INSERT INTO marks VALUES (1, 5)"
        )
        traded.write_migration("002_next.sql", "CREATE TABLE IF NOT EXISTS next (id int);\n")
        before = state(traded)
        done = traded.fab("deploy", "--json", env=REHEARSED, check=45)
        error = json.loads(done.stdout)["error"]
        assert "the backup just taken doesn't restore" in error["message"]
        assert "--rehearse=never" in error["hint"]
        assert any("trades" in detail for detail in error["details"])
        assert state(traded) == before
        traded.fab("deploy", "--rehearse=never", check=0)

    def test_says_what_it_leaves_out(self, traded: Site) -> None:
        """A role is shared by every database: a file that makes one is not run on a copy, but the restore is proven."""
        role = f"reader_{traded.database}"
        traded.write_migration(
            "002_role.sql",
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN\n  CREATE ROLE {role};\nEND IF; END $$;\n",
        )
        refused = traded.fab("rehearse", check=27)
        assert "002_role.sql reaches beyond its database (line 1: " in refused.stdout
        try:
            done = traded.fab("deploy", "--json", env=REHEARSED, check=0)
        finally:
            traded.psql(f"DROP ROLE IF EXISTS {role}")
        assert json.loads(done.stdout)["rehearsed"] is False
        assert "the files are not rehearsed: 002_role.sql reaches beyond its database" in done.stderr
        assert "it restores: " in done.stderr
        traded.write_migration("003_next.sql", "CREATE TABLE IF NOT EXISTS next (id int);\n")
        small = traded.fab("deploy", env={**REHEARSED, "FABRIC_DEPLOY_REHEARSE_LIMIT": "1 MB"}, check=0)
        assert "are beyond rehearse_limit (1.0 MB)" in small.stdout
        assert "🧪" not in small.stdout


class TestRehearse:
    def test_alone_changes_nothing(self, traded: Site) -> None:
        traded.write_migration("002_next.sql", "ALTER TABLE trades ADD COLUMN IF NOT EXISTS side text DEFAULT 'buy';\n")
        before = (state(traded), backups(traded))
        done = traded.fab("rehearse", "--json", check=0)
        document = json.loads(done.stdout)
        assert (document["outcome"], document["pending"]) == ("rehearsed", ["002_next.sql"])
        assert document["rehearsal"][0]["locks"][0]["table"] == "public.trades"
        assert (state(traded), backups(traded)) == before
        assert json.loads(traded.fab("status", "--json", check=0).stdout)["pending"] == ["002_next.sql"]
        traded.fab("deploy", check=0)
        assert "nothing pending" in traded.fab("rehearse", check=0).stdout

    def test_warns_of_what_is_done_again_and_of_what_is_not_in_force(self, traded: Site) -> None:
        traded.write_migration(
            "002_touch.sql",
            "UPDATE trades SET price = price + 1 WHERE id = 1;\n"
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'dear') THEN\n"
            "  ALTER TABLE trades ADD CONSTRAINT dear CHECK (price > 0) NOT VALID;\nEND IF; END $$;\n",
        )
        said = traded.fab("rehearse", check=0).stdout
        assert "run a second time, these migrations change rows of public.trades again" in said
        assert "after these migrations the constraint dear of public.trades is not validated" in said


class TestRehearseEmbedded:
    def test_tries_every_file_on_a_server_of_its_own(self, site: Site) -> None:
        (site.project / "init-db.sql").write_text(
            "CREATE ROLE reader;\nCREATE TABLE prices (id int);\n", encoding="utf-8"
        )
        site.write_migration(
            "001_grant.sql", "GRANT SELECT ON prices TO reader;\nCREATE TABLE IF NOT EXISTS t (id int);\n"
        )
        done = site.fab("rehearse", "--embedded", "--json", remote=False, check=0)
        document = json.loads(done.stdout)
        assert (document["outcome"], document["pending"]) == ("rehearsed", ["001_grant.sql"])
        site.write_migration("002_again.sql", "CREATE TABLE again (id int);\n")
        refused = site.fab("rehearse", "--embedded", remote=False, check=28)
        assert 'relation "again" already exists' in refused.stdout
        assert site.fab("rehearse", "--embedded", check=10).stdout.startswith("❌ --embedded is for this machine")


class TestDrift:
    def test_is_what_was_done_by_hand(self, traded: Site) -> None:
        (traded.project / "init-db.sql").write_text("CREATE TABLE first (id int);\n", encoding="utf-8")
        traded.psql("CREATE TABLE first (id int)")
        assert "the schema is what its 1 migration produces" in traded.fab("drift", check=0).stdout
        traded.psql("ALTER TABLE trades ADD COLUMN note text; CREATE INDEX by_hand ON trades (price); DROP TABLE first")
        done = traded.fab("drift", "--json", check=39)
        document = json.loads(done.stdout)
        found = {(d["type"], d["name"]): d for d in document["differences"]}
        assert found.keys() == {("TABLE", "trades"), ("INDEX", "by_hand"), ("TABLE", "first")}
        assert found["TABLE", "trades"]["how"] == "differs"
        assert any("+    note text" in line for line in found["TABLE", "trades"]["diff"])
        assert found["INDEX", "by_hand"]["how"] == "only_in_database"
        assert found["TABLE", "first"]["how"] == "only_in_migrations"
        ignored = {"FABRIC_DEPLOY_DRIFT_IGNORE": "public.trades, TABLE public.first"}
        assert "(3 differences ignored)" in traded.fab("drift", env=ignored, check=0).stdout
        assert traded.psql("SELECT count(*) FROM pg_database WHERE datname LIKE '%\\_side\\_%'") == "0"
        traded.fab("drift", "--init=nowhere.sql", check=20)

    def test_is_not_what_a_rollback_writes_in_other_words(self, site: Site) -> None:
        """A CHECK on a varchar reads otherwise when it was restored."""
        site.write_migration("001_t.sql", "CREATE TABLE t (s varchar(10) CHECK (s IN ('a', 'b')));")
        site.fab("deploy", check=0)
        site.fab("backup", check=0)
        spelled = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 't_s_check'"
        before = site.psql(spelled)
        site.fab("rollback", "--backup=latest", "--yes", check=0)
        assert site.psql(spelled) != before
        site.fab("drift", check=0)
        site.psql("ALTER TABLE t ADD COLUMN by_hand int")
        assert "public.t" in site.fab("drift", check=39).stdout
