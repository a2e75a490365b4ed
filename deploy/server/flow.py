"""Moving bytes into and out of a running program, the same way whether it runs here or over SSH.

Three sides move at once: stdout in the caller's thread, stdin and stderr in one each. A fourth watches: when nothing has moved for
too long it cuts the program off, which wakes whatever waits for it.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

from deploy.model.errors import ConnectionLost, DeployError, ServerTalksNonsense, UploadDamaged
from deploy.server.shell import Completed
from deploy.server.trace import log, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHUNK = 256 * 2**10
STDERR_KEPT = 64 * 2**10

MOST_STDERR = 4 * 2**20
"""Bytes, where a program is listened to until it ends; a job's follower says a dot now and then."""

TALK_S = 240.0
"""How long a program whose answer is waited for may go on beyond its silence: one byte a second is no answer."""


class Process(Protocol):
    """A program to run, reduced to what a flow needs. Each call may wait for long; `cut_off` ends the wait.

    OSError from any of them says that the connection broke, except from `write`: there it says that no more input is wanted.
    """

    def start(self) -> None: ...

    def read(self) -> bytes:
        """Return what stdout has, as soon as it has something; b"" at its end."""

    def read_stderr(self) -> bytes:
        """Return what stderr has, as soon as it has something; b"" at its end."""

    def write(self, chunk: bytes) -> Iterator[None]:
        """Send all of the chunk to stdin, with a yield after each part of it."""

    def end_input(self) -> None: ...

    def wait(self) -> int:
        """Return the exit status, 128 + n for signal n."""

    def hang_up(self) -> None:
        """Let go of a program that may still run; never waits, never raises."""

    def cut_off(self) -> None:
        """Break the connection itself; never raises."""


class Flow:
    """A Stream over a process, which it starts."""

    def __init__(  # noqa: PLR0913 - what runs where, and how long it may be silent
        self,
        process: Process,
        source: BinaryIO,
        *,
        name: str,
        silence_s: float,
        stderr_kept: int = STDERR_KEPT,
        argv: Sequence[str] = (),
        most_stderr: int = MOST_STDERR,
        most_s: float = math.inf,
    ) -> None:
        self._argv = argv
        self._began = time.monotonic()
        self._received = 0
        self._process = process
        self._name = name
        self._silence_s = silence_s
        self._stderr_kept = stderr_kept
        self._most_stderr = most_stderr
        self._heard_of_stderr = 0
        self._most_s = most_s
        self._over_by = math.inf
        self._stderr = bytearray()
        self._status: int | None = None
        self._ended = threading.Event()
        self._listening = False
        self._heard_at = 0.0
        self._cut_off = False
        self._unreadable: UploadDamaged | None = None
        self._stderr_reader = threading.Thread(target=self._collect_stderr, daemon=True)
        self._start(source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()
        self._process.hang_up()

    @property
    def status(self) -> int | None:
        return self._status

    @property
    def stderr(self) -> bytes:
        return bytes(self._stderr)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._next_chunk():
            self._received += len(chunk)
            yield chunk
        with self._lively():
            self._stderr_reader.join()
            status = self._process.wait()
        self._status = status
        self._ended.set()
        took_s = time.monotonic() - self._began
        sizes = (self._received, len(self._stderr))
        log.debug(
            "%s: status %s after %.3f s, %s bytes on stdout, %s on stderr: %s",
            self._name,
            status,
            took_s,
            *sizes,
            words(self._argv),
        )

    def _start(self, source: BinaryIO) -> None:
        log.debug("%s: runs %s", self._name, words(self._argv))
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            with self._lively():
                self._process.start()
        except BaseException:
            source.close()
            self._ended.set()
            raise
        self._stderr_reader.start()
        threading.Thread(target=self._feed, args=(source,), daemon=True).start()

    def _next_chunk(self) -> bytes:
        with self._lively():
            return self._process.read()

    @contextmanager
    def _lively(self) -> Iterator[None]:
        """Wait for the process, but not for longer than it may be silent."""
        self._hear()
        self._listening = True
        try:
            yield
        except OSError as error:
            self._ended.set()
            raise self._loss() from error
        finally:
            self._listening = False
            self._hear()
        if self._cut_off or self._unreadable:
            raise self._loss()

    def _loss(self) -> DeployError:
        if self._unreadable:
            return self._unreadable
        if self._heard_of_stderr > self._most_stderr:
            return too_much(self._name, self._most_stderr)
        if time.monotonic() >= self._over_by:
            return no_end(self._name, self._most_s)
        return nothing_heard(self._name, self._silence_s) if self._cut_off else connection_broke(self._name)

    def _watch(self) -> None:
        self._over_by = time.monotonic() + self._most_s
        while not self._ended.wait(min(0.25, self._silence_s / 4)):
            now = time.monotonic()
            if now >= self._over_by or (self._listening and now - self._heard_at > self._silence_s):
                self._cut_off = True
                self._process.cut_off()
                return

    def _collect_stderr(self) -> None:
        try:
            while chunk := self._process.read_stderr():
                self._hear()
                self._stderr += chunk
                del self._stderr[: -self._stderr_kept]
                self._heard_of_stderr += len(chunk)
                if self._heard_of_stderr > self._most_stderr:
                    self._cut_off = True
                    # what is cut off ends, and lets go of its pipe
                    self._process.cut_off()
        except OSError:
            return  # the reader of stdout tells the story

    def _feed(self, source: BinaryIO) -> None:
        with source:
            try:
                for chunk in self._chunks_of(source):
                    for _ in self._process.write(chunk):
                        self._hear()
                # an end of file after half of the input would look like all of it
                if not self._unreadable:
                    self._process.end_input()
            except OSError:
                return  # a program may end without reading its input; if it was the connection, the reader sees it

    def _chunks_of(self, source: BinaryIO) -> Iterator[bytes]:
        try:
            while chunk := source.read(CHUNK):
                yield chunk
        except OSError as error:
            self._unreadable = unreadable(error)
            self._process.cut_off()

    def _hear(self) -> None:
        self._heard_at = time.monotonic()


def run_to_end(  # noqa: PLR0913 - as Shell.run
    process: Process, *, name: str, stdin: bytes, timeout_s: float, limit: int, argv: Sequence[str] = ()
) -> Completed:
    """Collect everything that a program prints; see Shell.run."""
    stdout = bytearray()
    with Flow(
        process,
        BytesIO(stdin),
        name=name,
        silence_s=timeout_s,
        stderr_kept=limit + 1,
        argv=argv,
        most_stderr=limit,
        most_s=timeout_s + TALK_S,
    ) as flow:
        for chunk in flow:
            stdout += chunk
            if len(stdout) > limit:
                break
        if len(stdout) + len(flow.stderr) > limit:
            raise too_much(name, limit)
        assert flow.status is not None  # noqa: S101  (the iteration ended)
        return Completed(flow.status, bytes(stdout), flow.stderr)


def open_input(stdin: bytes | Path) -> BinaryIO:
    if not isinstance(stdin, Path):
        return BytesIO(stdin)
    try:
        return stdin.open("rb")
    except OSError as error:
        raise unreadable(error) from error


def unreadable(error: OSError) -> UploadDamaged:
    return UploadDamaged(
        f"what should be sent can't be read: {error.filename or ''} {error.strerror}",
        hint="Look at the disk of this machine, and run the command again.",
    )


def nothing_heard(name: str, silence_s: float) -> ConnectionLost:
    return ConnectionLost(
        f"nothing was heard from {name} for {silence_s:g} s",
        hint=f"Check the network; `fab -H {name} follow` shows what goes on there.",
    )


def connection_broke(name: str) -> ConnectionLost:
    return ConnectionLost(
        f"the connection to {name} broke",
        hint=f"Check the network; `fab -H {name} follow` shows what goes on there.",
    )


def no_end(name: str, most_s: float) -> ServerTalksNonsense:
    return ServerTalksNonsense(
        f"{name} went on answering for {most_s:g} s without an end",
        hint="Look at what the login shell of that user prints, and run the command again.",
    )


def too_much(name: str, limit: int) -> ServerTalksNonsense:
    return ServerTalksNonsense(
        f"{name} answered with more than {limit} bytes",
        hint="Look at what the login shell of that user prints, and run the command again.",
    )
