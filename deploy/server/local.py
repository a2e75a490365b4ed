"""This machine, as a Shell."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from deploy.server.flow import CHUNK, Flow, Process, open_input, run_to_end
from deploy.server.shell import LIMIT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from deploy.server.shell import Completed, Stream

NAME = "local"
NOT_RUNNABLE = 126
NO_SUCH_PROGRAM = 127
KILLED = 128
LOOK_EVERY_S = 0.25


class LocalShell:
    """Runs programs here, without a shell and in a process group of their own: Ctrl-C is ours, not theirs.

    Args:
        environment: what they find in theirs beside what is in ours.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, **environment} if environment else None

    @property
    def name(self) -> str:
        return NAME

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        limit: int = LIMIT_BYTES,
    ) -> Completed:
        process = spawn(argv, self._environment)
        return run_to_end(process, name=NAME, stdin=stdin, timeout_s=timeout_s, limit=limit, argv=argv)

    def stream(self, argv: Sequence[str], *, stdin: bytes | Path = b"", silence_s: float = 25.0) -> Stream:
        source = open_input(stdin)
        return Flow(spawn(argv, self._environment), source, name=NAME, silence_s=silence_s, argv=argv)

    def close(self) -> None:
        """There is nothing to let go of."""


def spawn(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Process:
    """Start a program; one that can't be started answers as a remote shell would, in words and a status."""
    try:
        popen = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env=environment,
        )
    except FileNotFoundError:
        return Unstartable(NO_SUCH_PROGRAM, [f"{argv[0]}: not found\n".encode()])
    except OSError as error:
        return Unstartable(NOT_RUNNABLE, [f"{argv[0]}: {error.strerror}\n".encode()])
    return LocalProcess(popen)


class LocalProcess:
    """A program that runs here. Each pipe is closed by the thread that uses it."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        assert popen.stdin  # noqa: S101  (asked for in spawn)
        assert popen.stdout  # noqa: S101  (asked for in spawn)
        assert popen.stderr  # noqa: S101  (asked for in spawn)
        self._popen = popen
        self._stdin = popen.stdin
        self._stdout = popen.stdout
        self._stderr = popen.stderr
        self._left = threading.Event()

    def start(self) -> None:
        """It runs already."""

    def read(self) -> bytes:
        return self._read_from(self._stdout)

    def read_stderr(self) -> bytes:
        return self._read_from(self._stderr)

    def _read_from(self, pipe: IO[bytes]) -> bytes:
        """Look again and again, since a pipe that a grandchild holds open may never end."""
        while not self._left.is_set():
            if not select.select([pipe], [], [], LOOK_EVERY_S)[0]:
                continue
            if chunk := os.read(pipe.fileno(), CHUNK):
                return chunk
            break
        pipe.close()
        return b""

    def write(self, chunk: bytes) -> Iterator[None]:
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[self._stdin.write(rest) :]
                yield
        except OSError:
            self._stdin.close()
            raise

    def end_input(self) -> None:
        self._stdin.close()

    def wait(self) -> int:
        status = self._popen.wait()
        return status if status >= 0 else KILLED - status

    def hang_up(self) -> None:
        self.cut_off()
        self._stdout.close()
        # the kernel keeps what has ended until somebody asks for its status
        threading.Thread(target=self._popen.wait, daemon=True).start()

    def cut_off(self) -> None:
        self._left.set()
        if self._popen.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGTERM)


@dataclass(slots=True)
class Unstartable:
    """The Process of a program that could not be started."""

    status: int
    complaint: list[bytes] = field(default_factory=list)

    def start(self) -> None: ...

    def read(self) -> bytes:
        return b""

    def read_stderr(self) -> bytes:
        return self.complaint.pop() if self.complaint else b""

    def write(self, chunk: bytes) -> Iterator[None]:  # noqa: ARG002  (nobody reads it)
        yield from ()

    def end_input(self) -> None: ...

    def wait(self) -> int:
        return self.status

    def hang_up(self) -> None: ...

    def cut_off(self) -> None: ...
