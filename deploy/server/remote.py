"""A server over SSH, as a Shell."""

from __future__ import annotations

import getpass
import logging
import shlex
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fabric import Config, Connection
from paramiko.client import MissingHostKeyPolicy, SSHClient
from paramiko.config import SSHConfig
from paramiko.ssh_exception import ChannelException, IncompatiblePeer, SSHException
from paramiko.transport import Transport

from deploy.model.errors import DeployError, LoginRefused, ServerUnreachable
from deploy.server.dial import dial, unreachable
from deploy.server.fabric_config import defaults_from
from deploy.server.flow import CHUNK, Flow, connection_broke, open_input, run_to_end
from deploy.server.known_hosts import Host, HostKey, KnownHosts, read_known_hosts
from deploy.server.login import Credentials, Login, require_files
from deploy.server.shell import LIMIT_BYTES
from deploy.server.ssh_config import Address, Destination, hops_to, read_address, resolve
from deploy.server.trace import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from paramiko.channel import Channel
    from paramiko.pkey import PKey

    from deploy.server.fabric_config import Defaults
    from deploy.server.shell import Completed, Stream

KEEPALIVE_S = 5
# how long a channel may take to open is for the flow to say, which cuts the connection off
NEVER_S = 86_400
LOST = -1
# known_hosts says what kind of key, a handshake how it signs
SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
# the shell reports a signal as 128 + n; Paramiko would drop sshd's message about it
TELLING_SIGNALS = ("sh", "-c", '"$@"; exit $?', "sh")

# Paramiko's threads log tracebacks, which Python prints on stderr as long as nobody listens
logging.getLogger("paramiko").addHandler(logging.NullHandler())


def open_remote(
    c: Connection,
    *,
    host_string: str,
    known_hosts: str | None,
    ssh_config_file: str | None,
) -> RemoteShell:
    """Connect and log in to a server.

    Args:
        c: where fab's own options are: `-i`, the prompts for passphrase and password, `-t`, and fabric.yml.
        host_string: what was typed after -H.
        known_hosts: a file that takes the place of those of ssh; None for these.
        ssh_config_file: what was given by `-S`; None for ssh's own files.

    Raises:
        DeployError: of the 60s, UsageError or SettingsInvalid.
    """
    credentials = credentials_of(c)
    require_files(credentials.key_files)
    hops = way_to(read_address(host_string), defaults_from(c.config, getpass.getuser()), ssh_config_file)
    hops = known_hosts_for(hops, known_hosts)
    log.debug("%s: the way is %s", host_string, " > ".join(map(str, hops)))
    if timeout := c.connect_kwargs.get("timeout") or c.connect_timeout:
        hops = [replace(hop, timeout_s=float(timeout)) for hop in hops]
    shell = RemoteShell(host_string, hops, credentials)
    shell.reopen()
    return shell


def way_to(address: Address, defaults: Defaults, ssh_config_file: str | None) -> list[Destination]:
    """Return the servers on the way to an address, itself last; the gateway of fabric.yml is on the way to it, not to the others."""

    def look_up(hop: Address) -> Destination:
        own = defaults if hop == address else replace(defaults, gateway=None)
        return resolve(hop, config_file=ssh_config_file, defaults=own)

    return hops_to(address, look_up)


def known_hosts_for(hops: list[Destination], known_hosts: str | None) -> list[Destination]:
    """Return the same with the file that the setting names in place of those of ssh."""
    return [replace(hop, known_hosts=(Path(known_hosts).expanduser(),)) for hop in hops] if known_hosts else hops


def credentials_of(c: Connection) -> Credentials:
    """Return what somebody typed, without the files that Fabric adds from the ssh configuration: `ssh -G` knows these better."""
    given = dict(c.config.connect_kwargs) | dict(c.connect_kwargs)
    files = given.get("key_filename") or []
    files = [files] if isinstance(files, str | Path) else files
    added = c.ssh_config.get("identityfile", [])
    typed = [*c.config.authentication.identities, *(file for file in files if file not in added)]
    distinct = dict.fromkeys(Path(file).expanduser() for file in typed)
    return Credentials(tuple(distinct), given.get("passphrase"), given.get("password"))


class RemoteShell:
    """One connection to a server, through jump hosts or not.

    It is dead after a ConnectionLost; `reopen` brings it back.
    """

    def __init__(self, name: str, hops: Sequence[Destination], credentials: Credentials) -> None:
        self._name = name
        self._hops = hops
        self._credentials = credentials
        self._connections: list[Connection] = []

    @property
    def name(self) -> str:
        return self._name

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        limit: int = LIMIT_BYTES,
    ) -> Completed:
        return run_to_end(
            self._process(argv), name=self._name, stdin=stdin, timeout_s=timeout_s, limit=limit, argv=argv
        )

    def stream(self, argv: Sequence[str], *, stdin: bytes | Path = b"", silence_s: float = 25.0) -> Stream:
        process = self._process(argv)
        return Flow(process, open_input(stdin), name=self._name, silence_s=silence_s, argv=argv)

    @property
    def host_key(self) -> HostKey | None:
        """What the server identified itself by; None without a connection."""
        if not self._connections:
            return None
        return HostKey(self._connections[-1].transport.get_remote_server_key().asbytes())

    def reopen(self) -> None:
        """Connect again, with the same parameters.

        Raises:
            DeployError: of the 60s.
        """
        self.close()
        for hop in self._hops:
            gateway = self._connections[-1] if self._connections else None
            is_target = hop is self._hops[-1]
            credentials = self._credentials if is_target else self._credentials.without_password()
            try:
                self._connections.append(connect(hop, gateway, credentials))
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        # outside in, so that nobody waits for a goodbye to get through a dead tunnel
        connections, self._connections = self._connections, []
        for connection in connections:
            with suppress(Exception):
                connection.client.close()

    def _process(self, argv: Sequence[str]) -> RemoteProcess:
        if not self._connections:
            raise connection_broke(self._name)
        command = shlex.join([*TELLING_SIGNALS, *argv]).encode(errors="surrogateescape")
        return RemoteProcess(self._connections[-1].transport, command, self.close)


def connect(hop: Destination, gateway: Connection | None, credentials: Credentials) -> Connection:
    """Open and prove one leg of the way: the server's key first, then ours."""
    known = read_known_hosts(hop.known_hosts)
    connection = Connection(
        hop.hostname,
        user=hop.user,
        port=hop.port,
        # an empty ssh_config, since Fabric's own reading of the files is a partial one
        config=Config(ssh_config=SSHConfig(), lazy=True),
        gateway=gateway or False,
        forward_agent=False,
        connect_timeout=hop.timeout_s,
        connect_kwargs={
            "transport_factory": transport_for(hop, known),
            "auth_strategy": Login(hop, credentials),
            "banner_timeout": hop.timeout_s,
            "auth_timeout": hop.timeout_s,
            "channel_timeout": hop.timeout_s,
            "compress": False,
            **({} if gateway else {"sock": dial(hop)}),
        },
    )
    connection.client.set_missing_host_key_policy(OnlyKnown(hop.host, known))
    with explaining(hop, gateway, connection.client):
        connection.open()
    connection.transport.set_keepalive(KEEPALIVE_S)
    speaks = (connection.transport.remote_version, connection.transport.remote_cipher)
    log.debug("%s: connected, it is %s, by %s", hop, *speaks)
    return connection


def transport_for(hop: Destination, known: KnownHosts) -> Callable[..., Transport]:
    """Return a maker of transports that ask the server for a key by which it is known, as ssh does."""

    def make(*args: Any, **kwargs: Any) -> Transport:  # noqa: ANN401  (Paramiko's own arguments, handed on)
        transport = Transport(*args, **kwargs)
        transport.handshake_timeout = hop.timeout_s
        options = transport.get_security_options()
        options.key_types = preferred(options.key_types, known.types_for(hop.host))
        return transport

    return make


def preferred(possible: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Put the signatures that the known types of key can make first."""
    wanted = [signature for kind in known for signature in SIGNATURES.get(kind, (kind,)) if signature in possible]
    return tuple(dict.fromkeys([*wanted, *possible]))


class OnlyKnown(MissingHostKeyPolicy):
    """Decides about every host key: the client itself is given none, so all are missing to it."""

    def __init__(self, host: Host, known: KnownHosts) -> None:
        self._host = host
        self._known = known

    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:  # noqa: ARG002  (the interface)
        self._known.verify(self._host, HostKey(key.asbytes()))


@contextmanager
def explaining(hop: Destination, gateway: Connection | None, client: SSHClient) -> Iterator[None]:
    """Turn what a library says about a failed connection into our words, and clean up."""
    try:
        yield
    except DeployError:
        raise
    except Exception as error:  # Paramiko hands on whatever a strange server makes its thread stumble over
        raise explain(hop, gateway, error) from error
    finally:
        transport = client.get_transport()
        if transport and not transport.is_authenticated():
            client.close()


def explain(hop: Destination, gateway: Connection | None, error: Exception) -> ServerUnreachable:
    if isinstance(error, ChannelException) and gateway:
        return ServerUnreachable(
            f"the jump host {gateway.host} can't reach {hop.host}: {error.text}",
            hint="Check the address as seen from the jump host, and that it allows forwarding.",
        )
    if isinstance(error, IncompatiblePeer):
        return ServerUnreachable(
            f"{hop.host} speaks no SSH that we do: {error}",
            hint="Update the server's sshd.",
        )
    if isinstance(error, OSError):
        return unreachable(hop.host, error, hop.timeout_s)
    return ServerUnreachable(
        f"{hop.host} takes connections, but doesn't finish the SSH handshake: {str(error) or 'it hung up'}",
        details=(f"through the ProxyCommand {hop.proxy_command}",) if hop.proxy_command else (),
        hint="Check that it is the SSH port, and that the server isn't blocking this address.",
    )


def runs_nothing(reason: str) -> LoginRefused:
    return LoginRefused(
        f"the server lets us in, but runs no program: {reason}",
        hint="Check the user's login shell, and MaxSessions and ForceCommand in the server's sshd_config.",
    )


class RemoteProcess:
    """A Process at the other end of a channel: two round trips to start it, and nothing besides."""

    def __init__(self, transport: Transport, command: bytes, cut_off: Callable[[], None]) -> None:
        self._transport = transport
        self._command = command
        self._close_connection = cut_off
        self._opened: Channel | None = None

    @property
    def _channel(self) -> Channel:
        if not self._opened:
            raise ConnectionError("not started")
        return self._opened

    def start(self) -> None:
        try:
            self._opened = self._transport.open_session(timeout=NEVER_S)
            self._opened.exec_command(self._command)
        except ChannelException as error:
            raise runs_nothing(error.text) from error
        except EOFError as error:
            # the connection is gone, whatever is_active says: Paramiko wakes those who wait before it notes that
            raise ConnectionError(str(error)) from error
        except SSHException as error:
            if self._transport.is_active():
                raise runs_nothing(str(error)) from error
            raise ConnectionError(str(error)) from error

    def read(self) -> bytes:
        return self._channel.recv(CHUNK)

    def read_stderr(self) -> bytes:
        return self._channel.recv_stderr(CHUNK)

    def write(self, chunk: bytes) -> Iterator[None]:
        rest = memoryview(chunk)
        while rest:
            sent = self._channel.send(bytes(rest[: 2**15]))
            if not sent:
                raise BrokenPipeError
            rest = rest[sent:]
            yield

    def end_input(self) -> None:
        self._channel.shutdown_write()

    def wait(self) -> int:
        status = self._channel.recv_exit_status()
        if status == LOST:
            raise ConnectionError("no exit status")
        return status

    def hang_up(self) -> None:
        # a goodbye may have to wait behind data that a dead server doesn't take
        if self._opened and not self._opened.closed:
            threading.Thread(target=self._close_channel, daemon=True).start()

    def _close_channel(self) -> None:
        with suppress(Exception):
            self._channel.close()

    def cut_off(self) -> None:
        self._close_connection()
