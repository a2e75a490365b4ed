"""Going back: the database is what it was, to the last grant, and whoever writes meanwhile loses nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shlex
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from tests.journeys.invariants import (
    assert_every_backup_restores,
    assert_nothing_is_locked,
    assert_sound,
    assert_the_next_deploy_finishes,
    backups,
    done_in_the_ledger,
    is_worked_on,
    job_processes,
    leftovers,
    lets_in,
    manifest_of,
    replaced_databases,
    rows_of,
    rows_when_restored,
    say,
    short_waits,
    wait_until,
    wait_until_nobody_works,
    whole,
    write_work,
)
from tests.server.machine import as_root, run
from tests.server.terminal import a_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.server import ServerUnderTest, Site

SHOP = """
CREATE SCHEMA "the shop";
CREATE TABLE "the shop"."or""ders" (id bigserial PRIMARY KEY, "an amount" numeric NOT NULL, note text DEFAULT 'x');
INSERT INTO "the shop"."or""ders" ("an amount", note)
  SELECT i, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN E'tab\\t nl\\n \\\\. \\\\' ELSE 'ünïcødé 🐘' END FROM generate_series(1, 300) AS i;
CREATE TABLE empty_one (id int);
CREATE TABLE without_columns ();
INSERT INTO without_columns DEFAULT VALUES;
INSERT INTO without_columns DEFAULT VALUES;
CREATE TABLE ticks (at date NOT NULL, price numeric) PARTITION BY RANGE (at);
CREATE TABLE ticks_2025 PARTITION OF ticks FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE ticks_rest PARTITION OF ticks DEFAULT;
INSERT INTO ticks SELECT date '2025-06-01' + i, i FROM generate_series(1, 400) AS i;
CREATE TABLE child (more text) INHERITS (empty_one);
INSERT INTO child VALUES (1, 'inherited');
CREATE TABLE computed (a int, b int GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO computed VALUES (1), (2);
CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum("an amount") AS total FROM "the shop"."or""ders";
CREATE UNLOGGED TABLE scratchpad (one int);
CREATE SEQUENCE counter START 40 INCREMENT 2;
SELECT nextval('counter'), nextval('counter');
SELECT lo_from_bytea(4242, decode('00ff10', 'hex')), lo_from_bytea(4243, 'text');
CREATE FUNCTION half(int) RETURNS int LANGUAGE sql AS $$
-- PostgreSQL database dump complete
SELECT $1 / 2 $$;
CREATE VIEW halves AS SELECT half(id) FROM empty_one;
"""
"""A database with some of everything that a restore may stumble over."""

CHANGE = """
ALTER TABLE "the shop"."or""ders" ADD COLUMN IF NOT EXISTS added int DEFAULT 7;
DELETE FROM "the shop"."or""ders" WHERE id > 100;
DROP VIEW IF EXISTS public.halves;
CREATE TABLE IF NOT EXISTS public.brand_new (id int);
INSERT INTO public.brand_new SELECT 1 WHERE NOT EXISTS (SELECT FROM public.brand_new);
"""
"""A migration that loses data."""


@dataclass(frozen=True)
class Shop:
    """A site with data, a deploy that changed it, and what was there before and after it."""

    site: Site
    before: bytes
    after: bytes
    backup: str


def a_shop(site: Site, furnishing: str = "") -> Shop:
    """Fill a database, give it properties, and deploy a migration that loses data."""
    site.psql(SHOP)
    site.psql(furnishing)
    before = whole(site)
    site.write_migration("001_change.sql", CHANGE)
    site.fab("deploy", check=0)
    after = whole(site)
    assert after != before
    return Shop(site, before, after, backups(site)[-1])


@pytest.fixture
def shop(site: Site) -> Shop:
    """A shop of one test's own."""
    return a_shop(site)


@pytest.fixture(scope="module")
def steady_shop(server: ServerUnderTest) -> Iterator[Shop]:
    """A shop for all the rollbacks that are refused: each leaves it as it was, which each proves."""
    with server.fresh(15) as site:
        yield a_shop(site)


def another_database(site: Site, name: str, *options: str) -> Site:
    """Create another database in the same server, and return the same site with it."""
    quoted = name.replace('"', '""')
    site.psql(f'CREATE DATABASE "{quoted}" {" ".join(options)}', "postgres")
    return replace(site, database=name, env={**site.env, "FABRIC_DEPLOY_DATABASE": name})


class TestARollback:
    @pytest.mark.parametrize("version", [15, 17])
    def test_brings_back_the_database_to_the_last_grant(self, server: ServerUnderTest, version: int) -> None:
        """Deploy, lose data, roll back: a dump with everything that belongs to the database equals the one before."""
        with server.fresh(version) as site:
            name = site.database
            furnishing = f"""
                CREATE ROLE "{name} owner"; CREATE ROLE {name}_reader; CREATE ROLE {name}_chief;
                ALTER DATABASE {name} OWNER TO "{name} owner";
                ALTER DATABASE {name} SET search_path = "$user", 'the shop', public, "a ""b"" c";
                ALTER DATABASE {name} SET "my_app.odd" = 'it''s \\ "odd", = $1;';
                ALTER DATABASE {name} SET my_app.empty = '';
                ALTER DATABASE {name} SET statement_timeout = '1h';
                ALTER DATABASE {name} SET DateStyle = 'German, DMY';
                ALTER DATABASE {name} SET TimeZone = 'Europe/Berlin';
                ALTER DATABASE {name} SET temp_tablespaces = '';
                ALTER DATABASE {name} CONNECTION LIMIT 77;
                ALTER ROLE {name}_reader IN DATABASE {name} SET search_path = '';
                ALTER ROLE {name}_reader IN DATABASE {name} SET work_mem = '12MB';
                ALTER ROLE "{name} owner" IN DATABASE {name} SET application_name = 'a ''b''';
                COMMENT ON DATABASE {name} IS 'it''s the "shop" \\ ünï';
                REVOKE ALL ON DATABASE {name} FROM PUBLIC;
                GRANT CONNECT ON DATABASE {name} TO {name}_reader;
                GRANT CREATE, TEMPORARY ON DATABASE {name} TO {name}_chief WITH GRANT OPTION;
                SET SESSION AUTHORIZATION {name}_chief;
                GRANT TEMPORARY ON DATABASE {name} TO {name}_reader;
                """
            shop = a_shop(site, furnishing)
            site.psql("INSERT INTO brand_new VALUES (2)")

            done = site.fab("rollback", "--backup=pre_deploy", "--yes", check=0)

            assert "pending again: 001_change.sql" in done.stdout
            assert whole(site) == shop.before
            assert site.psql("SELECT nextval('counter')") == "44"
            assert site.psql("SELECT total FROM sums") == "45150"
            assert site.psql("SELECT lo_get(4242)") == "\\x00ff10"
            assert_nothing_is_locked(site)
            assert_every_backup_restores(site)

    def test_keeps_the_replaced_database_out_of_reach(self, shop: Shop) -> None:
        """What was live is still there, with what was written last, and nobody gets into it by mistake."""
        shop.site.psql("INSERT INTO brand_new VALUES (2)")
        last = whole(shop.site)
        shop.site.fab("rollback", f"--backup={shop.backup}", "--yes", check=0)
        (replaced,) = replaced_databases(shop.site)
        assert not lets_in(shop.site, replaced)
        assert lets_in(shop.site, shop.site.database)
        shop.site.psql(f"ALTER DATABASE {replaced} ALLOW_CONNECTIONS true", "postgres")
        assert whole(shop.site, replaced).replace(replaced.encode(), shop.site.database.encode()) == last

    def test_takes_a_safety_backup_that_restores(self, shop: Shop) -> None:
        shop.site.psql("INSERT INTO brand_new VALUES (2)")
        live = rows_of(shop.site, shop.site.database)
        shop.site.fab("rollback", "--backup=latest", "--yes", check=0)
        (safety,) = backups(shop.site, "pre_rollback")
        assert manifest_of(shop.site, safety)["tables"] == live
        assert rows_when_restored(shop.site, gzip.decompress(shop.site.read_remote(f"backups/{safety}"))) == live

    def test_can_itself_be_rolled_back(self, shop: Shop) -> None:
        """By the safety backup; the ledger goes forth with it as it went back."""
        shop.site.fab("rollback", "--backup=latest", "--yes", check=0)
        assert done_in_the_ledger(shop.site) == {}
        shop.site.fab("rollback", "--backup=pre_rollback", "--yes", check=0)
        assert whole(shop.site) == shop.after
        assert set(done_in_the_ledger(shop.site)) == {"001_change.sql"}

    def test_makes_the_migrations_pending_that_the_backup_lacks(self, site: Site) -> None:
        """The ledger comes back with the data, so that status and the next deploy are right."""
        write_work(site, 1)
        site.fab("deploy", check=0)
        write_work(site, 2, 3)
        site.fab("deploy", check=0)

        document = json.loads(site.fab("rollback", "--backup=latest", "--yes", "--json", check=0).stdout)

        assert document["outcome"] == "rolled_back"
        assert document["backup"] == backups(site)[-1]
        assert [document["safety_backup"]] == backups(site, "pre_rollback")
        assert [document["replaced_database"]] == replaced_databases(site)
        assert document["pending_again"] == ["002_work.sql", "003_work.sql"]
        assert 0 <= document["outage_ms"] < 1000
        assert document["error"] is None
        status = json.loads(site.fab("status", "--json", check=0).stdout)
        assert status["applied"] == ["001_work.sql"]
        assert status["pending"] == ["002_work.sql", "003_work.sql"]
        assert_sound(site)
        assert_the_next_deploy_finishes(site)

    def test_shows_what_a_yes_would_change(self, shop: Shop) -> None:
        done = shop.site.fab("rollback", "--backup=latest", "--yes", check=0)
        lines = [line.split() for line in done.stdout.splitlines()]
        assert ['"the', 'shop"."or""ders"', "100", "300"] in lines, done.stdout
        assert ["public.brand_new", "1", "no", "such", "table"] in lines, done.stdout
        assert not [line for line in lines if line[:1] == ["public.ticks_2025"]], "it has as many rows as before"

    def test_keeps_the_setting_that_forbids_to_write(self, shop: Shop) -> None:
        """It was set on the database after the deploy, and must not stand in the way of its own restoring."""
        name = shop.site.database
        shop.site.psql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        shop.site.fab("rollback", "--backup=latest", "--yes", check=0)
        assert shop.site.psql("SHOW default_transaction_read_only") == "on"
        shop.site.psql(f"ALTER DATABASE {name} RESET default_transaction_read_only", "postgres")
        assert whole(shop.site) == shop.before

    @pytest.mark.parametrize(
        ("version", "options"),
        [
            (15, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"),
            (15, "ENCODING 'SQL_ASCII' LOCALE 'C'"),
            (15, "LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' LOCALE 'C.UTF-8'"),
            (17, "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"),
        ],
        ids=["latin1", "sql_ascii", "icu", "builtin17"],
    )
    def test_keeps_encoding_and_locale(self, server: ServerUnderTest, version: int, options: str) -> None:
        with server.fresh(version) as shared:
            site = another_database(shared, f"{shared.database}_other", "TEMPLATE template0", options)
            site.psql("CREATE TABLE words (word text); INSERT INTO words VALUES ('a'), ('Z')")
            if "SQL_ASCII" in options:
                site.psql("INSERT INTO words VALUES (E'caf\\xe9 in Latin 1')")
            before = whole(site)
            write_work(site, 1)
            site.fab("deploy", check=0)
            site.fab("rollback", "--backup=latest", "--yes", check=0)
            assert whole(site) == before

    def test_needs_no_tables(self, site: Site) -> None:
        before = whole(site)
        write_work(site, 1)
        site.fab("deploy", check=0)
        site.fab("rollback", "--backup=latest", "--yes", check=0)
        assert whole(site) == before
        assert_the_next_deploy_finishes(site)

    def test_takes_a_database_of_any_name(self, server: ServerUnderTest) -> None:
        with server.fresh() as shared:
            canary = shared.remote_dir / "canary"
            odd = f"""O'Brien's "{shared.database}"; $(touch {canary}) \\ ünï 🐘"""
            site = another_database(shared, odd[:60].encode()[:63].decode(errors="ignore"))
            site.psql("CREATE TABLE t AS SELECT 1 AS id")
            before = whole(site)
            write_work(site, 1)
            site.fab("deploy", check=0)
            site.fab("rollback", "--backup=latest", "--yes", check=0)
            assert whole(site) == before
            assert json.loads(site.fab("status", "--json", check=0).stdout)["pending"] == ["001_work.sql"]
            assert "canary" not in site.remote_files()

    def test_changes_nothing_when_it_is_dry(self, shop: Shop) -> None:
        files = shop.site.remote_files()
        document = json.loads(shop.site.fab("rollback", "--backup=latest", "--dry-run", "--json", check=0).stdout)
        assert document["outcome"] == "planned"
        assert document["backup"] == shop.backup
        assert whole(shop.site) == shop.after
        assert shop.site.remote_files() == files

    def test_works_for_an_owner_who_is_no_superuser(self, site: Site) -> None:
        owner = f"{site.database}_owner"
        site.psql(f"CREATE ROLE {owner} LOGIN CREATEDB; ALTER DATABASE {site.database} OWNER TO {owner}")
        site.psql(f"SET SESSION AUTHORIZATION {owner}; CREATE SCHEMA own CREATE TABLE t (id int)")
        site.env["FABRIC_DEPLOY_USER"] = owner
        before = whole(site)
        write_owned_work(site)
        site.fab("deploy", check=0)
        site.fab("rollback", "--backup=latest", "--yes", check=0)
        assert whole(site) == before


def write_owned_work(site: Site) -> None:
    site.write_migration("001_owned.sql", "CREATE TABLE IF NOT EXISTS own.more (id int);\n")


# while people write


OUTAGE_MS = 5000
"""Far from what it takes on a machine that does nothing else, which docs/benchmarks.md has; a restore that clients wait for takes longer."""

RECONNECTING = """
while [ ! -e "$1" ]; do psql -XqAtw -d "$2" -U "$3" -c 'INSERT INTO writes DEFAULT VALUES RETURNING id' 2>/dev/null; done
"""
POOLED = """
while [ ! -e "$1" ]; do
  while [ ! -e "$1" ]; do echo 'INSERT INTO writes DEFAULT VALUES RETURNING id;'; sleep 0.005; done | psql -XqAtw -d "$2" -U "$3" 2>/dev/null
done
"""
TRANSACTIONAL = r"""
while [ ! -e "$1" ]; do
  printf '%s\n' 'BEGIN;' 'SELECT count(*) FROM writes \g /dev/null' 'INSERT INTO writes DEFAULT VALUES RETURNING id \gset' 'COMMIT;' '\echo :id' |
    psql -XqAtw -v ON_ERROR_STOP=1 -d "$2" -U "$3" 2>/dev/null
done
"""
"""As a framework does it: what it has read before keeps a lock, while it waits to write."""


@dataclass
class Writer(threading.Thread):
    """A client that writes without end, by a new connection each time or by one that it keeps, and notes what was acknowledged."""

    site: Site
    stop: str
    way: str
    acknowledged: list[str] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        argv = ["docker", "exec", self.site.container, "sh", "-c", self.way, "writer"]
        arguments = [self.stop, self.site.database, self.site.user]
        with subprocess.Popen([*argv, *arguments], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.at.append(time.monotonic())
                self.acknowledged.append(line.strip())

    __hash__ = threading.Thread.__hash__

    @property
    def longest_gap_ms(self) -> float:
        return max(b - a for a, b in zip(self.at, self.at[1:], strict=False)) * 1000


class TestClientsThatWrite:
    def test_wait_for_a_moment_and_lose_nothing(
        self, site: Site, record_property: Callable[[str, object], None]
    ) -> None:
        """Every acknowledged write is in the live or in the replaced database, and the new ones are in the live one."""
        site.psql("CREATE TABLE writes (id uuid PRIMARY KEY DEFAULT gen_random_uuid())")
        write_work(site, 1)
        site.fab("deploy", check=0)
        stop = f"/tmp/stop_{site.database}"
        writers = [Writer(site, stop, RECONNECTING if n % 2 else POOLED) for n in range(8)]
        for writer in writers:
            writer.start()
        try:
            time.sleep(1)
            document = json.loads(site.fab("rollback", "--backup=latest", "--yes", "--json", check=0).stdout)
            time.sleep(1)
        finally:
            run(["docker", "exec", site.container, "touch", stop])
            for writer in writers:
                writer.join(timeout=20)
        gaps = sorted(round(writer.longest_gap_ms) for writer in writers)
        record_property("outage_ms", document["outage_ms"])
        record_property("longest_gaps_ms", gaps)
        say(f"outage {document['outage_ms']} ms, longest gap of each client {gaps} ms")
        assert document["outage_ms"] < OUTAGE_MS
        assert gaps[-1] < OUTAGE_MS

        (replaced,) = replaced_databases(site)
        site.psql(f"ALTER DATABASE {replaced} ALLOW_CONNECTIONS true", "postgres")
        old = set(site.psql("SELECT id FROM writes", replaced).splitlines())
        new = set(site.psql("SELECT id FROM writes").splitlines())
        acknowledged = {each for writer in writers for each in writer.acknowledged}
        assert acknowledged <= old | new
        assert all(writer.acknowledged[-1] in new for writer in writers), "everybody writes into the live one again"
        assert len(acknowledged) > 100
        wait_until_nobody_works(site)
        assert not leftovers(site)

    def test_wait_for_a_rollback_in_place_and_lose_nothing(self, site: Site) -> None:
        """What was written while the safety backup was taken would stand nowhere: so nobody writes then."""
        site.psql("CREATE TABLE writes (id uuid PRIMARY KEY DEFAULT gen_random_uuid())")
        site.psql("CREATE TABLE bulk AS SELECT md5(n::text) FROM generate_series(1, 200000) AS n")
        site.fab("backup", check=0)
        stop = f"/tmp/stop_{site.database}"
        writers = [Writer(site, stop, way) for way in (RECONNECTING, POOLED, TRANSACTIONAL, TRANSACTIONAL)]
        for writer in writers:
            writer.start()
        try:
            wait_until(lambda: all(len(writer.acknowledged) > 10 for writer in writers))
            site.fab("rollback", "--backup=latest", "--in-place", "--yes", check=0)
            time.sleep(1)
        finally:
            run(["docker", "exec", site.container, "touch", stop])
            for writer in writers:
                writer.join(timeout=20)
        (safety,) = backups(site, "pre_rollback")
        saved = gzip.decompress(site.read_remote(f"backups/{safety}")).decode().splitlines()
        acknowledged = {each for writer in writers for each in writer.acknowledged}
        assert acknowledged <= set(saved) | set(site.psql("SELECT id FROM writes").splitlines())
        assert all(writer.acknowledged[-1] not in saved for writer in writers), "everybody went on writing"


# the question


QUESTION = "Type yes to go on: "


class TestTheQuestion:
    def test_swaps_on_yes(self, shop: Shop) -> None:
        """It comes when all that can fail has been done, and the safety backup holds what was written while it stood."""
        with a_terminal(shop.site, "rollback", "--backup=latest") as terminal:
            terminal.wait_for(QUESTION)
            assert "Comparing rows" in terminal.seen
            assert "Creating safety backup" not in terminal.seen
            assert whole(shop.site) == shop.after
            shop.site.psql("INSERT INTO brand_new VALUES (2)")
            terminal.type("yes\n").ends_with(0)
        assert whole(shop.site) == shop.before
        (safety,) = backups(shop.site, "pre_rollback")
        assert manifest_of(shop.site, safety)["tables"]["public.brand_new"] == 2

    @pytest.mark.parametrize("answer", ["no\n", "\n", "y\n", "YES\n", "yes please\n", "\x04", "\x03"], ids=ascii)
    def test_takes_everything_else_for_a_no(self, steady_shop: Shop, answer: str) -> None:
        """Also the end of input and Ctrl-C: the side database goes, and nothing else was ever touched."""
        with unchanged(steady_shop), a_terminal(steady_shop.site, "rollback", "--backup=latest") as terminal:
            said = terminal.wait_for(QUESTION).type(answer).ends_with(12)
            assert "nothing was changed" in said

    def test_needs_a_terminal_or_a_flag(self, steady_shop: Shop) -> None:
        """A pipe that says yes is no terminal; and it is refused before anything is made."""
        files = steady_shop.site.remote_files()
        with unchanged(steady_shop):
            done = steady_shop.site.fab("rollback", "--backup=latest", stdin="yes\n", check=13)
            assert "--yes" in done.stdout
            assert steady_shop.site.remote_files() == files

    def test_is_answered_by_silence_with_no(self, steady_shop: Shop) -> None:
        """The client was killed: after a while the job gives up by itself, and the next one can start."""
        with unchanged(steady_shop), short_waits(steady_shop.site, compile_backups__ANSWER_WITHIN_S=2):
            with a_terminal(steady_shop.site, "rollback", "--backup=latest") as terminal:
                terminal.wait_for(QUESTION)
                terminal.process.kill()
                terminal.process.wait()
            assert is_worked_on(steady_shop.site)
            wait_until_nobody_works(steady_shop.site, timeout_s=20)
            followed = steady_shop.site.fab("follow", check=12)
            assert "nothing was changed" in followed.stdout

    def test_is_over_when_somebody_cancels(self, steady_shop: Shop) -> None:
        with unchanged(steady_shop), a_terminal(steady_shop.site, "rollback", "--backup=latest") as terminal:
            terminal.wait_for(QUESTION)
            steady_shop.site.fab("cancel", check=0)
            assert "cancelled" in terminal.type("yes\n").ends_with(57)

    def test_is_answered_across_a_lost_connection(self, shop: Shop, server: ServerUnderTest) -> None:
        """The line is cut while the operator thinks: the yes gets there by another."""
        with (
            server.proxy() as network,
            a_terminal(shop.site.through(network), "rollback", "--backup=latest") as terminal,
        ):
            terminal.wait_for(QUESTION)
            network.cut()
            network.heal()
            terminal.type("yes\n").ends_with(0)
        assert whole(shop.site) == shop.before


# what can't be restored


@contextmanager
def unchanged(shop: Shop) -> Iterator[None]:
    """Whatever happens in here, the database and the backups stay as they are, and nothing is left behind."""
    site = shop.site
    before, kept = whole(site), [path for path in site.remote_files() if path.startswith("backups/")]
    databases = site.psql("SELECT datname FROM pg_database ORDER BY 1", "postgres")
    try:
        yield
    finally:
        end_what_still_works(site)
    assert whole(site) == before
    assert [path for path in site.remote_files() if path.startswith("backups/")] == kept
    assert site.psql("SELECT datname FROM pg_database ORDER BY 1", "postgres") == databases
    assert not leftovers(site)
    assert_nothing_is_locked(site)


def end_what_still_works(site: Site) -> None:
    """A test that failed must not be in the way of the next."""
    if is_worked_on(site):
        site.fab("cancel")
    wait_until_nobody_works(site)


@contextmanager
def a_file(shop: Shop, name: str, content: bytes, *, manifest: bool = False) -> Iterator[None]:
    """Put a file beside the backups, with a manifest that fits it or with none, for a while."""
    shop.site.write_remote(f"backups/{name}", content)
    if manifest:
        honest = manifest_of(shop.site, shop.backup) | {"sha256": hashlib.sha256(content).hexdigest(), "name": name}
        shop.site.write_remote(f"backups/{name}.json", json.dumps(honest).encode() + b"\n")
    yield
    path = shlex.quote(f"{shop.site.remote_dir}/backups/{name}")
    shop.site.ssh(f"rm -f -- {path} {path}.json")


def refused(shop: Shop, name: str, status: int, *words: str, yes: bool = True) -> str:
    """Roll back to a backup that can't be meant, and see that it ends with these words, two lines and nothing changed."""
    with unchanged(shop):
        done = shop.site.fab("rollback", f"--backup={name}", *(["--yes"] if yes else []), check=status)
    assert not done.stderr, done.stderr
    for word in words:
        assert word in done.stdout
    lines = done.stdout.splitlines()
    (what,) = [line for line in lines if line.startswith("❌ ")]
    assert lines[-1].startswith("   👉 ")
    assert "untouched" in what or status in (42, 43, 44, 46), what
    return done.stdout


def text_of(shop: Shop) -> bytes:
    return gzip.decompress(shop.site.read_remote(f"backups/{shop.backup}"))


def assert_no_canary(site: Site) -> None:
    """Nothing that looks like a command was run, neither here nor there."""
    assert not [path for path in site.remote_files() if path.endswith("canary")]
    assert b"canary" not in site.ssh("ls -a")
    assert not (site.project / "canary").exists()


class TestABackupName:
    @pytest.mark.parametrize(
        "name",
        [
            "..",
            ".",
            "*",
            "-rf",
            "a b",
            "a'b",
            'a"b',
            "a;touch canary",
            "$(touch canary)",
            "`touch canary`",
            "{backup};touch canary",
            "x\ny",
            "{backup}.json",
            "pre_deploy_20990101_000000.sql.gz",
            "ünï🐘",
        ],
    )
    def test_that_is_none_is_refused_and_never_run(self, steady_shop: Shop, name: str) -> None:
        with unchanged(steady_shop):
            done = steady_shop.site.fab(
                "rollback", f"--backup={name.format(backup=steady_shop.backup)}", "--yes", check=42
            )
        assert steady_shop.backup in done.stdout, "the candidates are listed"
        assert_no_canary(steady_shop.site)

    @pytest.mark.parametrize(
        "name", ["../backups/{backup}", "a;touch {canary}", "$(touch {canary})", "`touch {canary}`"]
    )
    def test_with_a_slash_is_a_path_here_and_never_one_there(self, steady_shop: Shop, name: str) -> None:
        canary = steady_shop.site.remote_dir / "canary"
        with unchanged(steady_shop):
            name = name.format(backup=steady_shop.backup, canary=canary)
            steady_shop.site.fab("rollback", f"--backup={name}", "--yes", check=10)
        assert_no_canary(steady_shop.site)

    @pytest.mark.parametrize("given", [["--backup="], []], ids=["empty", "left out"])
    def test_has_to_be_given(self, steady_shop: Shop, given: list[str]) -> None:
        with unchanged(steady_shop):
            done = steady_shop.site.fab("rollback", *given, "--yes", check=42)
        assert steady_shop.backup in done.stdout

    def test_may_be_as_odd_as_a_file_name_can_be(self, shop: Shop) -> None:
        """Somebody put it there under that name: it is restored, and its name is never run."""
        canary = "canary"
        odd = f'my "dump" o\'f; $(touch {canary}) `touch {canary}` & \\ -- ünï.sql'
        shop.site.write_remote(f"backups/{odd}", text_of(shop))
        shop.site.fab("rollback", f"--backup={odd}", "--yes", check=0)
        assert whole(shop.site) == shop.before
        assert_no_canary(shop.site)
        assert "rollback" in shop.site.fab("history", check=0).stdout

    def test_means_the_content_whatever_its_end_says(self, shop: Shop) -> None:
        """A plain file called .gz, a gzipped one called .sql, and an archive of pg_dump's own format."""
        for name, content in (
            ("plain.sql.gz", text_of(shop)),
            ("gzipped.sql", gzip.compress(text_of(shop))),
            ("archive", archive_of(shop)),
        ):
            with a_file(shop, name, content):
                shop.site.fab("rollback", f"--backup={name}", "--yes", check=0)
            assert whole(shop.site) == shop.before


def archive_of(shop: Shop) -> bytes:
    """Dump what the backup holds in the custom format."""
    scratch = f"{shop.site.database}_for_archive"
    shop.site.psql(f"CREATE DATABASE {scratch} TEMPLATE template0", "postgres")
    argv = ["docker", "exec", "-i", shop.site.container]
    run([*argv, "psql", "-XqAt", "-U", shop.site.user, "-d", scratch], stdin=text_of(shop))
    content = run([*argv, "pg_dump", "-Fc", "-U", shop.site.user, scratch])
    shop.site.psql(f"DROP DATABASE {scratch}", "postgres")
    return content


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


class TestABadBackup:
    @pytest.mark.parametrize("manifest", [False, True], ids=["no manifest", "with manifest"])
    @pytest.mark.parametrize("end", [1, 20, 0.5, 0.9, -12, -1])
    def test_that_was_cut_off_is_refused(self, steady_shop: Shop, end: float, *, manifest: bool) -> None:
        content = steady_shop.site.read_remote(f"backups/{steady_shop.backup}")
        cut = content[: int(len(content) * end)] if isinstance(end, float) else content[:end]
        with a_file(steady_shop, "cut.sql.gz", cut, manifest=manifest):
            refused(steady_shop, "cut.sql.gz", 43)

    @pytest.mark.parametrize("lines", [10, -40, -3])
    def test_whose_text_was_cut_off_is_refused(self, steady_shop: Shop, lines: int) -> None:
        """The gzip is whole: only pg_dump's last words are missing."""
        text = b"\n".join(text_of(steady_shop).split(b"\n")[: lines - 4 if lines < 0 else lines])
        with a_file(steady_shop, "cut.sql.gz", gzip.compress(text), manifest=True):
            refused(steady_shop, "cut.sql.gz", 43)

    def test_that_is_empty_is_refused(self, steady_shop: Shop) -> None:
        with a_file(steady_shop, "empty.sql.gz", b""):
            refused(steady_shop, "empty.sql.gz", 43, "empty")
        with a_file(steady_shop, "empty.sql.gz", gzip.compress(b"")):
            refused(steady_shop, "empty.sql.gz", 43)

    @pytest.mark.parametrize(
        "content",
        [
            b"hello\n",
            b"\x00" * 5000,
            b"PGDMP garbage",
            b"SELECT 1;\n",
            gzip.compress(b"x" * 9000),
            b"\x28\xb5\x2f\xfd x",
        ],
        ids=["text", "zeros", "archive", "sql", "gzip", "zstd"],
    )
    def test_that_is_no_dump_is_refused(self, steady_shop: Shop, content: bytes) -> None:
        with a_file(steady_shop, "foreign.sql.gz", content):
            refused(steady_shop, "foreign.sql.gz", 43)

    @pytest.mark.parametrize("manifest", [False, True], ids=["old sum", "recomputed sum"])
    @pytest.mark.parametrize("place", [0.3, 0.7])
    def test_with_a_flipped_bit_is_refused(self, shop: Shop, place: float, *, manifest: bool) -> None:
        """The sum in the manifest tells, and if somebody has mended that, gzip's own."""
        content = shop.site.read_remote(f"backups/{shop.backup}")
        bad = flipped(content, int(len(content) * place))
        with a_file(shop, "flipped.sql.gz", bad, manifest=manifest):
            refused(shop, "flipped.sql.gz", 43)
        shop.site.write_remote(f"backups/{shop.backup}", bad)
        refused(shop, shop.backup, 43)

    def test_whose_manifest_has_another_sum_is_refused(self, shop: Shop) -> None:
        """It is a dump and it would restore, but it isn't the one that was taken."""
        shop.site.write_remote(
            f"backups/{shop.backup}", gzip.compress(text_of(shop).replace(b"inherited", b"disowned!"))
        )
        refused(shop, shop.backup, 43, "sha256")

    def test_by_a_newer_version_is_refused(self, steady_shop: Shop) -> None:
        newer = text_of(steady_shop).replace(b"-- Dumped by pg_dump version 15", b"-- Dumped by pg_dump version 18")
        with a_file(steady_shop, "newer.sql", newer):
            refused(steady_shop, "newer.sql", 43, "18")

    def test_may_not_lead_to_a_database_of_its_own_choice(self, shop: Shop) -> None:
        """A dump made with --create connects to the database that it names: what it has goes into the side database all the same."""
        bystander = another_database(shop.site, f"{shop.site.database}_bystander")
        bystander.psql("CREATE TABLE mine AS SELECT 1 AS id")
        there = whole(bystander)
        argv = [
            "docker",
            "exec",
            shop.site.container,
            "pg_dump",
            "-U",
            shop.site.user,
            "--create",
            "--clean",
            "--if-exists",
        ]
        with a_file(shop, "create.sql", run([*argv, bystander.database])):
            shop.site.fab("rollback", "--backup=create.sql", "--yes", check=0)
        assert rows_of(shop.site, shop.site.database) == {"public.mine": 1}
        assert whole(bystander) == there

    def test_of_a_whole_server_is_refused(self, steady_shop: Shop) -> None:
        argv = ["docker", "exec", steady_shop.site.container, "pg_dumpall", "-U", steady_shop.site.user]
        with a_file(steady_shop, "all.sql", run(argv)):
            refused(steady_shop, "all.sql", 43, "pg_dumpall")

    @pytest.mark.parametrize(
        ("addition", "status", "word"),
        [
            (b"ALTER TABLE public.empty_one OWNER TO nobody_at_all;\n", 45, "nobody_at_all"),
            (b"CREATE EXTENSION IF NOT EXISTS nowhere WITH SCHEMA public;\n", 43, "nowhere"),
            (b"CREATE POLICY p ON public.empty_one TO nobody_at_all;\n", 45, "nobody_at_all"),
            (b"SELECT 1 / 0;\n", 45, "division by zero"),
            (b"DELETE FROM public.computed;\n", 45, "public.computed has 0 rows instead of 2"),
        ],
        ids=["owner", "extension", "policy", "statement", "rows"],
    )
    def test_that_doesnt_restore_leaves_the_live_database_alone(
        self, steady_shop: Shop, addition: bytes, status: int, word: str
    ) -> None:
        last = b"--\n-- PostgreSQL database dump complete\n"
        head, tail = text_of(steady_shop).rsplit(last, 1)
        with a_file(steady_shop, "bad.sql", head + addition + last + tail):
            refused(steady_shop, "bad.sql", status, word)


class TestAServerThatCantTakeIt:
    def test_keeps_its_database_when_the_disk_fills_up_after_the_yes(self, server: ServerUnderTest) -> None:
        """The safety backup has no room: no swap without it."""
        with server.fresh() as site:
            site.small_disk(4)
            shop = a_shop(site)
            with unchanged(shop), a_terminal(site, "rollback", "--backup=latest") as terminal:
                terminal.wait_for(QUESTION)
                fill_up(site)
                terminal.type("yes\n").ends_with(44)
            site.ssh(f"rm {site.remote_dir}/filler")
            site.fab("rollback", "--backup=latest", "--yes", check=0)
            assert whole(site) == shop.before

    def test_is_told_before_anything_that_it_has_no_room(self, server: ServerUnderTest) -> None:
        with server.fresh() as site:
            site.small_disk(4)
            shop = a_shop(site)
            fill_up(site)
            refused(shop, "latest", 44)

    def test_keeps_its_database_when_the_disk_of_postgres_fills_up(self, server: ServerUnderTest) -> None:
        """The side database lies where the live one does, and there is room for one of them only."""
        with server.fresh(private=True) as shared:
            small_tablespace(shared, megabytes=18)
            site = another_database(shared, "small", "TABLESPACE small")
            site.psql(
                "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 9) AS text FROM generate_series(1, 20000) AS i"
            )
            write_work(site, 1)
            site.fab("deploy", check=0)
            site.psql("CHECKPOINT")  # until then some of it is in memory only
            shop = Shop(site, b"", whole(site), backups(site)[-1])
            refused(shop, "latest", 45, "No space left on device")

    def test_is_refused_with_what_stands_against_renaming(self, server: ServerUnderTest) -> None:
        """A prepared transaction, a replication slot, a subscription: each is named, and nothing was touched."""
        settings = {"wal_level": "logical", "max_prepared_transactions": "2"}
        with server.fresh(private=True, settings=settings) as site:
            shop = a_shop(site)
            site.psql("BEGIN; INSERT INTO brand_new VALUES (5); PREPARE TRANSACTION 'open'")
            assert refused(shop, "latest", 46, "1 prepared transaction")
            site.psql("ROLLBACK PREPARED 'open'")

            site.psql("SELECT pg_create_logical_replication_slot('reader', 'pgoutput')")
            refused(shop, "latest", 46, "reader")
            site.psql("SELECT pg_drop_replication_slot('reader')")

            site.psql("CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false)")
            refused(shop, "latest", 46, "subscribes")
            site.psql("ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s")

            with a_terminal(site, "rollback", "--backup=latest") as terminal:
                terminal.wait_for(QUESTION)
                site.psql("BEGIN; INSERT INTO brand_new VALUES (6); PREPARE TRANSACTION 'late'")
                said = terminal.type("yes\n").ends_with(48)
            assert "as it was" in said
            wait_until_nobody_works(site)
            assert lets_in(site, site.database)
            assert not leftovers(site)
            site.psql("ROLLBACK PREPARED 'late'")
            assert whole(site) == shop.after

            site.fab("rollback", "--backup=latest", "--yes", check=0)
            assert whole(site) == shop.before

    def test_is_refused_without_the_right_to_create_databases(self, site: Site) -> None:
        owner = f"{site.database}_poor"
        site.psql(f"CREATE ROLE {owner} LOGIN; ALTER DATABASE {site.database} OWNER TO {owner}")
        site.psql(f"SET SESSION AUTHORIZATION {owner}; CREATE SCHEMA own CREATE TABLE t (id int)")
        site.env["FABRIC_DEPLOY_USER"] = owner
        write_owned_work(site)
        site.fab("deploy", check=0)
        shop = Shop(site, b"", whole(site), backups(site)[-1])
        with unchanged(shop):
            done = site.fab("rollback", "--backup=latest", "--yes", check=37)
        assert f"ALTER ROLE {owner} CREATEDB" in done.stdout

    def test_is_refused_as_a_standby(self, server: ServerUnderTest) -> None:
        with server.fresh(private=True) as site:
            shop = a_shop(site)
            run(["docker", "exec", site.container, "sh", "-c", 'touch "$PGDATA/standby.signal"'])
            site.stop()
            site.start()
            files = site.remote_files()
            assert "standby" in site.fab("rollback", "--backup=latest", "--yes", check=31).stdout
            assert site.remote_files() == files
            assert site.dump() != b""
            assert shop.backup


def fill_up(site: Site) -> None:
    """Leave no room on the small disk."""
    site.ssh(f"cat /dev/zero >{site.remote_dir}/filler 2>/dev/null || true")


def small_tablespace(site: Site, *, megabytes: int) -> None:
    """Give the private container a small disk, and PostgreSQL a tablespace on it."""
    pid = run(["docker", "inspect", "--format", "{{.State.Pid}}", site.container]).decode().strip()
    run(["docker", "exec", site.container, "install", "-d", "-o", "postgres", "/small"])
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "deploy-test", "/small"]
    run(as_root("nsenter", "--target", pid, "--mount", *mount))
    run(["docker", "exec", site.container, "install", "-d", "-o", "postgres", "-m", "700", "/small/space"])
    site.psql("CREATE TABLESPACE small LOCATION '/small/space'", "postgres")


# a swap that is cut off


class TestASwapThatIsCutOff:
    def test_leaves_a_fence_that_repair_takes_away(self, server: ServerUnderTest) -> None:
        """The power goes between the fence and the renaming: the database is the old one, and says what mends it."""
        with server.fresh(private=True) as site:
            shop = a_shop(site)
            with holding_the_name(site), a_terminal(site, "rollback", "--backup=latest", "--yes") as terminal:
                terminal.wait_to_see("swap  0:0")
                wait_until(lambda: not lets_in(site, site.database))
                site.kill()
                for job in job_processes(site):
                    run(as_root("pkill", "-9", "-s", str(job)))
                terminal.ends_with(59)
            site.start()
            assert leftovers(site)
            status = site.fab("status", check=34)
            assert "repair" in status.stdout
            site.fab("deploy", check=34)
            site.fab("repair", check=0)
            assert not leftovers(site)
            assert but_for_sequences(whole(site)) == but_for_sequences(shop.after)
            site.fab("rollback", "--backup=latest", "--yes", check=0)
            assert whole(site) == shop.before

    def test_by_a_lost_server_is_settled_when_that_is_back(self, server: ServerUnderTest) -> None:
        """The job is alive: it waits, sees that nothing was renamed, and takes the fence away by itself."""
        with server.fresh(private=True) as site:
            shop = a_shop(site)
            with holding_the_name(site), a_terminal(site, "rollback", "--backup=latest", "--yes") as terminal:
                terminal.wait_to_see("swap  0:0")
                wait_until(lambda: not lets_in(site, site.database))
                site.kill()
                time.sleep(1)
                site.start()
                terminal.ends_with(48)
            wait_until_nobody_works(site)
            assert not leftovers(site)
            assert but_for_sequences(whole(site)) == but_for_sequences(shop.after)

    def test_that_doesnt_get_its_locks_lets_everybody_in_again(self, server: ServerUnderTest) -> None:
        with server.fresh() as site:
            shop = a_shop(site)
            with holding_the_name(site):
                began = time.monotonic()
                site.fab("rollback", "--backup=latest", "--yes", check=48)
                say(f"{time.monotonic() - began:.1f} s with the database's name locked by another")
                assert lets_in(site, site.database)
            assert whole(site) == shop.after
            assert not leftovers(site)


def but_for_sequences(dump: bytes) -> bytes:
    """Return a dump without the values of its sequences: a crash of PostgreSQL takes them up to 32 further."""
    return re.sub(rb"SELECT pg_catalog\.setval\(.*\n", b"", dump)


@contextmanager
def holding_the_name(site: Site) -> Iterator[None]:
    """Stand in the way of renaming the database, from a session in another one."""
    argv = ["docker", "exec", "-i", site.container, "psql", "-XqAt", "-U", site.user, "-d", "postgres"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
        assert psql.stdin
        assert psql.stdout
        psql.stdin.write(f"BEGIN;\nCOMMENT ON DATABASE {site.database} IS NULL;\nSELECT 'holds';\n")
        psql.stdin.flush()
        assert psql.stdout.readline() == "holds\n"
        yield
        psql.send_signal(signal.SIGKILL)
        psql.stdin.close()
