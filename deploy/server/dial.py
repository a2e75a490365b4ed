"""The sockets under a connection: TCP, or a ProxyCommand's stdin and stdout."""

from __future__ import annotations

import socket
import subprocess
import threading
from typing import TYPE_CHECKING

from deploy.model.errors import ServerUnreachable

if TYPE_CHECKING:
    from deploy.server.known_hosts import Host
    from deploy.server.ssh_config import Destination

USER_TIMEOUT_MS = 20_000


def dial(destination: Destination) -> socket.socket:
    """Reach the first server on the way.

    Raises:
        ServerUnreachable: it doesn't resolve, refuses, or doesn't answer.
    """
    if destination.proxy_command:
        return dial_by_command(destination.proxy_command)
    try:
        connected = socket.create_connection((destination.hostname, destination.port), timeout=destination.timeout_s)
    except (OSError, UnicodeError) as error:
        raise unreachable(destination.host, error, destination.timeout_s) from error
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # a peer that vanished never answers a keepalive; only the kernel notices that nothing is acknowledged any more
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    return connected


def dial_by_command(command: str) -> socket.socket:
    """Start a ProxyCommand on one end of a socket pair and return the other.

    Paramiko's ProxyCommand isn't used: when the command ends, it reads for ever.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        popen = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    # it ends when our end of the pair is closed; the kernel keeps it until somebody asks for its status
    threading.Thread(target=popen.wait, daemon=True).start()
    return ours


def unreachable(host: Host, error: Exception, timeout_s: float) -> ServerUnreachable:
    """Say in one sentence why there is no connection."""
    if isinstance(error, socket.gaierror | UnicodeError):
        return ServerUnreachable(
            f"the name {host.hostname} doesn't resolve ({host})",
            hint="Check -H and the network; an alias needs a Host section in the ssh configuration.",
        )
    if isinstance(error, ConnectionRefusedError):
        return ServerUnreachable(
            f"{host.hostname} port {host.port} refuses connections",
            hint="Check the port, and that sshd runs on the server.",
        )
    if isinstance(error, TimeoutError):
        return ServerUnreachable(
            f"{host} doesn't answer within {timeout_s:g} s",
            hint="Check the network, VPN and firewall between here and the server.",
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return ServerUnreachable(
        f"{host} can't be reached: {reason}", hint="Check the network between here and the server."
    )
