r"""Files run as psql runs them, one after another, each as a whole: COPY data, `\set`, states of a session, locks, indexes, errors."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.journeys.watching import Refusal, refusal_of
from tests.server.machine import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.server import ServerUnderTest, Site


def ledger_of(site: Site) -> list[str]:
    """Return `name|way` of what counts as applied, in the order in which it was."""
    return site.psql(
        "SELECT name, way FROM deploy.migrations WHERE finished_at IS NOT NULL ORDER BY started_at"
    ).split()


def unfinished_in(site: Site) -> list[str]:
    return site.psql("SELECT name FROM deploy.migrations WHERE finished_at IS NULL ORDER BY started_at").split()


def write_bytes(site: Site, name: str, content: bytes) -> None:
    (site.project / "migrations" / name).write_bytes(content)


@contextmanager
def session(site: Site, sql: str) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a session open that has run this and waits for more."""
    argv = ["docker", "exec", "-i", "-e", "PGAPPNAME=a dashboard", site.container]
    argv += ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", site.user, "-d", site.database]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{sql};\n\\echo ready\n".encode())
        process.stdin.flush()
        assert any(line == b"ready\n" for line in process.stdout)
        try:
            yield process
        finally:
            process.stdin.close()


def wait_for(what: Callable[[], object], *, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


class Blocked:
    """A deploy whose second file waits for a lock that nobody gives back. It gives up after half a minute."""

    def __init__(self, site: Site, stack: ExitStack) -> None:
        self.site = site
        site.psql("CREATE TABLE users (id int)")
        site.write_migration("001_first.sql", "CREATE TABLE first (id int);\n")
        site.write_migration("002_email.sql", "CREATE TABLE half ();\nALTER TABLE users ADD COLUMN email text;\n")
        stack.enter_context(session(site, "BEGIN; LOCK TABLE users IN ACCESS SHARE MODE"))
        self.pid = pid_of_the_dashboard(site)
        self.process = site.spawn("deploy", env={"FABRIC_DEPLOY_LOCK_TIMEOUT": "1s"})

    def end(self) -> Refusal:
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 32, said
        return refusal_of(subprocess.CompletedProcess([], 32, said, ""))


@pytest.fixture(scope="module", autouse=True)
def blocked(server: ServerUnderTest) -> Iterator[Blocked]:
    """Begin with the first test of this file, so that nobody waits for it."""
    with server.fresh(15) as site, ExitStack() as stack:
        yield Blocked(site, stack)


def pid_of_the_dashboard(site: Site) -> str:
    return site.psql(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'a dashboard' AND datname = current_database()"
    )


# What psql understands

COPY = """\
CREATE TABLE IF NOT EXISTS prices (symbol text, price numeric, note text);
COPY prices (symbol, price, note) FROM stdin;
BTC\t60000.5\tit's; a "note" -- no comment
ETH\t\\N\t$$ and /* and \\\\ and 'open
\\.
COPY prices (symbol) FROM stdin WITH (FORMAT csv);
"SOL;
two lines"
\\.
INSERT INTO prices VALUES ('after', 1, NULL);
"""

VARIABLES = r"""
\set table prices_archive
\set owner 'o''brien; DROP TABLE prices;'
CREATE TABLE :"table" (who text DEFAULT :'owner', at text DEFAULT 'a:owner::text');
INSERT INTO :table DEFAULT VALUES;
SELECT count(*) AS found FROM :"table" \gset
\if :found
CREATE TABLE was_found (id int);
\else
SELECT 1 / 0;
\endif
SELECT format('CREATE TABLE made_%s (id int)', n) FROM generate_series(1, 3) AS n \gexec
"""

BODIES = """\
CREATE OR REPLACE FUNCTION twice(n int) RETURNS int AS $body$
DECLARE text text := 'a;b'; -- it's; a comment
BEGIN
    EXECUTE $$ SELECT 1; $$;
    RETURN n * 2;
END;
$body$ LANGUAGE plpgsql;
CREATE OR REPLACE FUNCTION thrice(n int) RETURNS int BEGIN ATOMIC SELECT 1; SELECT n * 3; END;
DO $$ BEGIN PERFORM 1; CREATE TABLE from_a_block (id int); END $$;
CREATE RULE silent AS ON INSERT TO from_a_block DO ALSO (SELECT 1; SELECT 2);
"""

OWN_BLOCK = """\
-- its own transaction, which becomes ours
BEGIN;
CREATE TABLE own_block (id int PRIMARY KEY, xact xid8 DEFAULT pg_current_xact_id());
INSERT INTO own_block VALUES (1);
COMMIT;
"""

CONCURRENT = """\
CREATE INDEX CONCURRENTLY IF NOT EXISTS prices_symbol ON prices (symbol);
CREATE INDEX CONCURRENTLY IF NOT EXISTS prices_price ON prices (price);
COMMENT ON INDEX prices_price IS 'built without a lock';
DROP INDEX CONCURRENTLY IF EXISTS prices_nothing;
REINDEX INDEX CONCURRENTLY prices_price;
"""

ENUM_AT_ONCE = """\
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'proud';
INSERT INTO moods VALUES ('proud');
"""


class Bag:
    """A database to which many kinds of files were deployed at once."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.write_migration("001_copy.sql", COPY)
        site.write_migration("002_variables.sql", VARIABLES)
        site.write_migration("003_bodies.sql", BODIES)
        site.write_migration("004_no_end.sql", "CREATE TABLE no_semicolon (id int)")
        site.write_migration("005_comment_at_the_end.sql", "CREATE TABLE comment_at_the_end (id int); -- no line end")
        write_bytes(site, "006_byte_order_mark.sql", b"\xef\xbb\xbfCREATE TABLE with_mark (id int);\n")
        write_bytes(site, "007_crlf.sql", CRLF)
        site.write_migration("008_own_block.sql", OWN_BLOCK)
        site.write_migration("009_concurrently.sql", CONCURRENT)
        site.write_migration("010_vacuum.sql", "VACUUM (ANALYZE) prices;\n")
        site.write_migration("011_enum.sql", "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (mood mood);\n")
        site.write_migration("012_value.sql", "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'happy';\n")
        site.write_migration("013_use.sql", "INSERT INTO moods VALUES ('happy');\n")
        site.write_migration("014_value_and_use.sql", ENUM_AT_ONCE)
        write_bytes(
            site,
            "015_windows.sql",
            "\\encoding WIN1251\nCREATE TABLE words (w text);\nINSERT INTO words VALUES ('привет');\n".encode("cp1251"),
        )
        site.write_migration("016_utf8_again.sql", "INSERT INTO words VALUES ('мир 🌍');\n")
        site.write_migration("017_nothing.sql", "")
        site.write_migration("018_only_a_comment.sql", "-- to be filled in\n")
        self.done = site.fab("deploy", check=0)


CRLF = (
    b"CREATE TABLE crlf (id int, t text);\r\nCOPY crlf FROM stdin;\r\n1\tone\r\n2\ttwo\r\n\\.\r\n"
    b"CREATE FUNCTION crlf_f() RETURNS int AS $$\r\nSELECT 1;\r\n$$ LANGUAGE sql;\r\n"
)


@pytest.fixture(scope="class")
def bag(server: ServerUnderTest) -> Iterator[Bag]:
    with server.fresh(17) as site:
        yield Bag(site)


class TestWhatPsqlUnderstands:
    def test_is_told_apart_by_what_can_run_in_a_transaction(self, bag: Bag) -> None:
        outside = [row.split("|")[0] for row in ledger_of(bag.site) if row.endswith("|outside")]
        assert outside == ["009_concurrently.sql", "010_vacuum.sql", "014_value_and_use.sql"]
        assert len(ledger_of(bag.site)) == 18
        assert "009_concurrently.sql runs outside a transaction" in bag.done.stdout

    def test_is_copy_with_its_data_in_the_file(self, bag: Bag) -> None:
        rows = bag.site.psql("SELECT symbol, price, note FROM prices").splitlines()
        assert rows == [
            'BTC|60000.5|it\'s; a "note" -- no comment',
            "ETH||$$ and /* and \\ and 'open",
            "SOL;",
            "two lines||",
            "after|1|",
        ]

    def test_is_variables_and_branches_and_made_up_statements(self, bag: Bag) -> None:
        assert bag.site.psql("SELECT who, at FROM prices_archive") == "o'brien; DROP TABLE prices;|a:owner::text"
        assert bag.site.psql("SELECT to_regclass('was_found'), to_regclass('made_3')") == "was_found|made_3"

    def test_is_bodies_with_semicolons(self, bag: Bag) -> None:
        assert bag.site.psql("SELECT twice(21), thrice(14)") == "42|42"
        assert bag.site.psql("SELECT count(*) FROM pg_rules WHERE rulename = 'silent'") == "1"

    def test_is_a_last_statement_without_an_end(self, bag: Bag) -> None:
        assert bag.site.psql("SELECT to_regclass('no_semicolon')") == "no_semicolon"
        assert bag.site.psql("SELECT to_regclass('comment_at_the_end')") == "comment_at_the_end"

    def test_is_a_byte_order_mark_and_the_line_ends_of_windows(self, bag: Bag) -> None:
        assert bag.site.psql("SELECT to_regclass('with_mark')") == "with_mark"
        assert bag.site.psql("SELECT id, t FROM crlf").splitlines() == ["1|one", "2|two"]
        assert bag.site.psql("SELECT crlf_f()") == "1"

    def test_is_a_block_of_its_own_which_the_ledger_joins(self, bag: Bag) -> None:
        """One transaction wrote both: there is no moment at which one is there without the other."""
        same = "SELECT o.xact = m.xmin::text::xid8 FROM own_block o, deploy.migrations m WHERE m.name = '008_own_block.sql'"
        assert bag.site.psql(same) == "t"

    def test_is_several_indexes_without_a_lock(self, bag: Bag) -> None:
        assert bag.site.psql("SELECT count(*) FROM pg_index WHERE indrelid = 'prices'::regclass AND indisvalid") == "2"

    def test_is_a_new_value_of_an_enum_used_at_once_or_later(self, bag: Bag) -> None:
        assert bag.site.psql("SELECT mood FROM moods").split() == ["happy", "proud"]

    def test_is_another_encoding_which_ends_with_the_file(self, bag: Bag) -> None:
        assert bag.site.psql("SELECT w FROM words").splitlines() == ["привет", "мир 🌍"]

    def test_is_not_an_edit_when_only_mark_and_line_ends_change(self, bag: Bag) -> None:
        """Another editor, or git's autocrlf on a colleague's machine."""
        write_bytes(bag.site, "007_crlf.sql", CRLF.replace(b"\r\n", b"\n"))
        write_bytes(bag.site, "006_byte_order_mark.sql", b"CREATE TABLE with_mark (id int);\r\n")
        assert "nothing pending" in bag.site.fab("deploy", check=0).stdout


# What a session remembers

LEAKS = r"""
CREATE SCHEMA elsewhere;
SET search_path = elsewhere, pg_catalog;
SELECT set_config('work_mem', '77MB', false);
SET statement_timeout = '3s';
SET standard_conforming_strings = off;
SET TimeZone = 'Asia/Tokyo';
SET client_min_messages = error;
CREATE TEMP TABLE remembered (id int);
PREPARE remembered AS SELECT 1;
LISTEN remembered;
\set remembered yes
\set ON_ERROR_STOP off
\set ON_ERROR_ROLLBACK on
\set AUTOCOMMIT off
\set deploy_name '999_other.sql'
\set deploy_schema elsewhere
\set VERBOSITY terse
\set ECHO all
\pset null remembered
\pset format html
\t on
\x on
\o /dev/null
SET default_transaction_read_only = on;
SET ROLE pg_read_all_data;
"""

LEAKS_NOT = r"""
\if :{?remembered}
SELECT 'the variable is still set' / 0;
\endif
CREATE TABLE here (id int);
DO $$
BEGIN
    ASSERT current_setting('search_path') = '"$user", public', 'search_path';
    ASSERT current_setting('work_mem') <> '77MB', 'work_mem';
    ASSERT current_setting('statement_timeout') = '0', 'statement_timeout';
    ASSERT current_setting('standard_conforming_strings') = 'on', 'standard_conforming_strings';
    ASSERT current_setting('default_transaction_read_only') = 'off', 'read only';
    ASSERT current_setting('TimeZone') <> 'Asia/Tokyo', 'TimeZone';
    ASSERT current_setting('client_min_messages') = 'notice', 'client_min_messages';
    ASSERT current_user = session_user, 'role';
    ASSERT to_regclass('remembered') IS NULL, 'temporary table';
    ASSERT NOT EXISTS (SELECT FROM pg_prepared_statements), 'prepared statement';
    ASSERT NOT EXISTS (SELECT FROM pg_listening_channels()), 'listen';
    ASSERT NOT EXISTS (SELECT FROM pg_cursors), 'cursor';
END $$;
SELECT NULL AS a, 'x' AS b \g /tmp/shown_@
\o
\set shown `cat /tmp/shown_@; rm /tmp/shown_@`
CREATE TABLE shown (text text);
INSERT INTO shown VALUES (:'shown');
"""


class TestWhatASessionRemembers:
    @pytest.mark.parametrize("version", [15, 17])
    def test_ends_with_the_file(self, server: ServerUnderTest, version: int) -> None:
        """The second file finds what a new psql would have; the ledger's row stands under the first one's own name."""
        with server.fresh(version) as site:
            site.write_migration("001_leaks.sql", LEAKS)
            checks = LEAKS_NOT.replace("@", site.database)
            site.write_migration("002_checks.sql", checks)
            # outside a transaction the same file has other ways to leak
            outside = LEAKS.replace("elsewhere;", "further;").replace("\\set AUTOCOMMIT off\n", "")
            site.write_migration("003_leaks.sql", f"-- deploy: no-transaction\n{outside}")
            site.write_migration("004_checks.sql", checks.replace("TABLE ", "TABLE IF NOT EXISTS "))
            site.fab("deploy", check=0)
            assert ledger_of(site) == [
                "001_leaks.sql|transaction",
                "002_checks.sql|transaction",
                "003_leaks.sql|outside",
                "004_checks.sql|transaction",
            ]
            assert site.psql("SELECT count(*), count(DISTINCT text) FROM shown") == "2|1"
            assert site.psql("SELECT DISTINCT text FROM shown") == " a | b \n---+---\n   | x\n(1 row)\n"

    def test_of_errors_that_it_wants_to_survive_ends_too(self, site: Site) -> None:
        r"""`\set ON_ERROR_STOP off` holds for its own file: there it can't be heard, for the transaction is broken."""
        site.write_migration(
            "001_deaf.sql", "\\set ON_ERROR_STOP off\nCREATE TABLE a ();\nSELECT 1 / 0;\nCREATE TABLE b ();\n"
        )
        refused = refusal_of(site.fab("deploy", check=28))
        assert refused.message == "001_deaf.sql:3: division by zero (SQLSTATE 22012)"
        assert ledger_of(site) == []
        assert site.psql("SELECT to_regclass('a'), to_regclass('b')") == "|"


class TestATransactionThatEndsUnseen:
    def test_by_commit_leaves_what_it_did_and_is_told_as_unfinished_when_it_fails(self, site: Site) -> None:
        site.write_migration(
            "001_hidden.sql",
            "CREATE TABLE IF NOT EXISTS kept ();\nSELECT 'COMMIT' \\gexec\nSELECT 1 / :zero;\n".replace(":zero", "0"),
        )
        refused = refusal_of(site.fab("deploy", check=29))
        assert refused.message.startswith("001_hidden.sql:3: division by zero")
        assert "done in part" in refused.details[-1]
        assert unfinished_in(site) == ["001_hidden.sql"]
        site.write_migration(
            "001_hidden.sql", "CREATE TABLE IF NOT EXISTS kept ();\nSELECT 'COMMIT' \\gexec\nSELECT 1;\n"
        )
        site.fab("deploy", check=0)
        assert unfinished_in(site) == []

    def test_by_rollback_is_never_recorded(self, site: Site) -> None:
        site.write_migration(
            "001_hidden.sql", "CREATE TABLE gone ();\nSELECT 'ROLLBACK' \\gexec\nCREATE TABLE kept ();\n"
        )
        refused = refusal_of(site.fab("deploy", check=28))
        assert "the file ended the transaction that it was run in" in refused.message
        assert site.psql("SELECT to_regclass('gone'), to_regclass('kept')") == "|kept"
        assert "rolled back as a whole" not in " ".join(refused.details)
        assert ledger_of(site) == unfinished_in(site) == []

    def test_or_doesnt_end_at_all_is_never_recorded(self, site: Site) -> None:
        r"""Outside a transaction of ours a file may leave one of its own open; psql would have lost its work without a word."""
        site.write_migration(
            "001_open.sql", "\\set AUTOCOMMIT off\nCREATE TABLE kept ();\nCOMMIT;\nCREATE TABLE lost ();\n"
        )
        site.write_migration("002_next.sql", "CREATE TABLE next ();\n")
        refused = refusal_of(site.fab("deploy", check=29))
        assert refused.message == "001_open.sql, at its end: the file left a transaction open (SQLSTATE DP004)"
        assert "COMMIT" in refused.hint
        assert site.psql("SELECT to_regclass('kept'), to_regclass('lost'), to_regclass('next')") == "kept||"
        assert unfinished_in(site) == ["001_open.sql"]
        assert ledger_of(site) == []


class TestAFileThatFails:
    def test_leaves_those_before_it_and_nothing_of_itself(self, site: Site) -> None:
        site.write_migration("001_one.sql", "CREATE TABLE one (id int);\n")
        site.write_migration("002_two.sql", "CREATE TABLE two (id int);\n")
        site.write_migration(
            "003_three.sql",
            "CREATE TABLE three (id int);\n\nINSERT INTO one\nSELECT id,\n    no_such_column\nFROM two;\nCREATE TABLE after ();\n",
        )
        site.write_migration("004_four.sql", "CREATE TABLE four (id int);\n")
        done = site.fab("deploy", check=28)
        refused = refusal_of(done)
        assert refused.message == '003_three.sql:6: column "no_such_column" does not exist (SQLSTATE 42703)'
        assert refused.details == (
            "LINE 3:     no_such_column",
            "            ^",
            "applied before it: 001_one.sql, 002_two.sql; 003_three.sql was rolled back as a whole",
        )
        (backup,) = [f for f in site.remote_files() if f.startswith("backups/pre_deploy") and f.endswith(".gz")]
        assert refused.hint == (
            f"Mend 003_three.sql and deploy again, or go back: fab -H prod rollback --backup={backup.removeprefix('backups/')}"
        )
        assert "  ✅ 002_two.sql applied successfully" in done.stdout
        assert site.psql(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        ).split() == [
            "one",
            "two",
        ]
        assert ledger_of(site) == ["001_one.sql|transaction", "002_two.sql|transaction"]
        assert unfinished_in(site) == []

        site.write_migration("003_three.sql", "CREATE TABLE three (id int);\n")
        found = json.loads(site.fab("deploy", "--json", check=0).stdout)
        assert found["applied"] == ["003_three.sql", "004_four.sql"]

    def test_at_its_own_commit_leaves_nothing(self, site: Site) -> None:
        """A deferred constraint speaks up only there."""
        site.write_migration(
            "001_deferred.sql",
            "BEGIN;\nCREATE TABLE a (id int PRIMARY KEY);\n"
            "CREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO b VALUES (7);\nCOMMIT;\n",
        )
        refused = refusal_of(site.fab("deploy", check=28))
        assert refused.message.startswith("001_deferred.sql, at its end: ")
        assert "violates foreign key constraint" in refused.message
        assert 'DETAIL:  Key (a)=(7) is not present in table "a".' in refused.details
        assert site.psql("SELECT to_regclass('a'), to_regclass('b')") == "|"
        assert ledger_of(site) == unfinished_in(site) == []

    def test_because_its_session_was_ended_leaves_nothing(self, site: Site) -> None:
        site.write_migration(
            "001_block.sql", "BEGIN;\nCREATE TABLE a ();\nSELECT pg_terminate_backend(pg_backend_pid());\nCOMMIT;\n"
        )
        refused = refusal_of(site.fab("deploy", check=36))
        assert "connection broke" in refused.message
        assert site.psql("SELECT to_regclass('a')") == ""
        assert ledger_of(site) == unfinished_in(site) == []

    def test_outside_a_transaction_is_told_as_done_in_part_and_run_again(self, site: Site) -> None:
        site.write_migration("001_part.sql", "CREATE TABLE IF NOT EXISTS part ();\nVACUUM part;\nSELECT 1 / 0;\n")
        refused = refusal_of(site.fab("deploy", check=29))
        assert (
            refused.details[-1] == "nothing was applied; 001_part.sql is done in part (it runs outside a transaction)"
        )
        assert "started, not finished: 001_part.sql" in site.fab("status", check=0).stdout
        site.write_migration("001_part.sql", "CREATE TABLE IF NOT EXISTS part ();\nVACUUM part;\n")
        done = site.fab("deploy", check=0)
        assert "001_part.sql was started but not finished; it is run again" in done.stdout
        assert ledger_of(site) == ["001_part.sql|outside"]


class TestAnInvalidIndex:
    def test_is_not_recorded_and_is_built_anew_when_the_data_is_mended(self, site: Site) -> None:
        site.psql("CREATE TABLE users (email text); INSERT INTO users VALUES ('anna@x'), ('anna@x')")
        site.write_migration(
            "001_unique.sql", "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_email ON users (email);\n"
        )
        refused = refusal_of(site.fab("deploy", check=29))
        assert "could not create unique index" in refused.message
        assert "DETAIL:  Key (email)=(anna@x) is duplicated." in refused.details
        assert unfinished_in(site) == ["001_unique.sql"]
        # the same again: IF NOT EXISTS would have found the broken one and been content
        assert "could not create unique index" in refusal_of(site.fab("deploy", check=29)).message
        site.psql("DELETE FROM users WHERE ctid = (SELECT min(ctid) FROM users)")
        site.fab("deploy", check=0)
        assert (
            site.psql("SELECT indexrelid::regclass FROM pg_index WHERE indisvalid AND indrelid = 'users'::regclass")
            == "users_email"
        )
        assert ledger_of(site) == ["001_unique.sql|outside"]

    def test_that_was_there_before_is_no_success_of_a_plain_create_index(self, site: Site) -> None:
        site.psql("CREATE TABLE users (email text); INSERT INTO users VALUES ('anna@x'), ('anna@x')")
        with pytest.raises(AssertionError, match="could not create unique index"):
            site.psql("CREATE UNIQUE INDEX CONCURRENTLY users_email ON users (email)")
        site.write_migration("001_unique.sql", "CREATE UNIQUE INDEX IF NOT EXISTS users_email ON users (email);\n")
        refused = refusal_of(site.fab("deploy", check=28))
        assert refused.message == "001_unique.sql, at its end: an index is invalid (SQLSTATE DP002)"
        assert "DROP INDEX" in refused.hint
        assert "public.users_email" in refused.hint
        assert ledger_of(site) == []
        site.psql("DROP INDEX users_email; TRUNCATE users")
        site.fab("deploy", check=0)
        assert ledger_of(site) == ["001_unique.sql|transaction"]


class TestALockThatSomebodyHolds:
    def test_is_tried_for_again_and_had_when_it_is_given_back(self, site: Site) -> None:
        site.psql("CREATE TABLE users (id int)")
        site.write_migration("001_first.sql", "CREATE TABLE first (id int);\n")
        site.write_migration("002_email.sql", "CREATE TABLE half ();\nALTER TABLE users ADD COLUMN email text;\n")
        with session(site, "BEGIN; LOCK TABLE users IN ACCESS SHARE MODE; SELECT pg_backend_pid()") as holder:
            deploy = site.spawn("deploy", env={"FABRIC_DEPLOY_LOCK_TIMEOUT": "1500ms"})
            assert deploy.stdout
            said = []
            for line in deploy.stdout:
                said.append(line)
                if "try 2 of 5" in line:
                    break
            assert holder.stdin
            holder.stdin.write(b"COMMIT;\n")
            holder.stdin.flush()
            said += deploy.stdout.readlines()
        assert deploy.wait() == 0
        assert any("waits for pid" in line and "a dashboard" in line for line in said), said
        assert said.count("📄 Applying migration: 001_first.sql\n") == 1
        assert ledger_of(site) == ["001_first.sql|transaction", "002_email.sql|transaction"]

    def test_is_given_up_in_the_end_and_its_holder_named(self, blocked: Blocked) -> None:
        site, pid, refused = blocked.site, blocked.pid, blocked.end()
        assert refused.message.startswith(
            f"002_email.sql didn't get its lock: pid {pid} (a dashboard, user {site.user}, idle in transaction)"
        )
        assert "applied before it: 001_first.sql; 002_email.sql was rolled back as a whole" in refused.message
        assert f"pg_terminate_backend({pid})" in refused.hint
        assert site.psql("SELECT to_regclass('half')") == ""
        assert ledger_of(site) == ["001_first.sql|transaction"]

    def test_by_an_old_transaction_stands_in_the_way_of_an_index_and_is_named(self, site: Site) -> None:
        """CONCURRENTLY waits for every transaction that may still see the table as it was."""
        site.psql("CREATE TABLE users (id int)")
        site.write_migration("001_index.sql", "CREATE INDEX CONCURRENTLY IF NOT EXISTS users_id ON users (id);\n")
        with session(site, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM users"):
            pid = pid_of_the_dashboard(site)
            refused = refusal_of(site.fab("deploy", check=29, env={"FABRIC_DEPLOY_LOCK_TIMEOUT": "3s"}))
        assert "lock timeout" in refused.message
        assert any(f"pid {pid}" in line for line in (*refused.details, refused.hint))
        assert unfinished_in(site) == ["001_index.sql"]
        site.fab("deploy", check=0)
        assert site.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_id'::regclass") == "t"


# The same schema as by hand


def realistic_files() -> dict[str, str]:
    """Return about forty files as a project gathers them, most of them in the ways of different people."""
    files = {
        "001_schemas.sql": "CREATE SCHEMA IF NOT EXISTS app;\nCREATE SCHEMA IF NOT EXISTS audit;\nCREATE EXTENSION IF NOT EXISTS plpgsql;\n",
        "002_types.sql": "DO $$ BEGIN CREATE TYPE app.state AS ENUM ('new', 'paid'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n"
        "CREATE DOMAIN app.email AS text CHECK (VALUE ~ '^[^@]+@[^@]+$');\n",
        "003_users.sql": "BEGIN;\nSET LOCAL search_path = app;\nCREATE TABLE users (id bigserial PRIMARY KEY, email email UNIQUE, made timestamptz DEFAULT now());\nCOMMIT;\n",
        "004_orders.sql": "SET search_path TO app, public;\nCREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY, user_id bigint REFERENCES users, state state NOT NULL DEFAULT 'new', total numeric(12, 2), at date NOT NULL) PARTITION BY RANGE (at);\n"
        "CREATE TABLE orders_2025 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n",
        "005_seed.sql": "COPY app.users (email) FROM stdin;\nanna@example.org\nboris@example.org\n\\.\n",
        "006_audit.sql": "CREATE TABLE audit.log (at timestamptz, what jsonb);\n"
        "CREATE FUNCTION audit.note() RETURNS trigger AS $f$\nBEGIN\n  INSERT INTO audit.log VALUES (now(), to_jsonb(NEW));\n  RETURN NEW;\nEND;\n$f$ LANGUAGE plpgsql SECURITY DEFINER SET search_path = audit;\n"
        "CREATE TRIGGER noted AFTER INSERT OR UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION audit.note();\n",
        "007_refund.sql": "ALTER TYPE app.state ADD VALUE IF NOT EXISTS 'refunded' AFTER 'paid';\n",
        "008_use_refund.sql": "ALTER TABLE app.orders ADD CHECK (state <> 'refunded' OR total > 0);\n",
        "009_cancelled.sql": "ALTER TYPE app.state ADD VALUE 'cancelled';\nCREATE INDEX orders_cancelled ON app.orders (at) WHERE state = 'cancelled';\n",
        "010_indexes.sql": "CREATE INDEX CONCURRENTLY users_made ON app.users (made);\nCREATE UNIQUE INDEX CONCURRENTLY users_lower ON app.users (lower(email));\n",
        "011_view.sql": "CREATE OR REPLACE VIEW app.totals AS SELECT user_id, sum(total) FROM app.orders GROUP BY 1;\nCOMMENT ON VIEW app.totals IS 'it''s a sum; of all';\n",
        "012_materialized.sql": "CREATE MATERIALIZED VIEW app.daily AS SELECT at, count(*) FROM app.orders GROUP BY 1 WITH NO DATA;\nREFRESH MATERIALIZED VIEW app.daily;\n",
        "013_vars.sql": "\\set limit 100\n\\set name 'the limit'\nCREATE TABLE app.settings (name text PRIMARY KEY, value int);\nINSERT INTO app.settings VALUES (:'name', :limit);\n",
        "014_quoted.sql": 'CREATE TABLE app."Strange; ""Name""" ("from" int, "привет" text DEFAULT U&\'\\0441\');\n',
        "015_escapes.sql": "INSERT INTO app.settings VALUES (E'tab\\t\\'quote', 1), ('back\\slash', 2), ($x$dollar; $$ $x$, 3);\n",
        "016_role.sql": "SET ROLE pg_monitor;\nRESET ROLE;\nCREATE TABLE app.owned (id int);\n",
        "017_comments.sql": "/* one /* nested; */ still; */ CREATE TABLE app.commented (id int); -- the end;\n/* ; */\n",
        "018_grant.sql": "GRANT SELECT ON ALL TABLES IN SCHEMA app TO pg_read_all_stats;\nALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO pg_read_all_stats;\n",
        "019_policy.sql": "ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;\nCREATE POLICY own ON app.users USING (email = current_user);\n",
        "020_atomic.sql": "CREATE FUNCTION app.add(a int, b int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + b; END;\n",
        "021_procedure.sql": "CREATE PROCEDURE app.fill(n int) AS $$ BEGIN FOR i IN 1..n LOOP INSERT INTO app.settings VALUES ('p' || i, i); COMMIT; END LOOP; END $$ LANGUAGE plpgsql;\n",
        "022_call.sql": "-- deploy: no-transaction\nCALL app.fill(3);\n",
        "023_vacuum.sql": "VACUUM ANALYZE app.settings;\nANALYZE;\n",
        "024_gexec.sql": "SELECT format('CREATE TABLE app.part_%s (id int)', i) FROM generate_series(1, 4) i\n\\gexec\n",
        "025_gset.sql": "SELECT max(value) AS top FROM app.settings \\gset\nCREATE SEQUENCE app.counter START :top;\n",
        "026_if.sql": "SELECT current_setting('server_version_num')::int >= 100000 AS modern \\gset\n\\if :modern\nCREATE TABLE app.modern (id int);\n\\else\nCREATE TABLE app.ancient (id int);\n\\endif\n",
        "027_no_end.sql": "CREATE TABLE app.no_end (id int)",
        "028_crlf.sql": "CREATE TABLE app.crlf (\r\n  id int\r\n);\r\n",
        "029_mark.sql": "\ufeffCREATE TABLE app.marked (id int);\n",
        "030_two_blocks.sql": "BEGIN;\nCREATE TABLE app.block_1 (id int);\nCOMMIT;\nBEGIN;\nCREATE TABLE app.block_2 (id int);\nCOMMIT;\n",
        "032_serializable.sql": "BEGIN ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE app.serial (level text);\nINSERT INTO app.serial VALUES (current_setting('transaction_isolation'));\nCOMMIT;\n",
        "033_lock.sql": "BEGIN;\nLOCK TABLE app.settings IN EXCLUSIVE MODE;\nUPDATE app.settings SET value = value + 1;\nEND;\n",
        "034_temp.sql": "CREATE TEMP TABLE moved AS SELECT * FROM app.settings;\nCREATE TABLE app.copied AS SELECT * FROM moved ORDER BY name;\n",
        "035_copy_csv.sql": 'COPY app.settings FROM stdin (FORMAT csv, HEADER);\nname,value\n"a;b\n\\N",5\n\\.\n',
        "036_backslash.sql": "SELECT 1 \\g /dev/null\n\\echo done\n\\qecho done\nCREATE TABLE app.echoed (id int);\n",
        "037_semicolon.sql": "CREATE TABLE app.one_line (id int)\\; CREATE TABLE app.two_line (id int);\n",
        "038_detach.sql": "ALTER TABLE app.orders DETACH PARTITION app.orders_2025 CONCURRENTLY;\n",
        "039_rule.sql": "CREATE RULE quiet AS ON DELETE TO app.settings DO ALSO (DELETE FROM app.copied WHERE name = OLD.name; SELECT 1);\n",
        "040_timestamp.sql": "CREATE TABLE app.last (note text DEFAULT 'ends here');\n",
        "20261122120000_long_number.sql": "ALTER TABLE app.last ADD COLUMN more int;\n",
    }
    assert len(files) == 40
    return files


class TestManyFiles:
    def test_give_the_same_schema_and_data_as_psql_one_after_another(self, server: ServerUnderTest) -> None:
        with server.fresh(17) as site, server.fresh(17) as by_hand:
            for name, text in realistic_files().items():
                site.write_migration(name, text)
            site.fab("deploy", check=0)
            assert len(ledger_of(site)) == 40
            packed = run(["tar", "-C", str(site.project / "migrations"), "-cf", "-", "."])
            loop = 'cd "$(mktemp -d)" && tar -xf - && for f in [0-9]*; do psql -Xq -v ON_ERROR_STOP=1 -U "$1" -d "$2" -f "$f" || exit 1; done'
            run(
                ["docker", "exec", "-i", by_hand.container, "sh", "-c", loop, "sh", by_hand.user, by_hand.database],
                stdin=packed,
            )
            assert times_gone(site.dump(without_ledger=True)) == times_gone(by_hand.dump())


def times_gone(dump: bytes) -> list[str]:
    """Return the lines without those of the tables that hold when something was done."""
    return [line for line in dump.decode().splitlines() if "+00" not in line]


def test_a_procedure_that_commits_needs_a_word_in_its_file(site: Site) -> None:
    site.write_migration("001_procedure.sql", "CREATE PROCEDURE p() AS $$ BEGIN COMMIT; END $$ LANGUAGE plpgsql;\n")
    site.write_migration("002_call.sql", "CALL p();\n")
    refused: Any = refusal_of(site.fab("deploy", check=28))
    assert "invalid transaction termination" in refused.message
    assert "-- deploy: no-transaction" in refused.hint
    site.write_migration("002_call.sql", "-- deploy: no-transaction\nCALL p();\n")
    site.fab("deploy", check=0)
    assert ledger_of(site)[1:] == ["002_call.sql|outside"]
