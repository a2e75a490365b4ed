"""Backups that prove themselves, and the ways back beside the swap: undo, in place, old formats, letting go."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from tests.journeys.invariants import backups, lets_in, manifest_of, replaced_databases, rows_of, whole
from tests.server.machine import run

if TYPE_CHECKING:
    from tests.server import ServerUnderTest, Site

BOOKS = """
CREATE TABLE books (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL CHECK (title <> ''));
CREATE INDEX books_title ON books (title);
INSERT INTO books (title) SELECT 'book ' || n FROM generate_series(1, 300) AS n;
SELECT lo_from_bytea(4242, decode('00ff10', 'hex'));
"""


ODD = r"""
CREATE FUNCTION script() RETURNS text LANGUAGE sql AS $f$ SELECT 'first
\connect archive
DROP TABLE second;
third'::text $f$;
CREATE FUNCTION template() RETURNS text LANGUAGE sql AS $f$
--
-- Name: archive; Type: DATABASE; Schema: -; Owner: ghost
--
SELECT 'kept'::text
$f$;
SET check_function_bodies = off;
CREATE FUNCTION reset_database() RETURNS void LANGUAGE sql AS $$
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
GRANT ALL ON SCHEMA public TO ghost;
CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;
$$;
CREATE TABLE p (a int);
CREATE TABLE c () INHERITS (p);
INSERT INTO c VALUES (-1);
ALTER TABLE p ADD CONSTRAINT positive CHECK (a > 0) NOT VALID;
CREATE TABLE k (s text);
ALTER TABLE k ADD CHECK (s <> 'two
lines') NOT VALID;
CREATE TABLE m (at date, a int) PARTITION BY RANGE (at);
CREATE TABLE m_2026 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO m VALUES ('2026-02-02', 1);
ALTER TABLE m ADD CHECK (a > 0) NOT VALID;
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', dbname 'archive');
CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'u', password 'p');
CREATE FOREIGN TABLE m_old PARTITION OF m FOR VALUES FROM ('2020-01-01') TO ('2026-01-01') SERVER far;
CREATE ACCESS METHOD myheap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE in_myheap (a int) USING myheap;
DO $$ BEGIN
  EXECUTE format('CREATE TABLE %I (a int)', E'two\nlines');
  EXECUTE format('INSERT INTO %I VALUES (1)', E'two\nlines');
  EXECUTE format('CREATE TABLE %I (a int)', E'a\tb\\c"d');
  EXECUTE format('INSERT INTO %I VALUES (1), (2)', E'a\tb\\c"d');
END $$;
CREATE FUNCTION public.jsonb_agg(json) RETURNS jsonb LANGUAGE sql AS 'SELECT (1 / 0)::text::jsonb';
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET quote_all_identifiers = on', current_database());
END $$;
"""
"""What is rare: bodies that look like a dump, names that need escapes, constraints that inherit, privileges given by default, a
partition out of reach, settings meant for others; and a function that would pass for the system's own `jsonb_agg`."""


GREETER = """
CREATE TABLE logins (at timestamptz DEFAULT now());
CREATE FUNCTION greet() RETURNS event_trigger LANGUAGE plpgsql AS $$
  BEGIN IF current_database() ~ '_side_' THEN INSERT INTO public.logins DEFAULT VALUES; END IF; END $$;
CREATE EVENT TRIGGER greet ON login EXECUTE FUNCTION greet();
"""


@pytest.fixture
def library(site: Site) -> Site:
    """A site with a few books."""
    site.psql(BOOKS)
    return site


def dump_as(site: Site, *options: str) -> bytes:
    return run(["docker", "exec", site.container, "pg_dump", "-U", site.user, *options, site.database])


def put(site: Site, name: str, content: bytes) -> None:
    site.write_remote(f"{site.remote_dir}/backups/{name}", content)


class TestABackup:
    def test_is_listed_with_what_is_proven_about_it(self, library: Site) -> None:
        """Taken, listed, restored for proof: and the list says each."""
        assert json.loads(library.fab("backup", "--json", check=0).stdout)["outcome"] == "backed_up"
        (taken,) = json.loads(library.fab("backups", "--json", check=0).stdout)
        assert (taken["kind"], taken["verified"], taken["restored_at"], taken["migration"]) == (
            "backup",
            True,
            None,
            None,
        )

        library.fab("verify", "--backup=latest", check=0)
        (proven,) = json.loads(library.fab("backups", "--json", check=0).stdout)
        assert proven == taken | {"restored_at": proven["restored_at"]}
        assert proven["restored_at"]
        assert replaced_databases(library) == []

    def test_that_is_too_old_is_a_status_for_a_monitor(self, library: Site) -> None:
        assert "no verified backup of this database" in library.fab("backups", "--max-age=26h", check=47).stdout
        library.fab("backup", check=0)
        library.fab("backups", "--max-age=26h", check=0)
        assert "Write 90min" in library.fab("backups", "--max-age=soon", check=10).stdout
        (taken,) = json.loads(library.fab("backups", "--json", check=0).stdout)
        name = taken["name"]
        manifest = manifest_of(library, name) | {"taken_at": "2020-01-01T00:00:00Z"}
        put(library, f"{name}.json", json.dumps(manifest).encode())
        assert "old: " + name in library.fab("backups", "--max-age=26h", check=47).stdout

    def test_is_not_proven_by_a_restore_that_lacks_rows(self, library: Site) -> None:
        """The manifest says how many there were; a file that has other rows proves nothing, whatever its end says."""
        library.fab("backup", check=0)
        name = backups(library, "backup")[-1]
        text = gzip.decompress(library.read_remote(f"{library.remote_dir}/backups/{name}"))
        put(
            library,
            "short.sql",
            text.replace(
                b"-- PostgreSQL database dump complete",
                b"DELETE FROM public.books;\n-- PostgreSQL database dump complete",
            ),
        )
        refused = library.fab("verify", "--backup=short.sql", check=45)
        assert "public.books has 0 rows instead of 300" in refused.stdout
        assert f"{library.remote_dir}/backups/short.sql.json" not in library.remote_files()

    @pytest.mark.parametrize("form", ["custom", "sql.zst"])
    def test_is_written_in_the_form_that_is_set(self, site17: Site, form: str) -> None:
        """And restored from it, in parallel where it can be, unseen by what writes down who logs in."""
        site17.psql(BOOKS + GREETER)
        before = whole(site17)
        site17.env["FABRIC_DEPLOY_BACKUP_FORMAT"] = form
        site17.write_migration("001_lose.sql", "DELETE FROM books WHERE id > 10;")
        site17.fab("deploy", check=0)
        suffix = {"custom": ".dump", "sql.zst": ".sql.zst"}[form]
        assert [f for f in site17.remote_files() if "pre_deploy" in f and f.endswith(suffix)]
        site17.fab("rollback", "--backup=pre_deploy", "--yes", check=0)
        assert whole(site17) == before


class TestAnOldBackup:
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("old.dump", ("-Fc",)),
            ("old.tar", ("-Ft",)),
            ("old.sql", ()),
            ("clean.sql", ("--clean",)),
            ("create.sql", ("--create", "--clean", "--if-exists")),
        ],
    )
    def test_is_restored_whatever_its_form(self, library: Site, name: str, options: tuple[str, ...]) -> None:
        before = whole(library)
        library.fab("backup", check=0)
        put(library, name, dump_as(library, *options))
        library.psql("DROP TABLE books")
        library.fab("rollback", f"--backup={name}", "--yes", check=0)
        assert whole(library) == before


class TestAnUndo:
    def test_brings_the_replaced_database_back_and_can_be_undone(self, library: Site) -> None:
        library.write_migration("001_lose.sql", "DELETE FROM books WHERE id > 10;")
        before = whole(library)
        library.fab("deploy", check=0)
        after = whole(library)
        library.fab("rollback", "--backup=pre_deploy", "--yes", check=0)
        undone = json.loads(library.fab("undo", "--yes", "--json", check=0).stdout)
        assert undone["outcome"] == "undone"
        assert whole(library) == after
        (kept,) = replaced_databases(library)
        assert undone["replaced_database"] == kept
        assert not lets_in(library, kept)
        library.fab("undo", "--yes", check=0)
        assert whole(library) == before

    def test_of_nothing_says_so(self, library: Site) -> None:
        library.fab("undo", "--yes", check=49)
        library.fab("forget", "--yes", check=49)

    def test_is_gone_when_the_replaced_database_is_forgotten(self, library: Site) -> None:
        """By hand after a question, or by a deploy when it is old; never silently."""
        library.write_migration("001_more.sql", "INSERT INTO books (title) VALUES ('more');")
        library.fab("backup", check=0)
        library.fab("rollback", "--backup=latest", "--yes", check=0)
        library.fab("forget", check=13)
        (kept,) = replaced_databases(library)
        assert kept in library.fab("status", check=0).stdout
        assert f"dropped the replaced database {kept}" in library.fab("forget", "--yes", check=0).stdout
        assert replaced_databases(library) == []

        library.fab("rollback", "--backup=latest", "--yes", check=0)
        (kept,) = replaced_databases(library)
        old = kept[:-15] + "20200101_000000"
        library.psql(f"ALTER DATABASE {kept} RENAME TO {old}", "postgres")
        assert f"drop the replaced database {old}" in library.fab("deploy", "--dry-run", check=0).stdout
        assert f"dropped the replaced database {old}" in library.fab("deploy", check=0).stdout
        assert replaced_databases(library) == []


class TestARollbackInPlace:
    def test_needs_no_right_to_create_databases(self, library: Site) -> None:
        """Without it the swap is refused, and the refusal offers this way."""
        plain = f"plain_{library.database}"
        library.psql(
            f"CREATE ROLE {plain} LOGIN; ALTER DATABASE {library.database} OWNER TO {plain}; GRANT CREATE ON SCHEMA public TO {plain}"
        )
        library.psql(f"ALTER TABLE books OWNER TO {plain}; ALTER LARGE OBJECT 4242 OWNER TO {plain}")
        library.env["FABRIC_DEPLOY_USER"] = plain
        before = whole(library)
        library.write_migration("001_lose.sql", "DELETE FROM books; CREATE SCHEMA extra; CREATE TABLE extra.t (a int);")
        library.fab("deploy", check=0)
        assert "--in-place" in library.fab("rollback", "--backup=pre_deploy", "--yes", check=37).stdout
        done = library.fab("rollback", "--backup=pre_deploy", "--in-place", "--yes", check=0)
        assert "clients block until it is over" in done.stdout
        assert whole(library) == before
        assert replaced_databases(library) == []

    def test_takes_an_old_backup_of_another_form_than_its_safety_backup(self, library: Site) -> None:
        before = whole(library)
        library.fab("backup", check=0)
        put(library, "old.sql", dump_as(library))
        library.psql("DROP TABLE books")
        library.fab("rollback", "--backup=old.sql", "--in-place", "--yes", check=0)
        assert whole(library) == before

    def test_that_fails_leaves_everything_as_it_was(self, library: Site) -> None:
        library.fab("backup", check=0)
        end = b"--\n-- PostgreSQL database dump complete\n"
        head, tail = dump_as(library).rsplit(end, 1)
        put(library, "bad.sql", head + b"SELECT 1 / 0;\n" + end + tail)
        before = whole(library)
        library.fab("rollback", "--backup=bad.sql", "--in-place", "--yes", check=45)
        assert whole(library) == before


def test_an_odd_database_comes_back_either_way(site: Site) -> None:
    site.psql(ODD)
    before = whole(site)
    site.write_migration("001_a.sql", "CREATE TABLE IF NOT EXISTS added (a int);")
    site.psql(f"ALTER DATABASE {site.database} SET statement_timeout = '1ms'", "postgres")
    site.fab("deploy", env={"FABRIC_DEPLOY_REHEARSE": "auto"}, check=0)
    site.psql(f"ALTER DATABASE {site.database} RESET statement_timeout", "postgres")
    assert manifest_of(site, backups(site)[-1])["tables"]['public."a b\\c""d"'] == 2
    site.psql("CREATE TABLE more (a int)")
    site.fab("rollback", "--backup=pre_deploy", "--yes", check=0)
    assert whole(site) == before
    site.fab("backup", check=0)
    site.psql("CREATE TABLE more (a int); ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO PUBLIC")
    site.fab("rollback", "--in-place", "--backup=latest", "--yes", check=0)
    assert whole(site) == before


def test_timescaledb_is_told_before_and_after_a_restore(server: ServerUnderTest) -> None:
    """By a stand-in of that name, whose two functions write down when they were called."""
    with server.fresh(private=True) as site:
        where = run(["docker", "exec", site.container, "pg_config", "--sharedir"]).decode().strip() + "/extension"
        control = "default_version = '1.0'\nrelocatable = false\nschema = public\n"
        calls = "".join(
            f"CREATE FUNCTION timescaledb_{when}_restore() RETURNS bool LANGUAGE sql AS $$"
            f" INSERT INTO public.ts_calls SELECT '{when}', to_regclass('public.books') IS NOT NULL; SELECT true $$;\n"
            for when in ("pre", "post")
        )
        script = f"CREATE TABLE public.ts_calls (call text, restored bool);\n{calls}"
        for name, text in (("timescaledb.control", control), ("timescaledb--1.0.sql", script)):
            run(["docker", "exec", "-i", site.container, "sh", "-c", f"cat >{where}/{name}"], stdin=text.encode())
        site.psql(BOOKS + "CREATE EXTENSION timescaledb")
        site.fab("backup", check=0)
        site.fab("rollback", "--backup=latest", "--yes", check=0)
        assert site.psql("SELECT call, restored FROM ts_calls ORDER BY restored").split() == ["pre|f", "post|t"]
        assert rows_of(site, site.database)["public.books"] == 300
