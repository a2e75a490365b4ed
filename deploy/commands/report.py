"""A report to look at: what the audit, the ledger and the backups of a server say about its past, as one page."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.commands.look import entries
from deploy.model.errors import UsageError
from deploy.plan.fitness import explain_database_error
from deploy.report.page import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.commands.look import Entry
    from deploy.model.errors import DeployError
    from deploy.model.observation import Observation
    from deploy.report.console import Console
    from deploy.server.target import Server

JOBS = 10_000
"""The newest that are shown; each has two lines in the audit."""

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of one server's past; `jobs` newest first, `complete` if they are all that the audit has."""

    host: str
    seen: Observation
    jobs: tuple[Entry, ...]
    complete: bool
    error: DeployError | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Where the page is, None for stdout, and how many bytes it has."""

    path: Path | None
    bytes: int


def report(servers: Sequence[Server], output: str, console: Console) -> tuple[list[Report], Written]:
    """Write the page. A database that doesn't answer leaves a gap in it, and an error in its report.

    Raises:
        UsageError: the page can't go there.
        DeployError: a server can't be read.
    """
    target = target_of(output)
    found = [_look_back(server) for server in servers]
    written = Written(target, write_page(page(found, metadata.version("backtester-deploy")), target))
    console.report(found, written)
    return found, written


def _look_back(server: Server) -> Report:
    seen = server.observe(audit_lines=JOBS * 2)
    error = explain_database_error(seen, server.settings) if seen.database is None else None
    if error:
        error.host = server.name
    return Report(server.name, seen, tuple(entries(seen.audit)[:JOBS]), len(seen.audit) < JOBS * 2, error)


def target_of(output: str) -> Path | None:
    """Return the file that `--output` means, None for stdout.

    Raises:
        UsageError: it can't be a file: to replace a directory or a device would be a disaster.
    """
    if output == STDOUT:
        return None
    try:
        typed = Path(output).expanduser()
        if not output or (typed.exists() and not typed.is_file()):
            raise UsageError(f"--output={output} is no file", hint=f"Name a file, or {STDOUT} for stdout.")
        target = typed.resolve()
        if not target.parent.is_dir():
            raise UsageError(f"--output={output} stands in no directory", hint=f"Make {target.parent} first.")
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"--output={output} can't be a file: {error}", hint="Name another one.") from error
    return target


def write_page(text: str, target: Path | None) -> int:
    """Write the page, readable by nobody else; the file is there as a whole or not at all.

    Returns:
        How many bytes it has.

    Raises:
        UsageError: it can't be written.
    """
    content = text.encode()
    if target is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return len(content)
    try:
        # made with mode 0600
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{target} can't be written: {error.strerror}", hint="Name another file by --output."
        ) from error
    return len(content)
