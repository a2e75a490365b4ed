"""Has the database become something else than its migrations say? They are run in a scratch database, and the schemas compared."""

from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.commands.running import begun, run_job
from deploy.job.build import Setting
from deploy.job.compile import compile_drift
from deploy.model.errors import MigrationsNotFound, MigrationUnreadable, ServerTalksNonsense
from deploy.plan.drift import Drift, explain_drift, find_drift, plan_expected, require_contained
from deploy.plan.fitness import require_workplace
from deploy.plan.rollback import require_copy
from deploy.project import author, read_sources

if TYPE_CHECKING:
    from deploy.model.errors import DeployError
    from deploy.report.console import Console
    from deploy.server.target import Server

INIT = "init-db.sql"
"""What a project's first schema is made by, where there is such a file."""

MOST_BYTES = 256 * 2**20
"""A schema that is larger isn't one."""


@dataclass(frozen=True, slots=True)
class DriftResult:
    """What was compared: `files` migrations, after `init` if that isn't None."""

    host: str
    drift: Drift
    files: int
    init: str | None
    error: DeployError | None


def drift(server: Server, init: str, console: Console) -> DriftResult:
    """Compare a server's schema with what the applied migrations make of an empty database.

    Raises:
        DeployError: something was found wrong, or the job failed.
    """
    path, script = read_init(init)
    sources = read_sources(server.settings.migrations_dir)
    seen = server.observe()
    database = require_workplace(seen, server.settings, server.remote_dir)
    require_copy(seen, database, 0)
    files, doubts = plan_expected(sources.migrations, seen.ledger)
    for doubt in doubts:
        console.line(f"⚠️  {doubt}")
    first = f"{path}, then " if path else ""
    which = "applied " if seen.ledger.exists else ""
    count = f"{len(files)} {which}migration{'s' if len(files) != 1 else ''}"
    console.note(f"{server.name}: {first}{count} in a scratch database")
    at = Setting(seen, database, server.settings, server.remote_dir, author(server.settings.migrations_dir))
    job = compile_drift(files, script, at)
    _, error = run_job(server, job, console)
    if error:
        raise error
    with begun():
        expected, actual = _schemas(server, f"{server.remote_dir}/.deploy/jobs/{job.id}/drift.tar.gz")
    found = find_drift(expected, actual, server.settings.drift_ignore)
    return DriftResult(server.name, found, len(files), path, explain_drift(found))


def read_init(typed: str, *, contained: bool = True) -> tuple[str | None, str | None]:
    """Return the path and the text of the script that comes before the migrations, if there is one.

    `contained`: it must not reach beyond the database that it is run in.

    Raises:
        MigrationsNotFound, MigrationUnreadable, MigrationInvalid: it was named and isn't there, or can't be run in a scratch database.
    """
    path = Path(typed or INIT)
    if not typed and not path.exists():
        return None, None
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise MigrationsNotFound(
            f"{path} can't be read: {error.strerror}", hint="Give --init the path of a script here."
        ) from None
    except UnicodeDecodeError:
        raise MigrationUnreadable(f"{path} isn't UTF-8", hint="Save it as UTF-8.") from None
    if contained:
        require_contained(str(path), text)
    return str(path), text


def _schemas(server: Server, path: str) -> tuple[str, str]:
    """Bring both schemas here, and remove them there."""
    done = server.shell.run(["sh", "-c", 'cat "$1" && rm -f "$1"', "schemas", path])
    try:
        with gzip.open(io.BytesIO(done.stdout)) as unpacked:
            packed = unpacked.read(MOST_BYTES)
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            texts = {member.name: tar.extractfile(member) for member in tar.getmembers() if member.isfile()}
            expected, actual = (texts[f"{name}.sql"] for name in ("expected", "actual"))
            assert expected and actual  # noqa: S101, PT018 - they are files
            return expected.read().decode(errors="replace"), actual.read().decode(errors="replace")
    except (OSError, EOFError, tarfile.TarError, KeyError) as error:
        raise ServerTalksNonsense(
            "the schemas that the server sent can't be read", hint="Run the command again."
        ) from error
