"""How long it takes until something is seen: starting, listing, checking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.contestants import MIGRATION
from bench.deploys import NEW, NOTHING
from bench.measure import Record, peak_megabytes, seconds_of

if TYPE_CHECKING:
    from tests.server import ServerUnderTest


MANY = 10_000
SMALL = "CREATE TABLE IF NOT EXISTS many_{number:05} (id int);\n"


def measure(server: ServerUnderTest, record: Record, *, rounds: int, quick: bool) -> None:
    files = 100 if quick else 1000
    with server.fresh() as site:
        for number in range(1, files + 1):
            site.write_migration(f"{number:03}_bench.sql", MIGRATION.format(number=number))
        site.env["FABRIC_DEPLOY_REHEARSE"] = "never"
        record.add("memory", f"deploy of {files} files", "MB", peak_megabytes(site, "deploy"))
        for number in range(rounds):
            print(f"bench: round {number + 1} of {rounds}, starting", flush=True)
            for command in (["--version"], ["--list"]):
                took = seconds_of(lambda command=command: site.fab(*command, check=0, remote=False))  # type: ignore[misc]  # bound now
                record.add("client", f"fab {' '.join(command)}", "seconds", took)
            took = seconds_of(lambda: site.fab("check", check=0, remote=False))
            record.add("client", f"fab check, {files} files", "seconds", took)
            took = seconds_of(lambda: site.fab("status", check=0))
            record.add("client", f"fab status, {files} files applied", "seconds", took)
        record.add("memory", f"status, {files} files applied", "MB", peak_megabytes(site, "status"))
    if not quick:
        _many(server, record)


def _many(server: ServerUnderTest, record: Record) -> None:
    """Deploy more files than anybody has, once, to see whether something gives way."""
    with server.fresh() as site:
        for number in range(1, MANY + 1):
            site.write_migration(f"{number:05}_many.sql", SMALL.format(number=number))
        site.env["FABRIC_DEPLOY_REHEARSE"] = "never"
        print(f"bench: {MANY} files", flush=True)
        for state in (NEW, NOTHING):
            took = seconds_of(lambda: site.fab("deploy", check=0, timeout=1200))
            record.add("many", f"{MANY} files, {state}", "seconds", took)
        record.add("memory", f"deploy, {MANY} files applied", "MB", peak_megabytes(site, "deploy"))
