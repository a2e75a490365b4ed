"""Somebody at a terminal: fab with a real pseudo-terminal, and what stands on its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.server.site import Site

CTRL_C = "\x03"


@dataclass
class Terminal:
    """A terminal on which fab runs. `seen` is all that was written to it, as bytes of UTF-8 that were decoded."""

    process: subprocess.Popen[bytes]
    master: int
    columns: int
    lines: int
    seen: str = ""

    @property
    def screen(self) -> Screen:
        """What stands on it now."""
        screen = Screen(self.columns, self.lines)
        screen.feed(self.seen)
        return screen

    def wait_for(self, text: str, *, timeout_s: float = 30) -> Self:
        """Wait until it was written."""
        return self.wait_until(lambda: text in self.seen, text, timeout_s=timeout_s)

    def wait_to_see(self, text: str, *, timeout_s: float = 30) -> Self:
        """Wait until it stands on the screen."""
        return self.wait_until(lambda: text in str(self.screen), text, timeout_s=timeout_s)

    def wait_until(self, condition: Callable[[], bool], what: str, *, timeout_s: float = 30) -> Self:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"{what!r} didn't come:\n{self.seen}"
            if select.select([self.master], [], [], 0.2)[0]:
                chunk = self._read()
                assert chunk, f"it ended without {what!r}:\n{self.seen}"
                self.seen += chunk
        return self

    def type(self, text: str) -> Self:
        os.write(self.master, text.encode())
        return self

    def ends_with(self, status: int, *, timeout_s: float = 30) -> str:
        """Wait for its end, and return all that was written."""
        while chunk := self._read():
            self.seen += chunk
        found = self.process.wait(timeout=timeout_s)
        assert found == status, f"it ended with {found}, not {status}:\n{self.seen}"
        return self.seen

    def _read(self) -> str:
        try:
            return os.read(self.master, 65536).decode(errors="replace")
        except OSError:  # its other side is closed
            return ""


@contextmanager
def a_terminal(
    site: Site,
    *args: str,
    columns: int = 80,
    lines: int = 24,
    env: Mapping[str, str] | None = None,
    remote: bool = True,
) -> Iterator[Terminal]:
    """Run fab with a terminal of its own as stdin, stdout and stderr, on which Ctrl-C works."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *site._argv(args, remote=remote)],  # noqa: SLF001 - only the terminal differs
        cwd=site.project,
        env={**site._environment(None), "TERM": "xterm-256color", **(env or {})},  # noqa: SLF001
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        yield Terminal(process, master, columns, lines)
    finally:
        process.kill()
        process.wait()
        os.close(master)
