"""What has to be true of a server after anything, looked at with psql, gzip and flock, never with the tool's own code."""

# ruff: noqa: S608 - what is put into these statements are names of the tests' own

from __future__ import annotations

import gzip
import hashlib
import html
import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.server.machine import CommandFailed, as_root, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server import Site

ROWS = 200
"""Of each half of a piece of work."""

STOOD: dict[Path, set[frozenset[tuple[str, bytes]]]] = {}
"""What stood in a project's migrations/ at one time or another."""

PROVEN: set[tuple[str, str]] = set()
"""Sums and tables of the backups that were restored once; the same bytes restore again."""


# a piece of work: a migration of which one can see whether it ran, and whether all of it did


def write_work(site: Site, *numbers: int, pause_s: float = 0.0) -> None:
    """Write migrations that have a middle: a table, half of its rows, a pause, the other half."""
    for number in numbers:
        site.write_migration(
            f"{number:03}_work.sql",
            f"CREATE TABLE IF NOT EXISTS work_{number} (id int PRIMARY KEY, text text);\n"
            f"INSERT INTO work_{number} SELECT i, md5(i::text) FROM generate_series(1, {ROWS}) AS i ON CONFLICT DO NOTHING;\n"
            f"SELECT pg_sleep({pause_s});\n"
            f"INSERT INTO work_{number} SELECT i, md5(i::text) FROM generate_series({ROWS + 1}, {2 * ROWS}) AS i"
            " ON CONFLICT DO NOTHING;\n",
        )
    remember_migrations(site)


def done_in_the_database(site: Site) -> set[str]:
    """Return the pieces of work whose effect is there, and fail if the effect of any is there in part."""
    rows = rows_of(site, site.database)
    done = set()
    for file in migrations_of(site):
        count = rows.get(f"public.work_{int(file.name[:3])}")
        if count is not None:
            assert count == 2 * ROWS, f"{file.name} is there in part: {count} rows of {2 * ROWS}"
            done.add(file.name)
    return done


def done_in_the_ledger(site: Site) -> dict[str, str]:
    """Return name and sum of what the ledger calls finished, and fail on what it calls started only."""
    # one look, and no error where there is no ledger
    text = site.psql(
        "SELECT CASE WHEN to_regclass('deploy.migrations') IS NULL THEN '[]' ELSE"
        " array_to_json(xpath('//row/j/text()', query_to_xml('SELECT json_build_array(name, sha256, finished_at) AS j"
        " FROM deploy.migrations', false, false, ''))::text[])::text END"
    )
    rows = [json.loads(html.unescape(row)) for row in json.loads(text)]
    started_only = [name for name, _, finished in rows if finished is None]
    assert not started_only, f"the ledger has rows that are not finished: {started_only}"
    return {name: digest for name, digest, _ in rows}


def migrations_of(site: Site) -> list[Path]:
    return sorted((site.project / "migrations").glob("*.sql"))


# the whole


def assert_sound(site: Site) -> None:
    """Fail unless the server is where the promise says that it is, whatever has happened to it.

    Waits for what still runs there to end.
    """
    wait_until_nobody_works(site)
    assert_nothing_is_locked(site)
    assert_the_ledger_is_true(site)
    assert_every_backup_restores(site)
    assert_the_copied_migrations_are_whole(site)


def assert_the_next_deploy_finishes(site: Site) -> None:
    """Deploy again and see that everything is there."""
    site.fab("deploy", check=0)
    names = {file.name for file in migrations_of(site)}
    assert done_in_the_database(site) == names
    assert_sound(site)
    assert not leftovers(site)


def assert_the_ledger_is_true(site: Site) -> None:
    ledger = done_in_the_ledger(site)
    assert set(ledger) == done_in_the_database(site)
    for file in migrations_of(site):
        if file.name in ledger:
            assert ledger[file.name] == "v1:" + hashlib.sha256(file.read_bytes()).hexdigest()


def assert_every_backup_restores(site: Site) -> None:
    """Restore each file that has a manifest into a database of its own, and count its rows."""
    files = [path for path in site.remote_files() if path.startswith("backups/")]
    for manifest_path in (path for path in files if path.endswith(".json") and not is_partial(path)):
        path = manifest_path.removesuffix(".json")
        if path not in files:
            continue  # a manifest alone is no backup, and nothing counts it as one
        manifest = json.loads(site.read_remote(manifest_path))
        dump = site.read_remote(path)
        assert hashlib.sha256(dump).hexdigest() == manifest["sha256"]
        assert manifest["verified"] is True
        if (manifest["sha256"], str(manifest["tables"])) not in PROVEN:
            assert rows_when_restored(site, gzip.decompress(dump)) == manifest["tables"]
            PROVEN.add((manifest["sha256"], str(manifest["tables"])))
    if "backups/backup_prod_latest.sql.gz" in files:
        target = run(as_root("readlink", f"{site.remote_dir}/backups/backup_prod_latest.sql.gz")).decode().strip()
        assert {f"backups/{target}", f"backups/{target}.json"} <= {*files}


def rows_when_restored(site: Site, dump: bytes) -> dict[str, int]:
    """Restore into a scratch database, strictly, and return its rows by table."""
    scratch = f"scratch_of_{site.database}"
    site.psql(f"CREATE DATABASE {scratch} TEMPLATE template0", "postgres")
    try:
        site.postgres.restore(scratch, dump)
        return rows_of(site, scratch)
    finally:
        site.psql(f"DROP DATABASE {scratch}", "postgres")


def rows_of(site: Site, database: str) -> dict[str, int]:
    """Return the number of rows of each ordinary table, named as pg_dump names it."""
    query = """
        SELECT coalesce(json_object_agg(name, (xpath('/row/n/text()', query_to_xml(
            'SELECT count(*) AS n FROM ONLY ' || name, false, true, '')))[1]::text::int), '{}')
        FROM (SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
            WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
              AND (SELECT relkind FROM pg_class WHERE oid = format('%I.%I', schemaname, tablename)::regclass) = 'r') AS t
    """
    rows: dict[str, int] = json.loads(site.psql(query, database))
    return rows


def assert_nothing_is_locked(site: Site) -> None:
    """No lock of the tool's is held, nothing of its is connected, and the database lets people in."""
    assert site.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == "0"  # fmt: skip
    mine = f"datname = '{site.database}' AND application_name LIKE 'deploy:%'"
    assert site.psql(f"SELECT count(*) FROM pg_stat_activity WHERE {mine}", "postgres") == "0"
    assert not is_worked_on(site)


def assert_the_copied_migrations_are_whole(site: Site) -> None:
    """The folder on the server is one that stood here as a whole, now or before: never half of one."""
    remember_migrations(site)
    there = {
        path.removeprefix("migrations/"): site.read_remote(path)
        for path in site.remote_files()
        if path.startswith("migrations/")
    }
    assert not there or frozenset(there.items()) in STOOD[site.project], sorted(there)


def remember_migrations(site: Site) -> None:
    files = frozenset((file.name, file.read_bytes()) for file in migrations_of(site))
    STOOD.setdefault(site.project, set()).add(files)


# parts


def is_worked_on(site: Site) -> bool:
    """Tell whether anybody holds the lock of the server's folder; util-linux's own flock is asked."""
    lock = site.remote_dir / ".deploy" / "lock"
    return b"held" in run(as_root("sh", "-c", '[ ! -e "$0" ] || flock -n "$0" true || echo held', str(lock)))


def wait_until_nobody_works(site: Site, *, timeout_s: float = 60) -> None:
    """Wait until the job has ended, together with what it left running in the database."""
    deadline = time.monotonic() + timeout_s
    while True:
        if not is_worked_on(site) and not sessions(site):
            return
        if time.monotonic() > deadline:
            raise CommandFailed(f"somebody is still at work: lock {is_worked_on(site)}, sessions {sessions(site)}")
        time.sleep(0.1)


def sessions(site: Site) -> list[str]:
    """Return what is connected in the tool's name to any database of this site, or to none."""
    query = (
        "SELECT application_name || ' ' || coalesce(datname, '-') || ' ' || coalesce(state, '-') || ' ' || left(query, 60)"
        " FROM pg_stat_activity WHERE application_name LIKE 'deploy:%' AND datname LIKE"
        f" '{site.database}%' AND datname !~ '^{site.database}[0-9]'"
    )
    return site.psql(query, "postgres").splitlines()


def leftovers(site: Site) -> list[str]:
    """Return side databases, a fence and partial files: what `repair` is there for."""
    query = f"SELECT datname FROM pg_database WHERE datname LIKE '{site.database}\\_side\\_%' OR datname = '{site.database}' AND NOT datallowconn"
    partial = [path for path in site.remote_files() if path.startswith("backups/") and is_partial(path)]
    return [*site.psql(query, "postgres").splitlines(), *partial]


def is_partial(path: str) -> bool:
    return path.rsplit("/", 1)[-1].startswith(".")


def replaced_databases(site: Site) -> list[str]:
    query = f"SELECT datname FROM pg_database WHERE datname LIKE '{site.database}\\_replaced\\_%' ORDER BY datname"
    return site.psql(query, "postgres").splitlines()


def lets_in(site: Site, database: str) -> bool:
    return site.psql(f"SELECT datallowconn FROM pg_database WHERE datname = '{database}'", "postgres") == "t"


def backups(site: Site, kind: str = "pre_deploy") -> list[str]:
    """Return the names of the finished backups of a kind, the oldest first."""
    return [
        path.removeprefix("backups/")
        for path in site.remote_files()
        if path.startswith(f"backups/{kind}_") and path.endswith(".sql.gz")
    ]


def manifest_of(site: Site, backup: str) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(site.read_remote(f"backups/{backup}.json"))
    return manifest


def whole(site: Site, database: str | None = None) -> bytes:
    """Return all of a database as text: what is in it, and its settings, owner, grants and comment."""
    return site.postgres.dump(database or site.database, "--create")


def job_processes(site: Site) -> list[int]:
    """Return the running jobs of this site: the shells that were started apart from their connections."""
    listing = run(
        as_root("sh", "-c", 'for p in /proc/[0-9]*; do printf "%s %s\\n" "${p#/proc/}" "$(readlink "$p/cwd")"; done')
    )
    ours = [line.split(" ", 1) for line in listing.decode().splitlines()]
    inside = [int(pid) for pid, cwd in ours if cwd.startswith(f"{site.remote_dir}/.deploy/jobs/")]
    return [pid for pid in inside if _session_of(pid) == pid]


def _session_of(pid: int) -> int:
    try:
        return int(run(["ps", "-o", "sid=", "-p", str(pid)]))
    except CommandFailed:
        return -1


# time


@contextmanager
def short_waits(site: Site, **numbers: float) -> Iterator[None]:
    """Give the project a fabfile in which a long time is a short one: `compile_backups__ANSWER_WITHIN_S=2`."""
    fabfile = site.project / "fabfile.py"
    as_it_is = fabfile.read_text("utf-8")
    lines = [f"deploy.job.{name.replace('__', '.')} = {value}\n" for name, value in numbers.items()]
    fabfile.write_text(
        "import deploy.job.compile_backups\nimport deploy.job.runner\n" + "".join(lines) + as_it_is, "utf-8"
    )
    yield
    fabfile.write_text(as_it_is, "utf-8")


def wait_until(true: Callable[[], bool], *, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it doesn't become true"
        time.sleep(0.02)


def say(words: str) -> None:
    """What a failed run has to be repeated with, and what was measured; pytest shows it where the test fails, or with -rP."""
    print(words)  # noqa: T201
