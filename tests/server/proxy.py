"""A network in front of sshd that can be measured, slow, silent, cut or gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.server.machine import as_root, run

if TYPE_CHECKING:
    from collections.abc import Coroutine

_CHUNK = 65536
# How much may be on its way in one direction: 16 MiB.
_CHUNKS_UNDERWAY = 256
# SO_LINGER of 0 s: closing sends a reset instead of an orderly end.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Traffic:
    """What has come to the proxy so far, over all connections.

    Attributes:
        sent: bytes from the client.
        received: bytes from the server.
        turns: how often the direction changed. Two turns are one round trip, at most: what streams both ways at the
            same time, such as an upload and its acknowledgements, turns often without anybody waiting.
        connections: how many were opened.
    """

    sent: int = 0
    received: int = 0
    turns: int = 0
    connections: int = 0


class _Link:
    """One connection: two pipes, each of which delays what it forwards without slowing it down."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writers = (client, server)
        self._last_from_client: bool | None = None

    async def forward(self, client: asyncio.StreamReader, server: asyncio.StreamReader) -> None:
        to_client, to_server = self._writers
        with contextlib.suppress(OSError):
            await _both(
                self._pipe(client, to_server, from_client=True), self._pipe(server, to_client, from_client=False)
            )

    async def _pipe(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, from_client: bool) -> None:
        underway: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS_UNDERWAY)
        await _both(self._take(source, underway, from_client=from_client), self._give(underway, target))

    async def _take(
        self, source: asyncio.StreamReader, underway: asyncio.Queue[tuple[float, bytes]], *, from_client: bool
    ) -> None:
        clock = asyncio.get_running_loop().time
        while data := await source.read(_CHUNK):
            self._count(len(data), from_client=from_client)
            await underway.put((clock() + self._proxy.delay_s, data))
        await underway.put((clock() + self._proxy.delay_s, b""))

    async def _give(self, underway: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, data = await underway.get()
            await asyncio.sleep(max(0, due - clock()))
            await self._proxy.flowing.wait()
            if not data:
                target.write_eof()
                return
            target.write(data)
            await target.drain()

    def _count(self, size: int, *, from_client: bool) -> None:
        traffic = self._proxy.traffic
        if from_client:
            traffic.sent += size
        else:
            traffic.received += size
        if self._last_from_client is not None and self._last_from_client != from_client:
            traffic.turns += 1
        self._last_from_client = from_client

    def reset(self) -> None:
        for writer in self._writers:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _both(one: Coroutine[None, None, None], other: Coroutine[None, None, None]) -> None:
    """Wait for both; the first failure ends the other and is raised as it is, not in a group."""
    tasks = [asyncio.create_task(one), asyncio.create_task(other)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Proxy:
    """A TCP proxy on a loopback port of its own. Use it by `with`; all its methods may be called from any thread.

    Attributes:
        port: where clients connect.
        delay_s: added in each direction, so that a round trip takes twice as long. May be changed at any time.
        traffic: counted from the start.
    """

    def __init__(self, target: int, *, delay_s: float = 0, session: str = "deploy-test-0") -> None:
        self.delay_s = delay_s
        self.traffic = Traffic()
        self.port = 0
        self.flowing = asyncio.Event()
        self._target = target
        self._session = session
        self._links: set[_Link] = set()
        self._dropping = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="proxy", daemon=True)

    def cut(self) -> None:
        """Reset all connections on both sides, and refuse new ones until `heal`: a network that says no."""
        self._call(self._cut())

    def blackhole(self) -> None:
        """Forward nothing until `heal`, though both sides' packets are still acknowledged: a stalled middle box."""
        self._call(self._stall())

    def vanish(self) -> None:
        """Drop all packets between client and proxy until `heal`: a pulled cable, which TCP itself may notice."""
        if not self._dropping:
            self._dropping = True
            self._firewall("-I")

    def heal(self) -> None:
        """Undo any of the three. What was under way goes on, except over connections that were reset or given up."""
        if self._dropping:
            self._firewall("-D")
            self._dropping = False
        self._call(self._heal())

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(timeout=10):
            raise TimeoutError("the proxy does not start")
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._dropping:
            self._firewall("-D")
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(timeout=10)

    def _call(self, action: Coroutine[None, None, None]) -> None:
        """Do it in the proxy's thread, and wait until it is done."""
        asyncio.run_coroutine_threadsafe(action, self._loop).result(timeout=10)

    def _firewall(self, change: str) -> None:
        for side in ("--dport", "--sport"):
            match = ["-i", "lo", "-p", "tcp", side, str(self.port), "-m", "comment", "--comment", self._session]
            run(as_root("iptables", "-w", change, "INPUT", *match, "-j", "DROP"))

    # in the proxy's thread

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        self._socket = _bound(0)
        self.port = self._socket.getsockname()[1]
        self.flowing.set()
        self._server = await asyncio.start_server(self._serve, sock=self._socket)
        self._ready.set()
        await self._ending.wait()
        for link in self._links:
            link.reset()
        self._server.close()
        self._socket.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, writer, server_writer)
        self._links.add(link)
        self.traffic.connections += 1
        try:
            await link.forward(reader, server_reader)
        finally:
            self._links.discard(link)
            await link.close()

    async def _stall(self) -> None:
        self.flowing.clear()

    async def _cut(self) -> None:
        for link in self._links:
            link.reset()
        if self._server.is_serving():
            self._server.close()
            # Bound, so that nobody else gets the port, but not listening, so that it refuses.
            self._socket = _bound(self.port)

    async def _heal(self) -> None:
        self.flowing.set()
        if not self._server.is_serving():
            self._server = await asyncio.start_server(self._serve, sock=self._socket)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
