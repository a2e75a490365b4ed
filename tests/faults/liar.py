"""A server that lies: it speaks SSH as it should, lets everybody in, and answers what it likes."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh

import deploy
from tests.server.site import FABFILE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    Lie = Callable[[asyncssh.SSHServerProcess[bytes]], Awaitable[None]]

HOST = "prod"

DATABASE: dict[str, Any] = {
    "name": "backtester",
    "version": 150020,
    "standby": False,
    "bytes": 30_000_000,
    "owner": "backtester",
    "user": "backtester",
    "superuser": True,
    "createdb": True,
    "owns": True,
    "encoding": "UTF8",
    "system": "7300000000000000000",
    "tables": 4,
    "prepared": 0,
    "slots": [],
    "subscriptions": 0,
    "replaced": [],
    "scratch": [],
    "extensions": [],
    "locked_by": None,
}

FACTS: dict[str, str] = {
    "time": "20261122_120000",
    "user": "deployer",
    "kernel": "Linux 6.1.0 x86_64",
    "lacks": "",
    "directory": "yes yes",
    "free_kb": "100000000",
    "database": json.dumps(DATABASE),
    "database_end": "",
    "end": "",
}


def facts(*more: str, **changes: str) -> bytes:
    """Write what an honest server answers when it is looked at; some facts may be others, and more of them may come first."""
    lines = [*more, *(f"{key} {value}".strip() for key, value in {**FACTS, **changes}.items())]
    return "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")


def saying(words: bytes, *, status: int = 0, stderr: bytes = b"") -> Lie:
    """Say this, and end."""

    async def lie(process: asyncssh.SSHServerProcess[bytes]) -> None:
        await say(process, words)
        process.stderr.write(stderr)
        process.exit(status)

    return lie


def endlessly(words: bytes, *, stderr: bool = False) -> Lie:
    """Say this again and again."""
    many = words * max(1, 65536 // len(words))

    async def lie(process: asyncssh.SSHServerProcess[bytes]) -> None:
        stream = process.stderr if stderr else process.stdout
        while True:
            stream.write(many)
            await stream.drain()

    return lie


def slowly(words: bytes, *, pause_s: float) -> Lie:
    """Say a byte, wait, and go on so, from the beginning when all was said."""

    async def lie(process: asyncssh.SSHServerProcess[bytes]) -> None:
        while True:
            for byte in words:
                await say(process, bytes([byte]))
                await asyncio.sleep(pause_s)

    return lie


async def silence(_: asyncssh.SSHServerProcess[bytes]) -> None:
    """Say nothing, and don't end."""
    await asyncio.sleep(3600)


async def hanging_up(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Close without a status."""
    process.close()


async def say(process: asyncssh.SSHServerProcess[bytes], words: bytes) -> None:
    for start in range(0, len(words), 65536):
        process.stdout.write(words[start : start + 65536])
        await process.stdout.drain()


def a_log(*lines: str, then: Lie | None = None) -> Lie:
    """Take a job up and give a log of these lines, in which MARK stands for the mark that the client chose; then end, or lie on."""

    async def lie(process: asyncssh.SSHServerProcess[bytes]) -> None:
        mark = mark_of(process)
        await say(
            process, "".join(f"{line}\n" for line in lines).replace("MARK", f"@{mark}").encode(errors="surrogateescape")
        )
        await (then or saying(b""))(process)

    return lie


def events_without_end(event: str) -> Lie:
    """Take a job up, and give the same event again and again."""

    async def lie(process: asyncssh.SSHServerProcess[bytes]) -> None:
        await endlessly(f"@{mark_of(process)} {event}\n".encode())(process)

    return lie


def mark_of(process: asyncssh.SSHServerProcess[bytes]) -> str:
    """Find the mark: it is the last word of what starts a job."""
    return shlex.split(process.command or "")[-1]


@dataclass
class Liar:
    """The server. Each execution gets the next of its lies, and the last one for ever; `asked` are the commands."""

    lies: list[Lie]
    key: Path
    port: int = 0
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[Liar]:
        """Serve in a thread until the end of the context."""
        ready, loop = threading.Event(), asyncio.new_event_loop()

        async def serve() -> None:
            server = await asyncssh.listen(
                "127.0.0.1",
                0,
                server_factory=_LettingIn,
                server_host_keys=[str(self.key)],
                process_factory=self._answer,
                encoding=None,
                compression_algs=None,
            )
            self.port = server.get_port()
            ready.set()
            await ending.wait()
            server.close()

        ending = asyncio.Event()
        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(ending.set)
            thread.join(10)
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0.05))
            loop.close()

    async def _answer(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        lie = self.lies[min(len(self.asked), len(self.lies) - 1)]
        self.asked.append(process.command or "")
        with suppress(OSError, asyncssh.Error):
            await lie(process)


class _LettingIn(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Victim:
    """How a client ended that was lied to."""

    status: int
    stdout: str
    stderr: str
    took_s: float
    peak_mb: float


PATCHES = """\
import atexit
from pathlib import Path

import deploy.job.runner
import deploy.server.flow
import deploy.server.observation
import deploy.server.remote
import deploy.server.transfer

deploy.job.runner.COME_BACK_FOR_S = 2
deploy.job.runner.LONGEST_LOG = 16 * 2**20
deploy.job.runner.MOST_LOSSES = 1
deploy.job.runner.MOST_LOSSES_IN_ALL = 2
deploy.server.flow.TALK_S = 2
deploy.server.observation.TIMEOUT_S = 2
deploy.server.transfer.STANDSTILL_S = 2
deploy.server.remote.RemoteShell.stream.__kwdefaults__["silence_s"] = 3

status = Path("/proc/self/status")
atexit.register(lambda: Path("../used").write_text(status.read_text("ascii"), "ascii"))
"""
"""What takes minutes takes seconds, and what it used is written down: who waits for a child is told of the larger of both."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the client sits: a project, an empty home, and what leads to a port."""

    folder: Path

    @classmethod
    def set_up(cls, folder: Path) -> Desk:
        for name in ("home", "project/migrations"):
            (folder / name).mkdir(parents=True)
        (folder / "project" / "fabfile.py").write_text(f"{PATCHES}\n{FABFILE}", encoding="utf-8")
        (folder / "project" / "migrations" / "001_one.sql").write_text(
            "CREATE TABLE IF NOT EXISTS one (id int);\n", "utf-8"
        )
        (folder / "used").touch()
        for key in ("host_key", "client_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
        return cls(folder)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def host_key(self) -> Path:
        return self.folder / "host_key"

    def spawn(self, port: int, *args: str) -> subprocess.Popen[str]:
        """Start `fab -H prod ARGS` against a port of this machine."""
        kind, key = self.host_key.with_suffix(".pub").read_text("ascii").split()[:2]
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n", "ascii")
        config = self.folder / "ssh_config"
        config.write_text(
            f"Host {HOST}\n HostName 127.0.0.1\n Port {port}\n User deployer\n IdentityFile {self.folder}/client_key\n"
            f" IdentitiesOnly yes\n UserKnownHostsFile {self.folder}/known_hosts\n ConnectTimeout 3\n",
            "utf-8",
        )
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("fab")), "-S", str(config), "-H", HOST, *args],
            cwd=self.project,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder / "home"),
                "LC_ALL": "C.UTF-8",
                "PYTHONPATH": str(Path(deploy.__file__).parent.parent),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def run(self, port: int, *args: str, timeout_s: float = 60) -> Victim:
        """Run it to its end, and measure what it took.

        Raises:
            AssertionError: it hangs.
        """
        began = time.monotonic()
        client = self.spawn(port, *args)
        killer = threading.Timer(timeout_s, client.kill)
        killer.start()
        assert client.stdout
        assert client.stderr
        said: dict[str, str] = {}
        readers = [
            threading.Thread(target=lambda name=name, stream=stream: said.update({name: stream.read()}))
            for name, stream in (("stdout", client.stdout), ("stderr", client.stderr))
        ]
        for reader in readers:
            reader.start()
        client.wait()
        killer.cancel()
        for reader in readers:
            reader.join()
        client.stdout.close()
        client.stderr.close()
        assert client.returncode != -signal.SIGKILL, f"it hangs:\n{said['stdout'][-2000:]}"
        return Victim(client.returncode, said["stdout"], said["stderr"], time.monotonic() - began, self._peak_mb())

    def _peak_mb(self) -> float:
        used = (self.folder / "used").read_text("ascii")
        return int(used.split("VmHWM:")[1].split()[0]) / 1024


@contextmanager
def raw(words: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on a port and say what isn't even SSH to whoever comes; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        callers: list[socket.socket] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = listener.accept()
                    callers.append(caller)
                    threading.Thread(target=answer, args=(caller,), daemon=True).start()

        def answer(caller: socket.socket) -> None:
            with suppress(OSError):
                words(caller)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for caller in callers:
            caller.close()
