"""What the rest of the tool knows about a machine: a name, and a way to run a program there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


LIMIT_BYTES = 8 * 2**20
"""What a program may say where nothing else is asked for: a server that never stops must not fill this machine."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that has run to its end.

    Attributes:
        status: its exit status; 128 + n when signal n killed it, 127 when there is no such program.
    """

    status: int
    stdout: bytes
    stderr: bytes


class Stream(Protocol):
    """A program that is running: iterate to get its stdout in chunks, as they arrive, until it ends.

    Iterating raises ConnectionLost when nothing arrived for too long, or the connection broke.
    Leaving the context before the end hangs up; it doesn't wait.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def __iter__(self) -> Iterator[bytes]: ...

    @property
    def status(self) -> int | None:
        """The exit status, once the iteration has ended; None before, and when it didn't end well."""

    @property
    def stderr(self) -> bytes:
        """What came on stderr so far; the newest 64 KiB are kept."""


class Shell(Protocol):
    """A machine on which programs can be run: a server over SSH, or this one.

    argv reaches the program literally, whatever is in it. Linux takes at most 128 KiB of it in all over SSH: hand anything
    long over on stdin.
    """

    @property
    def name(self) -> str:
        """How the operator named it: "prod", "user@host:2222", or "local"."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        limit: int = LIMIT_BYTES,
    ) -> Completed:
        """Run a program to its end.

        Args:
            argv: the program and its arguments.
            stdin: sent completely, then closed.
            timeout_s: how long it may be silent, in seconds: neither sends anything nor takes its input. Where it keeps talking
                it gets four minutes more, and is then given up as well.
            limit: bytes that stdout and stderr may have together.

        Raises:
            ConnectionLost: the connection broke, or nothing was heard in time; the program may go on.
            ServerTalksNonsense: there was more than `limit`, or no end to it.
        """

    def stream(self, argv: Sequence[str], *, stdin: bytes | Path = b"", silence_s: float = 25.0) -> Stream:
        """Start a program and give its output as it comes.

        Args:
            argv: the program and its arguments.
            stdin: sent completely, then closed, while output may already arrive; a Path stands for that file's content.
            silence_s: how long it may be silent, in seconds, before the connection counts as lost.
        """

    def close(self) -> None:
        """Let go of the connection; quick, and never raises."""
