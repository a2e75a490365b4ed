"""Calling `fab` as a program of its own, which the runner may want to end at any moment."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

LOOKS = 10
"""How often to look, a second apart, who a job is that has just begun."""

_OUTCOME = re.compile(r"^outcome<<(\S+)\n(.*)\n\1$", re.MULTILINE)


class Child:
    """The one program that runs at a time. GitHub sends SIGINT to the step, and SIGTERM 7.5 s later; both are handed on.

    A KeyboardInterrupt says that the step has to end; it is raised when the child has ended, or where there is none.
    """

    def __init__(self) -> None:
        self._running: subprocess.Popen[bytes] | None = None
        self._starting = False
        self._wanted: int | None = None

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Listen to the runner."""
        before = {number: signal.signal(number, self._end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self, argv: Sequence[str], environment: Mapping[str, str], *, quietly: bool = False) -> tuple[int, bytes]:
        """Run a program to its end; return its exit status, and its stdout if it is not to be seen."""
        unseen = (subprocess.PIPE, subprocess.DEVNULL) if quietly else (None, None)
        self._starting = True
        self._running = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=unseen[0],
            stderr=unseen[1],
            start_new_session=True,  # so that a signal to all of the step's processes reaches it once, through us
        )
        self._starting = False
        if self._wanted:
            self._running.send_signal(self._wanted)
        said, _ = self._running.communicate()
        status = self._running.returncode
        self._running = None
        if self._wanted:
            raise KeyboardInterrupt
        return status, said or b""

    def _end(self, number: int, _frame: FrameType | None) -> None:
        first, self._wanted = self._wanted is None, number
        if self._running:
            self._running.send_signal(number)
        elif first and not self._starting:
            raise KeyboardInterrupt


@dataclass
class Fab:
    """`fab`, with what leads it to the project and to the server.

    Attributes:
        flags: its own, before the command.
        environment: of the program; GITHUB_OUTPUT is replaced, so that of several commands one can be published.
        directory: ours alone.
        outputs: what the last command said for GITHUB_OUTPUT.
    """

    flags: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    child: Child
    outputs: str = field(default="", init=False)

    def tell(self, *words: str) -> int:
        """Run a command that speaks for itself, and return its exit status."""
        file = self.directory / "outputs"
        file.unlink(missing_ok=True)
        status, _ = self.child.run(self._argv(words), {**self.environment, "GITHUB_OUTPUT": str(file)})
        self.outputs = file.read_text("utf-8") if file.exists() else ""
        return status

    @property
    def outcome(self) -> str:
        """Of the last command; empty if it didn't come so far."""
        match = _OUTCOME.search(self.outputs)
        return match[2] if match else ""

    def lock(self) -> dict[str, Any] | None:
        """Return who is at work on the server, None for nobody; what stands against asking, the command itself will tell."""
        for _ in range(LOOKS):
            aside = {name: value for name, value in self.environment.items() if name != "GITHUB_ACTIONS"}
            status, said = self.child.run(self._argv(("status", "--json")), aside, quietly=True)
            try:
                found = json.loads(said)["lock"] if status == 0 else None
            except (ValueError, KeyError, TypeError):
                found = None
            if not isinstance(found, dict) or found.get("job"):
                return found if isinstance(found, dict) else None
            time.sleep(1)
        return None

    def _argv(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-I", "-m", "deploy.action", *self.flags, *words]
