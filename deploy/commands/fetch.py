"""Bring a backup here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.model.errors import DeployError, UsageError
from deploy.plan.backup import choose_backup, megabytes
from deploy.plan.transfer import name_here
from deploy.server.observation import manifest_from
from deploy.server.transfer import RemoteFile, download, in_the_way, is_here, sum_on_server

if TYPE_CHECKING:
    from deploy.report.console import Console
    from deploy.server.target import Server


@dataclass(frozen=True, slots=True)
class FetchResult:
    """How a fetch ended; `outcome` is `fetched`, `present` (it was here already) or `failed`."""

    host: str
    outcome: str
    backup: str
    path: Path
    bytes: int
    sha256: str
    error: DeployError | None = None


def fetch(server: Server, wanted: str, output: str, console: Console) -> FetchResult:
    """Bring a backup here, with its manifest beside it.

    Raises:
        DeployError: something was found wrong before anything was written.
    """
    seen = server.observe()
    backup = choose_backup(wanted, seen)
    directory = make_directory(output)
    target = directory / name_here(backup.name)
    remote = f"{server.remote_dir}/backups/{backup.name}"
    manifest = target.with_name(f"{target.name}.json")
    if backup.manifest:
        digest = backup.manifest.sha256
        _require_manifest_fits(manifest, digest)
    else:
        digest = sum_on_server(server.shell, remote, backup.bytes)
    source = RemoteFile(remote, backup.bytes, digest)
    present = is_here(target, source)
    if not present:
        console.note(f"{server.name}: fetching {backup.name}, {megabytes(backup.bytes)}")
    try:
        if not present:
            with console.progress(backup.bytes, "fetching") as progress:
                download(server.shell, source, target, progress, resume=True)
        if backup.manifest:
            _bring_manifest(server, f"{remote}.json", manifest)
    except DeployError as error:
        return FetchResult(server.name, "failed", backup.name, target, backup.bytes, digest, error)
    return FetchResult(server.name, "present" if present else "fetched", backup.name, target, backup.bytes, digest)


def make_directory(output: str) -> Path:
    """Return the directory that files go into, made if it isn't there.

    Raises:
        UsageError: it can't be one.
    """
    directory = Path(output).expanduser()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output={output} is no directory: {error.strerror}", hint="Name another one.") from error
    return directory


def _require_manifest_fits(path: Path, digest: str) -> None:
    """Refuse a manifest of another backup in the place where this one's goes."""
    if not os.path.lexists(path):
        return
    found = manifest_from(path.read_text("utf-8", "replace")) if path.is_file() else None
    if found is None or found.sha256 != digest:
        raise in_the_way(path)


def _bring_manifest(server: Server, remote: str, path: Path) -> None:
    """Write the manifest beside the backup, unless it is there."""
    text = server.shell.run(["cat", "--", remote]).stdout
    if os.path.lexists(path) or not manifest_from(text.decode(errors="replace")):
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
