"""Files on their way between here and a server: in chunks, verified by sha256, never over what is there already."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from dataclasses import dataclass
from hashlib import file_digest, sha256
from typing import TYPE_CHECKING

from deploy.job.scripts import script
from deploy.model.errors import (
    ConnectionLost,
    DeployError,
    DirectoryUnusable,
    LockHeld,
    NoSpace,
    ServerTalksNonsense,
    UploadDamaged,
    UsageError,
)
from deploy.plan.transfer import other_content
from deploy.server.flow import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from deploy.server.shell import Shell

SLOWEST_DISK = 20 * 2**20
"""Bytes a second that a server's disk reads at least; sha256sum says nothing before it has read all of a file."""

STANDSTILL_S = 120.0
"""How long a server may take a file without getting on with it; what it needs to read the whole of it comes on top."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on a server. `path` is absolute."""

    path: str
    bytes: int
    sha256: str


def sum_on_server(shell: Shell, path: str, size: int) -> str:
    """Return a file's sha256 as the server reads it.

    Raises:
        ServerTalksNonsense: it can't be read.
    """
    done = shell.run(["sha256sum", "--", path], timeout_s=60 + size / SLOWEST_DISK)
    # a name with a backslash or a line end makes sha256sum put a backslash in front
    found = done.stdout.decode(errors="replace").removeprefix("\\")[:64]
    if done.status != 0 or set(found) - set("0123456789abcdef"):
        raise _unreadable_there(path, done.stderr)
    return found


def download(shell: Shell, source: RemoteFile, target: Path, progress: Callable[[int], None], *, resume: bool) -> bool:
    """Bring a file here; what an earlier try has left beside it as `.NAME.part` is gone on with.

    Args:
        shell: the open connection.
        source: the file there.
        target: where it goes; its directory is there.
        progress: told how many bytes are here.
        resume: go on from a partial file; otherwise begin anew.

    Returns:
        False when the same file was here already.

    Raises:
        ConnectionLost: the partial file stays.
        UploadDamaged: what arrived isn't what the server has; the partial file is gone.
        UsageError: another file is in the way, or the directory can't be written.
        NoSpace: this machine's disk is full; the partial file stays.
    """
    if is_here(target, source):
        return False
    part = target.with_name(f".{target.name}.part")
    try:
        with _open_part(part) as file:
            if not resume or file.seek(0, os.SEEK_END) > source.bytes:
                file.truncate(0)
            found = _fill(shell, source, file, progress)
            if found != source.sha256:
                part.unlink()
                raise UploadDamaged(
                    f"what is here of {target.name} isn't what the server has; it was removed",
                    hint="Run the command again: it begins anew. If it fails again, the file on the server is damaged.",
                )
            file.flush()
            os.fsync(file.fileno())
            _publish(part, target)
    except OSError as error:
        raise _trouble_here(error, target) from error
    return True


def is_here(target: Path, source: RemoteFile) -> bool:
    """Tell whether the same file is here already.

    Raises:
        UsageError: another one is.
    """
    if not os.path.lexists(target):
        return False
    if target.is_file() and target.stat().st_size == source.bytes and sum_here(target) == source.sha256:
        return True
    raise in_the_way(target)


def in_the_way(target: Path) -> UsageError:
    """Return the refusal to write over a file."""
    return UsageError(
        f"{target} is here already, with other content",
        hint="Rename it, or name another directory with --output.",
    )


def sum_here(path: Path) -> str:
    """Return the sha256 of a file of this machine."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def upload(  # noqa: PLR0913 - a file, and who brings it where
    shell: Shell, source: Path, digest: str, name: str, *, remote_dir: str, holder: str, progress: Callable[[int], None]
) -> str:
    """Put a file into `backups/`, under the lock.

    Returns:
        `stored`, or `present` when the same file was there already.

    Raises:
        LockHeld, UsageError, NoSpace, UploadDamaged, DirectoryUnusable, ConnectionLost: it isn't there.
    """
    argv = ["sh", "-c", script("receive.sh"), "receive", remote_dir, name, digest, holder]
    said = b""
    there = 0
    deadline = _deadline(source)
    try:
        with shell.stream(argv, stdin=source) as stream:
            for chunk in stream:
                said = (said + chunk)[-100:]
                sizes = [int(word) for word in said.split(b"\n")[:-1] if word.isdigit()]
                if sizes and sizes[-1] > there:
                    there, deadline = sizes[-1], _deadline(source)
                    progress(there)
                _require_progress(deadline)
    except ConnectionLost as lost:
        raise ConnectionLost(
            f"{lost.message} before {name} was there; nothing was changed", hint="Run the command again."
        ) from lost
    word = (said.split() or [b""])[-1].decode(errors="replace")
    if word in {"stored", "present"}:
        return word
    raise _refusal(word, name, stream.stderr)


def _deadline(source: Path) -> float:
    """Say until when a server has to have got on with a file."""
    return time.monotonic() + STANDSTILL_S + source.stat().st_size / SLOWEST_DISK


def _require_progress(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise ConnectionLost("the server doesn't get on with the file", hint="Look at its disk.")


def _refusal(word: str, name: str, stderr: bytes) -> DeployError:
    refusals = {
        "other": other_content(name),
        "held": LockHeld(
            "another job is at work: nothing was uploaded",
            hint="Watch it with `fab -H … follow`, or stop it with `fab -H … cancel`.",
        ),
        "no_space": NoSpace(
            f"the server's disk is full; {name} was removed there", hint="Free space, and run it again."
        ),
        "directory": DirectoryUnusable(
            "backups/ can't be made on the server", hint="`fab -H … doctor` looks at what stands in the way."
        ),
        "damaged": UploadDamaged(
            f"what arrived of {name} isn't what was sent; it was removed there", hint="Run the command again."
        ),
    }
    said = stderr.decode(errors="replace").strip().splitlines()
    nonsense = ServerTalksNonsense(
        f"the server didn't take {name}: {said[-1]!a}" if said else f"the server didn't take {name}",
        hint="`fab -H … doctor` looks at what it lacks.",
    )
    return refusals.get(word, nonsense)


def _open_part(part: Path) -> BinaryIO:
    """Open a partial file, which only its owner may read, and which nobody else is writing to.

    Raises:
        UsageError: another fetch is at work on it.
    """
    file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UsageError(f"another fetch is writing {part}", hint="Wait for it.") from None
    os.fchmod(file.fileno(), 0o600)
    return file


def _fill(shell: Shell, source: RemoteFile, file: BinaryIO, progress: Callable[[int], None]) -> str:
    """Write what is missing, and return the sha256 of the whole."""
    digest = sha256()
    file.seek(0)
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    done = file.tell()
    progress(done)
    try:
        for chunk in _rest_of(shell, source, done):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            progress(done)
    except ConnectionLost as lost:
        raise ConnectionLost(
            f"{lost.message} after {done} of {source.bytes} bytes",
            hint="Run the command again: it goes on from there.",
        ) from lost
    return digest.hexdigest()


def _rest_of(shell: Shell, source: RemoteFile, offset: int) -> Iterator[bytes]:
    """Give the file from an offset on; a server that sends more than there is gets no further."""
    missing = source.bytes - offset
    with shell.stream(["tail", "-c", f"+{offset + 1}", "--", source.path]) as stream:
        for chunk in stream:
            yield chunk
            missing -= len(chunk)
            if missing < 0:
                return
    if stream.status != 0:
        raise _unreadable_there(source.path, stream.stderr)


def _publish(part: Path, target: Path) -> None:
    """Give a file its name, unless somebody else has it; not every file system has hard links."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise in_the_way(target) from None
    except OSError:
        if os.path.lexists(target):
            raise in_the_way(target) from None
        part.rename(target)
    else:
        part.unlink()


def _unreadable_there(path: str, stderr: bytes) -> ServerTalksNonsense:
    said = stderr.decode(errors="replace").strip().splitlines()
    return ServerTalksNonsense(
        f"{path!a} can't be read on the server" + (f": {said[-1]!a}" if said else ""),
        hint="Look at it there; `fab -H … backups` lists what there is.",
    )


def _trouble_here(error: OSError, target: Path) -> DeployError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoSpace(
            f"the disk of this machine is full: {target.parent}",
            hint="Free space here and run it again: it goes on from there.",
        )
    return UsageError(f"{target} can't be written here: {error.strerror}", hint="Name another directory with --output.")
