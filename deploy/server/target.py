"""The servers that a command is for, opened: a connection, its settings, and where its files live."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.model.errors import HostNeeded, UsageError
from deploy.model.settings import environment_of, settings_from
from deploy.server.local import LocalShell
from deploy.server.observation import observe
from deploy.server.trace import log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import fabric

    from deploy.model.observation import Observation
    from deploy.model.settings import Settings
    from deploy.server.shell import Shell


@dataclass(frozen=True, slots=True)
class Server:
    """One server, connected. `host` is what stands behind -H, None on this machine."""

    host: str | None
    shell: Shell
    settings: Settings
    remote_dir: str

    @property
    def name(self) -> str:
        """As tables show it."""
        return self.host or "local"

    @property
    def holds_sources(self) -> bool:
        """Is what we deploy there already? In the project itself, a folder called migrations may also be another tool's."""
        theirs = Path(self.remote_dir, "migrations").resolve()
        return self.host is None and theirs in (
            Path("migrations").resolve(),
            Path(self.settings.migrations_dir).resolve(),
        )

    def observe(self, *, audit_lines: int = 0) -> Observation:
        """Look at it once."""
        return observe(self.shell, self.settings, self.remote_dir, audit_lines=audit_lines)


class Fleet(list[Server]):
    """The servers of one command. `current` names the one that is being worked on: what is refused is about it."""

    current = "local"

    def __iter__(self) -> Iterator[Server]:
        """Give one after another, and remember which."""
        for server in super().__iter__():
            self.current = server.name
            yield server


def hosts_of(typed: str | None) -> tuple[str | None, ...]:
    """Split what stands behind -H; (None,) means this machine.

    Raises:
        HostNeeded: -H is there but empty, as an unset secret leaves it.
        UsageError: a host is named twice, or a word is none.
    """
    if typed is None:
        return (None,)
    from deploy.server.ssh_config import read_address  # noqa: PLC0415 - paramiko is slow to import, and not needed without -H

    hosts = tuple(host.strip() for host in typed.split(","))
    if not all(hosts):
        raise HostNeeded(
            "-H is empty: this would have run on your own machine"
            if not any(hosts)
            else f"-H has an empty name in it: {typed}",
            hint="Give the server's name (is a secret of the workflow unset?), or leave -H out to mean the local database.",
        )
    if len(set(hosts)) < len(hosts):
        raise UsageError(f"-H names a host twice: {typed}", hint="Name each host once.")
    for host in hosts:
        if len(host.split()) > 1:
            raise UsageError(
                f"{host!r} names no host: there is a space in it",
                hint="Write HOST, USER@HOST, HOST:PORT or USER@[IPV6]:PORT, several with commas between them.",
            )
        read_address(host)
    return hosts


def open_server(
    c: fabric.Connection,
    host: str | None,
    section: Mapping[str, Any],
    *,
    variables: Mapping[str, str],
    ssh_config_file: str | None,
) -> Server:
    """Connect to a server, or make this machine one.

    Args:
        c: fab's own connection or context.
        host: what stands behind -H, None for this machine.
        section: the `deploy` section of fabric.yml.
        variables: the FABRIC_DEPLOY_* of the environment, raw.
        ssh_config_file: what was given by -S.

    Raises:
        SettingsInvalid, and all of the 60s.
    """
    settings = settings_from(section, variables, environment_of(host, section))
    log.debug("%s: %s", host or "local", settings)
    if host is None:
        return Server(None, LocalShell(), settings, str(Path(settings.remote_dir).resolve()))
    from deploy.server.remote import open_remote  # noqa: PLC0415 - paramiko is slow to import, and not needed here

    shell = open_remote(c, host_string=host, known_hosts=settings.known_hosts, ssh_config_file=ssh_config_file)
    return Server(host, shell, settings, settings.remote_dir)
