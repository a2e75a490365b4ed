"""Take a backup of this machine up to a server, when `--backup` names one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.model.errors import UsageError
from deploy.model.observation import NO_JOB
from deploy.plan.backup import megabytes
from deploy.plan.transfer import Upload, is_file_here, plan_upload
from deploy.project import author
from deploy.server.observation import manifest_from
from deploy.server.transfer import sum_here, upload

if TYPE_CHECKING:
    from deploy.model.observation import Observation
    from deploy.report.console import Console
    from deploy.server.target import Server


def upload_meant(wanted: str, seen: Observation) -> Upload | None:
    """Return the file of this machine that `--backup` means, or None when it means one of the server's.

    Raises:
        UsageError: there is no such file, or it can't stand in `backups/` by its name.
        NoSpace: it doesn't fit.
    """
    path = Path(wanted).expanduser()
    if not is_file_here(wanted, seen.backups, exists=bool(wanted) and path.is_file()):
        return None
    try:
        found = path.stat()
        if not path.is_file():
            raise UsageError(f"{wanted} is no file", hint="Name a backup: a file here, or one of the server's.")
        backup = plan_upload(path.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC), seen)
        digest = sum_here(path)
        text = _manifest_beside(path)
    except OSError as error:
        raise UsageError(
            f"{wanted} can't be read here: {error.strerror}",
            hint="Name a file of this machine by its path, or one of the server's by its name alone.",
        ) from error
    manifest = manifest_from(text.decode())
    if manifest is None or manifest.sha256 != digest:
        return Upload(path, backup, digest)
    return Upload(path, replace(backup, manifest=manifest), digest, text)


def send_up(server: Server, what: Upload, seen: Observation, console: Console) -> None:
    """Put the file into the server's `backups/`, and its manifest beside it.

    Raises:
        DeployError: it isn't there.
    """
    name = what.backup.name
    console.note(f"{server.name}: uploading {name}, {megabytes(what.backup.bytes)}")
    who = author(server.settings.migrations_dir)
    holder = json.dumps(
        {
            "job": NO_JOB,
            "command": f"the upload of {name}",
            "by": who.by,
            "from": who.source,
            "since": seen.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )
    with console.progress(what.backup.bytes, "uploading") as progress:
        word = upload(
            server.shell, what.path, what.sha256, name, remote_dir=server.remote_dir, holder=holder, progress=progress
        )
    has_manifest = any(b.name == name and b.manifest for b in seen.backups)
    if what.manifest_text and not (word == "present" and has_manifest):
        _send_manifest(server, what)
    console.line(f"  ✅ {name}: {'the server has it already' if word == 'present' else 'uploaded, its sum is right'}")


def _send_manifest(server: Server, what: Upload) -> None:
    """Write it in one go; without it the backup is one that isn't known, which is no harm."""
    path = f"{server.remote_dir}/backups/{what.backup.name}.json"
    write = 'umask 077; cat >"$2" && ln "$2" "$1"; rm -f "$2"'
    partial = f"{server.remote_dir}/backups/.{what.backup.name}.json.part"
    server.shell.run(["sh", "-c", write, "manifest", path, partial], stdin=what.manifest_text)


def _manifest_beside(path: Path) -> bytes:
    """Return the file NAME.json as one line, written as the server writes it; empty if it isn't JSON."""
    try:
        found = json.loads(path.with_name(f"{path.name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return b""
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"
