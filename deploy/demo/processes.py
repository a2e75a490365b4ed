"""What the demo starts, so that all of it can be ended again, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from deploy.demo.ground import Account, Ground

END_WITHIN_S = 5.0


class Interrupts:
    """Ctrl-C, a closed terminal and `kill`: each is a KeyboardInterrupt, once, and none while it is held off."""

    def __init__(self) -> None:
        self._held = 0
        self._waiting = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup and a shell's background leave it
                self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(self, *_exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """Ignore them from now on: this is the clean-up."""
        self._held += 1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let them wait until something that was started is written down."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if self._waiting and not self._held:
                self._interrupt()

    def _came(self, _number: int, _frame: FrameType | None) -> None:
        if self._held:
            self._waiting = True
        else:
            self._interrupt()

    def _interrupt(self) -> None:
        self.hold()
        raise KeyboardInterrupt


class Processes:
    """The programs that the demo starts itself, each in a session of its own, where no Ctrl-C reaches it but ours."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        account: Account | None = None,
        stdout: IO[bytes] | int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start a program as `account`, or as whoever we are; its stderr goes where its stdout goes."""
        with self._interrupts.held():
            process = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **(account.popen if account else {}),
            )
            self._started.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes], *signals: signal.Signals) -> None:
        """End a program and all of its group, the gentle way first."""
        for number in (*signals, signal.SIGKILL):
            if process.poll() is not None:
                break
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_WITHIN_S)
        if process.stdout:
            process.stdout.close()

    def end_all(self) -> None:
        """End what still runs, the newest first."""
        for process in reversed(self._started):
            self.end(process, signal.SIGTERM)


def end_sessions(ground: Ground, sweep: str) -> None:
    """End what was started over SSH, and the jobs that outlive their connection.

    Every one of them has the server's marker in its environment. The account of the server looks for them, since not even root may
    read another's environment in a container. They may start others while they end, so we look until there are none.

    Args:
        ground: whose server it is.
        sweep: the text of sweep.sh.
    """
    until = time.monotonic() + END_WITHIN_S
    number = signal.SIGTERM
    while time.monotonic() < until + END_WITHIN_S:
        found = subprocess.run(
            ["sh", "-c", sweep, "sweep", ground.marker, str(int(number))],
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd=ground.server,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            **ground.account.popen,
        )
        if not found.stdout.strip():
            return
        number = signal.SIGTERM if time.monotonic() < until else signal.SIGKILL
        time.sleep(0.1)
