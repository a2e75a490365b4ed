"""What a journey looks at: all of the server before and after, and the words in which the tool refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.server.machine import as_root, run

if TYPE_CHECKING:
    import subprocess

    from tests.server import Site


@dataclass(frozen=True, slots=True)
class Everything:
    """One site as a whole: equal only if nobody has changed anything in between."""

    files: str
    databases: str
    dump: bytes


def everything_on(site: Site) -> Everything:
    """Look at each file (kind, mode, owner, times, content), at the cluster's databases of this site, and into its own."""
    listing = (
        "find . -printf '%y %m %u %s %T@ %C@ %p -> %l\\n' | sort && find . -type f -exec sha256sum {} + | sort -k 2"
    )
    files = run(as_root("sh", "-c", f'cd "$1" && {listing}', "sh", str(site.remote_dir))).decode()
    databases = site.psql(
        "SELECT datname, datallowconn FROM pg_database WHERE starts_with(datname, current_database()) ORDER BY 1"
    )
    return Everything(files, databases, site.dump())


@dataclass(frozen=True, slots=True)
class Refusal:
    """The lines with which the tool stops: ❌ what happened, details, 👉 what to do."""

    message: str
    details: tuple[str, ...]
    hint: str


def refusal_of(done: subprocess.CompletedProcess[str]) -> Refusal:
    """Read how a command ended, which must be in these lines and in no others."""
    assert done.stderr == ""
    assert "Traceback" not in done.stdout
    lines = done.stdout.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("❌ ")]
    assert len(starts) == 1, done.stdout
    message, *details, hint = lines[starts[0] :]
    assert all(detail.startswith("   ") and "👉" not in detail for detail in details), done.stdout
    assert hint.startswith("   👉 "), done.stdout
    assert len(message) > len("❌ "), done.stdout
    assert len(hint) > len("   👉 "), done.stdout
    return Refusal(
        message.removeprefix("❌ "), tuple(d.removeprefix("   ") for d in details), hint.removeprefix("   👉 ")
    )
