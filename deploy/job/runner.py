"""Start a job on a server and follow its log, across lost connections."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from deploy.job.build import TAR_FORMAT, add_file
from deploy.job.scripts import assignments, script
from deploy.model.errors import ConnectionLost, DeployError, LoginRefused, OutcomeUnknown, ServerTalksNonsense
from deploy.model.event import ConnectionDropped, ConnectionRestored, Event, ServerSaid, event_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.model.job import Job
    from deploy.server.shell import Shell, Stream

NOT_STARTED = 3
NO_SUCH_JOB = 4

MOST_STALLS = 5
"""How often following may end without a word, one second later each time, before the outcome counts as unknown."""

MOST_LOSSES = 10
"""How often a connection may be lost on which nothing at all was heard of the job, before the outcome counts as unknown."""

MOST_LOSSES_IN_ALL = 200
"""A connection that is lost this often is no use to anybody, whatever was heard in between."""

COME_BACK_FOR_S = 60.0
"""How long a lost connection is tried again before the outcome counts as unknown."""

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError)
"""What reading JSON of a form that was not agreed on may raise: 1e999 is an int to nobody, a date may lie beyond time."""

LONGEST_LINE = 4 * 2**20
"""Bytes; a server that sends more without a line end isn't running our script."""

LONGEST_SAID = 4096
"""Characters that are kept of what a program said in a line."""

LONGEST_LOG = 256 * 2**20
"""Bytes; a job that has said more is let go on, but not followed."""

MOST_EVENTS = 100_000
"""Of one job: two a file, and a few more."""

MOST_PARTS = 150_000
"""Lists, objects, their entries and lines in what a server says at once: a byte of it may become a hundred here."""

LARGEST_NUMBER = 2**63
"""What PostgreSQL and sh count with."""


class Reopenable(Protocol):
    """A connection that can be made anew; only then is a lost one come back to."""

    def reopen(self) -> None: ...


def start(shell: Shell, job: Job, remote_dir: str) -> Iterator[Event]:
    """Send a job up, start it and give its events until it ends; a job that can't start gives one event that says why.

    Raises:
        ConnectionLost: the connection broke and nothing has been started.
        LoginRefused: the server runs no program, and nothing has been started.
        OutcomeUnknown: the connection broke for good while the job was running.
    """
    base = f"{remote_dir}/.deploy"
    sums = sha256(job.files["SHA256SUMS"]).hexdigest()
    argv = ["sh", "-c", script("start.sh") + script("follow.sh"), "start", base, job.id, sums, job.mark]
    return _follow(shell, argv, pack(job), LogReader(job.mark), f"{base}/jobs/{job.id}")


def follow(shell: Shell, job_id: str, mark: str, remote_dir: str) -> Iterator[Event]:
    """Give the events of a job from its beginning until it ends."""
    directory = f"{remote_dir}/.deploy/jobs/{job_id}"
    return _follow(shell, _follow_argv(directory, 0), b"", LogReader(mark), directory)


def pack(job: Job) -> bytes:
    """Pack a job as a gzipped tar."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=TAR_FORMAT, encoding="utf-8") as tar,
    ):
        for path, content in job.files.items():
            add_file(tar, path, content, mode=0o600)
    return packed.getvalue()


def _follow_argv(directory: str, offset: int) -> Sequence[str]:
    return ["sh", "-c", assignments({"job": directory, "offset": offset}) + script("follow.sh")]


def _follow(shell: Shell, argv: Sequence[str], stdin: bytes, log: LogReader, directory: str) -> Iterator[Event]:
    stalls = 0
    losses = 0
    losses_in_all = 0
    while True:
        before = log.offset
        stream = None
        try:
            with shell.stream(argv, stdin=stdin) as stream:
                for chunk in stream:
                    yield from log.feed(chunk)
        except (ConnectionLost, LoginRefused) as lost:
            if isinstance(lost, LoginRefused) and log.offset == 0 and losses_in_all == 0:
                raise  # nothing was started
            heard = log.offset > before or (stream is not None and stream.stderr)
            losses = 0 if heard else losses + 1
            losses_in_all += 1
            if losses > MOST_LOSSES or losses_in_all > MOST_LOSSES_IN_ALL:
                raise unknown(f"{lost.message}, {losses_in_all} times", shell) from lost
            yield ConnectionDropped(COME_BACK_FOR_S)
            come_back(shell, lost, started=log.offset > 0)
            yield ConnectionRestored()
            argv, stdin = _follow_argv(directory, log.offset), b""
            continue
        except ServerTalksNonsense as nonsense:
            raise unknown(nonsense.message, shell) from nonsense
        if stream.status in (0, NOT_STARTED):
            yield from log.rest()
            return
        if log.offset == 0:
            raise not_started(stream)
        stalls = 0 if log.offset > before else stalls + 1
        if stalls > MOST_STALLS:
            raise unknown(f"the job's log can't be read any more (status {stream.status})", shell)
        time.sleep(stalls)
        argv, stdin = _follow_argv(directory, log.offset), b""


def not_started(stream: Stream) -> DeployError:
    """Return why an execution ended without a word of the job."""
    if stream.status == NO_SUCH_JOB:
        return ConnectionLost(
            "the connection broke before the job was started: nothing was changed", hint="Run the command again."
        )
    said = stream.stderr.decode(errors="replace").strip().splitlines()
    return ServerTalksNonsense(
        f"the job could not be started: {printable(said[-1]) if said else f'status {stream.status}'}",
        hint="`fab -H … doctor` looks at what the server lacks.",
    )


def unknown(why: str, shell: Shell) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{why}: how the job ends isn't known", hint=f"See where the database stands: fab -H {shell.name} status"
    )


def come_back(shell: Shell, lost: ConnectionLost | LoginRefused, *, started: bool) -> None:
    """Connect again, for a while; what the job does meanwhile is its own affair."""
    reopen = getattr(shell, "reopen", None)
    until = time.monotonic() + COME_BACK_FOR_S
    pause = 1.0
    while reopen and time.monotonic() < until:
        time.sleep(pause)
        pause = min(pause * 2, 8.0)
        try:
            reopen()
        except DeployError:
            continue
        return
    raise OutcomeUnknown(
        f"{lost.message}, and it didn't come back: {'how the job ended' if started else 'whether the job was started'} isn't known",
        hint=f"See how it ended, once the server can be reached: fab -H {shell.name} follow",
    ) from lost


class LogReader:
    """Makes events of a log that arrives in pieces. `offset` counts the bytes that were read."""

    def __init__(self, mark: str) -> None:
        self.offset = 0
        self._events = 0
        self._mark = f"@{mark} ".encode()
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take the next piece and give the events that are complete.

        Raises:
            ServerTalksNonsense: there is no end to a line, or to all of it.
        """
        self.offset += len(chunk)
        if self.offset > LONGEST_LOG:
            raise endless(f"the job's log has more than {LONGEST_LOG // 2**20} MiB")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise endless("the server sends a line without an end")
        for line in lines:
            yield from self._line(line)

    def rest(self) -> Iterator[Event]:
        """Give what came without a line end."""
        if self._rest:
            yield from self._line(self._rest)
        self._rest = b""

    def _line(self, line: bytes) -> Iterator[Event]:
        """A program's words without a line end may stand before a mark."""
        said, mark, event = line.partition(self._mark)
        if said or not mark:
            yield said_by(said)
        if mark:
            self._events += 1
            if self._events > MOST_EVENTS:
                raise endless(f"the job's log has more than {MOST_EVENTS} events")
            try:
                yield event_from(json_from(event.decode(errors="replace")))
            except UNREADABLE:
                yield said_by(event)


def said_by(line: bytes) -> ServerSaid:
    return ServerSaid(printable(line[: 4 * LONGEST_SAID].decode(errors="replace")[:LONGEST_SAID]))


def endless(what: str) -> ServerTalksNonsense:
    return ServerTalksNonsense(what, hint="`fab -H … doctor` looks at what answers there.")


def json_from(text: str) -> Any:  # noqa: ANN401 - JSON
    """Read what a server wrote as JSON, cleaned.

    Raises:
        ValueError, RecursionError: it isn't any, or more or larger than it may be.
    """
    if parts(text) > MOST_PARTS:
        raise ValueError("it has too many parts")
    return cleaned(json.loads(text))


def parts(text: str) -> int:
    """Count what of a text may become an object of its own."""
    return sum(text.count(character) for character in "[{,\n")


def cleaned(found: Any) -> Any:  # noqa: ANN401 - JSON
    """Make every text of a JSON value printable, and believe no number that nothing here can count with.

    Raises:
        ValueError: there is such a number.
    """
    if isinstance(found, str):
        return printable(found)
    if isinstance(found, int | float) and not abs(found) < LARGEST_NUMBER:  # NaN is not less than anything
        raise ValueError("a number beyond all measure")
    if isinstance(found, list):
        return [cleaned(item) for item in found]
    if isinstance(found, dict):
        return {printable(key): cleaned(value) for key, value in found.items()}
    return found


def printable(text: str) -> str:
    """No escape sequence from a server reaches the terminal; a tab is a space."""
    if text.isprintable():  # nearly every text is, and a long audit has many
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else "�" for c in text.rstrip("\r"))
