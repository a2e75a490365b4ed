"""A real SSH server on a loopback port, that runs commands as sshd does."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncssh

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping

    from deploy.demo.ground import Ground

HOST = "prod"
START_WITHIN_S = 20.0
END_WITHIN_S = 3.0
CHUNK = 64 * 2**10
NOT_POSSIBLE = 1

SSH_CONFIG = """\
Host {host}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {folder}/client_key
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
"""

# asyncssh logs what its clients do, which Python prints on stderr as long as nobody listens
logging.getLogger("asyncssh").addHandler(logging.NullHandler())


class SshServer:
    """An SSH server in a thread of its own, with keys that nobody else has."""

    def __init__(self, ground: Ground, environment: Mapping[str, str]) -> None:
        """Take the environment that its sessions get beside the account's own."""
        marker, _, value = ground.marker.partition("=")
        self._ground = ground
        self._environment = {
            "HOME": str(ground.server),
            "USER": ground.account.name,
            "LOGNAME": ground.account.name,
            "SHELL": "/bin/sh",
            marker: value,
            **environment,
        }
        self._ready: Future[int] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._sessions: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="ssh server", daemon=True)

    def start(self) -> None:
        """Start it, and write the files by which ssh finds it: ssh_config, known_hosts and client_key."""
        self._thread.start()
        self._ready.result(START_WITHIN_S)

    def stop(self) -> None:
        """Close every connection and the port."""
        if self._loop and self._end:
            with suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._end.set)
        if self._thread.is_alive():
            self._thread.join(START_WITHIN_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it, whatever it is
            if not self._ready.done():
                self._ready.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(client_key.export_public_key().decode()),
            acceptor=self._connected,
            process_factory=self._session,
            encoding=None,
            allow_pty=False,
            line_editor=False,
            agent_forwarding=False,
        )
        port = acceptor.get_port()
        self._write_files(port, host_key, client_key)
        self._ready.set_result(port)
        await self._end.wait()
        acceptor.close()
        for connection in self._connections:
            connection.abort()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=END_WITHIN_S)

    def _write_files(self, port: int, host_key: asyncssh.SSHKey, client_key: asyncssh.SSHKey) -> None:
        root = self._ground.root
        kind, blob = host_key.export_public_key().decode().split()[:2]
        (root / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {blob}\n", encoding="ascii")
        private = root / "client_key"
        private.touch(mode=0o600)
        private.write_bytes(client_key.export_private_key())
        config = SSH_CONFIG.format(host=HOST, port=port, user=self._ground.account.name, folder=root)
        self._ground.ssh_config.write_text(config, encoding="utf-8")

    def _connected(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.add(connection)

    async def _session(self, session: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run one command with `sh -c`; a client that goes away in the middle is a SIGHUP to it."""
        task = asyncio.current_task()
        assert task  # noqa: S101 - asyncssh runs a coroutine as a task
        self._sessions.add(task)
        try:
            if session.command is None:
                session.stderr.write(b"there is no terminal on this server: give a command\n")
                session.exit(NOT_POSSIBLE)
            else:
                await self._execute(session, session.command)
        finally:
            self._sessions.discard(task)

    async def _execute(self, session: asyncssh.SSHServerProcess[bytes], command: str) -> None:
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            command.encode(errors="surrogateescape"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            cwd=self._ground.server,
            start_new_session=True,
            **self._ground.account.popen,
        )
        assert child.stdin  # noqa: S101 - asked for just above
        gone = asyncio.create_task(session.channel.wait_closed())
        feeding = asyncio.create_task(_feed(session.stdin, child.stdin))
        ended = asyncio.create_task(_listen(session, child))
        await asyncio.wait({gone, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGHUP)
        await ended
        gone.cancel()
        feeding.cancel()
        _exit_as(session, child)


async def _feed(source: asyncssh.SSHReader[bytes], sink: asyncio.StreamWriter) -> None:
    """Hand on what the client sends until it has nothing more, or the program wants no more of it."""
    with suppress(asyncssh.Error, OSError):
        while chunk := await source.read(CHUNK):
            sink.write(chunk)
            await sink.drain()
    sink.close()


async def _listen(session: asyncssh.SSHServerProcess[bytes], child: Process) -> None:
    """Hand on what a program says until nobody can say more, and wait for its end."""
    assert child.stdout  # noqa: S101 - asked for where it was started
    assert child.stderr  # noqa: S101 - asked for where it was started
    await asyncio.gather(_pass_on(child.stdout, session.stdout), _pass_on(child.stderr, session.stderr))
    await child.wait()


async def _pass_on(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    """Hand on what a program says until it closes its end; a client that is gone misses it, and the program isn't held up."""
    while chunk := await source.read(CHUNK):
        with suppress(asyncssh.Error, OSError):
            sink.write(chunk)
            await sink.drain()


def _exit_as(session: asyncssh.SSHServerProcess[bytes], child: Process) -> None:
    status = child.returncode or 0
    with suppress(asyncssh.Error, OSError):
        if status < 0:
            session.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
        else:
            session.exit(status)
