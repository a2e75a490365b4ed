"""What stands on this side: the files of `migrations/`, the git commit, and who is at the keyboard."""

from __future__ import annotations

import getpass
import os
import re
import socket
import stat
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.model.errors import MigrationMisnamed, MigrationsNotFound
from deploy.model.migration import NAME, Migration, migration_from
from deploy.server.local import LocalShell

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_FILE = 512 * 2**20
"""Bytes; a dump by that name is no migration."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A regular file of the migrations directory, by its path in it (`/` between parts)."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Sources:
    """The migrations directory as it is here: the migrations in number order, and every file that goes along."""

    directory: str
    migrations: tuple[Migration, ...]
    files: tuple[SourceFile, ...]


@dataclass(frozen=True, slots=True)
class Author:
    """Who deploys, from where, and what: for the ledger, the audit and whoever finds the lock held."""

    by: str
    source: str
    commit: str | None
    version: str


def read_sources(directory: str) -> Sources:
    """Read the migrations directory.

    Raises:
        MigrationsNotFound: there is no such directory, or no migration in it.
        MigrationMisnamed: a `.sql` file's name doesn't fit, or something that isn't a regular file is named like a migration.
    """
    root = Path(directory)
    if not root.is_dir():
        raise MigrationsNotFound(
            f"there is no directory {directory}/ in {Path.cwd()}",
            hint="Run fab where fabfile.py and migrations/ stand, or set migrations_dir.",
        )
    try:
        files = tuple(_files(root, ""))
    except OSError as error:
        raise MigrationsNotFound(
            f"{error.filename} can't be read: {error.strerror}", hint="Mend the file's permissions."
        ) from error
    found = [migration_from(f.path, f.content) for f in files if NAME.fullmatch(f.path)]
    if not found:
        raise MigrationsNotFound(
            f"there is no NNN_description.sql in {directory}/", hint="Write the first one, 001_….sql."
        )
    return Sources(directory, tuple(sorted(found, key=lambda m: (m.number, m.name))), files)


def _files(directory: Path, prefix: str) -> Iterator[SourceFile]:
    for entry in sorted(directory.iterdir()):
        path = prefix + entry.name
        mode = entry.lstat().st_mode
        if entry.name.startswith("."):
            continue
        if not prefix and entry.name.lower().endswith(".sql"):
            _require_migration(entry.name, mode)
        if stat.S_ISDIR(mode):
            yield from _files(entry, path + "/")
        elif stat.S_ISREG(mode) and path.isprintable() and "\\" not in path:
            yield SourceFile(path, _content(entry))


def _content(file: Path) -> bytes:
    if file.stat().st_size > LARGEST_FILE:
        raise MigrationsNotFound(f"{file} is larger than 512 MiB", hint="Load data by other means than a migration.")
    return file.read_bytes()


def _require_migration(name: str, mode: int) -> None:
    shown = ascii(name)[1:-1]
    if not stat.S_ISREG(mode):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise MigrationMisnamed(
            f"{shown} is {what}", hint="A migration is a regular file; replace it, or give it another name."
        )
    if not NAME.fullmatch(name):
        raise MigrationMisnamed(
            f"{shown} doesn't fit NNN_description.sql",
            hint="Rename it: three digits or more, an underscore, then letters, digits, dots, - and _.",
        )


def author(directory: str) -> Author:
    """Find out who runs this: GitHub's actor in a workflow, else the user and host of this machine."""
    actor = os.environ.get("GITHUB_ACTOR")
    if actor:
        source = (
            f"GitHub Actions, {os.environ.get('GITHUB_REPOSITORY', '?')} run {os.environ.get('GITHUB_RUN_ID', '?')}"
        )
    else:
        source = socket.gethostname()
    return Author(_word(actor or _user()), _word(source), _commit(directory), metadata.version("backtester-deploy"))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def _commit(directory: str) -> str | None:
    """The commit that HEAD names; `+` behind it when the migrations differ from it."""
    shell = LocalShell()
    head = shell.run(["git", "-C", directory, "rev-parse", "HEAD"])
    commit = head.stdout.decode(errors="replace").strip()
    if head.status != 0 or not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return None
    changed = shell.run(["git", "-C", directory, "status", "--porcelain", "--", "."])
    return commit + ("+" if changed.stdout.strip() else "")


def _word(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:200] or "unknown"
