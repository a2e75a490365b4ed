"""Where a host is and how to get in, as ssh itself would decide it.

`ssh -G` is asked wherever there is an ssh: it knows Include, Match and every default. Without one, Paramiko's reading has to do.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fabric.connection import derive_shorthand
from paramiko.config import SSHConfig
from paramiko.ssh_exception import ConfigParseError, CouldNotCanonicalize

from deploy.model.errors import SshConfigInvalid, UsageError
from deploy.server.fabric_config import NO_CONFIG, NOTHING, SSH_CONFIGS, Defaults, ssh_config_with
from deploy.server.known_hosts import SSH_PORT, Host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SSH_G_TIMEOUT_S = 10
CONNECT_TIMEOUT_S = 15.0
KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
GLOBAL_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
KEYS = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")
BRACKETED = re.compile(r"\[(?P<host>[^\]]+)\](?::(?P<port>.+))?")

Options = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Address:
    """What was typed: `prod`, `user@host`, `host:2222`, `user@[::1]:22`."""

    host: str
    user: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """One server, with all that ssh knows about it."""

    hostname: str
    port: int
    user: str
    host_key_alias: str | None
    known_hosts: tuple[Path, ...]
    identity_files: tuple[Path, ...]
    identities_only: bool
    agent: str | None
    jumps: tuple[str, ...]
    proxy_command: str | None
    timeout_s: float

    @property
    def host(self) -> Host:
        return Host(self.hostname, self.port, self.host_key_alias)

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"


def read_address(text: str) -> Address:
    """Read a host string as Fabric does, and brackets around an IPv6 address too.

    Raises:
        UsageError: there is no host in it, or its port is no number.
    """
    user, at, hostport = text.rpartition("@")
    if at and not user:  # a variable was empty in CI
        raise bad_address(text)
    if bracketed := BRACKETED.fullmatch(hostport):
        host, port = bracketed["host"], bracketed["port"]
        if port and not is_port(port):
            raise bad_address(text)
        return Address(host, user or None, int(port) if port else None)
    try:
        parts = derive_shorthand(text)
    except ValueError as error:
        raise bad_address(text) from error
    if (
        not parts["host"]
        or parts["host"].startswith("-")
        or (parts["port"] is not None and not is_port(str(parts["port"])))
    ):
        raise bad_address(text)
    return Address(**parts)


def is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 2**16


def bad_address(text: str) -> UsageError:
    return UsageError(f"{text!r} names no host", hint="Write -H as HOST, USER@HOST, HOST:PORT or USER@[IPV6]:PORT.")


def resolve(address: Address, *, config_file: str | None, defaults: Defaults = NOTHING) -> Destination:
    """Ask ssh about an address.

    Raises:
        SshConfigInvalid: ssh refuses its configuration, or it asks for what can't be done here.
    """
    if shutil.which("ssh"):
        with ssh_config_with(defaults, config_file) as file:
            options = ask_ssh(address, file)
    else:
        options = ask_paramiko(address, config_file or defaults.ssh_config)
        for name, value in defaults.options.items():
            options.setdefault(name.lower(), [value])
    return destination_of(options, address, environment=os.environ, exists=os.path.exists)


def ask_ssh(address: Address, config_file: str | None) -> Options:
    argv = ["ssh", "-G", "-T"]
    argv += ["-F", config_file] if config_file else []
    argv += ["-p", str(address.port)] if address.port else []
    argv += ["-l", address.user] if address.user else []
    try:
        answer = subprocess.run(
            [*argv, "--", address.host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=SSH_G_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SshConfigInvalid(
            f"`ssh -G {address.host}` doesn't answer: {error}",
            hint="Look for a `Match exec` in the ssh configuration that takes long.",
        ) from error
    if answer.returncode:
        raise SshConfigInvalid(
            f"ssh refuses its configuration for {address.host}",
            details=tuple(answer.stderr.decode(errors="replace").split("\n")[:-1]),
            hint=f"Mend the file that ssh names; `ssh -G {address.host}` tries it.",
        )
    return parse_ssh_g(answer.stdout.decode(errors="surrogateescape"))


def parse_ssh_g(text: str) -> Options:
    """Return what `ssh -G` prints: `key value` in each line, a key once or more often."""
    options: Options = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        options.setdefault(key.lower(), []).append(value)
    return options


def ask_paramiko(address: Address, config_file: str | None) -> Options:
    config = SSHConfig()
    files = [] if config_file == NO_CONFIG else [config_file] if config_file else SSH_CONFIGS
    try:
        for file in map(Path, files):
            if config_file or file.expanduser().exists():
                with file.expanduser().open() as lines:
                    config.parse(lines)
        found = config.lookup(address.host)
    except (OSError, UnicodeDecodeError, ConfigParseError, CouldNotCanonicalize) as error:
        raise SshConfigInvalid(
            f"the ssh configuration can't be read: {error}", hint="Mend the file, or install ssh, which reads more."
        ) from error
    options: Options = {key: value if isinstance(value, list) else [str(value)] for key, value in found.items()}
    typed = {"user": address.user, "port": address.port}
    return options | {key: [str(value)] for key, value in typed.items() if value}


def destination_of(
    options: Options,
    address: Address,
    *,
    environment: Mapping[str, str],
    exists: Callable[[str], bool],
) -> Destination:
    """Turn options into a destination.

    Args:
        options: what ssh or Paramiko answered.
        address: what was asked.
        environment: for SSH_AUTH_SOCK, HOME and variables in paths.
        exists: tells whether a path exists: ssh prints lists of paths without quotes, so that only this finds their ends.

    Raises:
        SshConfigInvalid: RevokedHostKeys is set, which can't be honoured.
    """

    def one(key: str) -> str | None:
        value = options.get(key, [""])[0]
        return None if value in ("", "none") else value

    if one("revokedhostkeys"):
        raise SshConfigInvalid(
            f"RevokedHostKeys is set for {address.host}, and this tool can't read such lists",
            hint="Write the revoked keys as @revoked lines into a known_hosts file.",
        )
    hostname = one("hostname") or address.host
    port = int(one("port") or SSH_PORT)
    user = one("user") or getpass.getuser()
    tokens = {
        "%": "%",
        "d": environment.get("HOME", str(Path.home())),
        "h": hostname,
        "i": str(os.getuid()),
        "k": one("hostkeyalias") or address.host,
        "L": socket.gethostname().partition(".")[0],
        "l": socket.gethostname(),
        "n": address.host,
        "p": str(port),
        "r": user,
        "u": getpass.getuser(),
    }

    def path(text: str) -> str:
        return os.path.expanduser(expand(text, tokens))  # noqa: PTH111  (Path would drop a trailing slash that tells a directory)

    def paths(key: str, default: str) -> list[str]:
        return split_paths(" ".join(map(path, options.get(key, [default])[0].split(" "))), exists)

    listed = paths("userknownhostsfile", KNOWN_HOSTS) + paths("globalknownhostsfile", GLOBAL_KNOWN_HOSTS)
    agent = options.get("identityagent", ["SSH_AUTH_SOCK"])[0]
    proxy_command = one("proxycommand")
    jumps = one("proxyjump")
    timeout = one("connecttimeout")
    return Destination(
        hostname=hostname,
        port=port,
        user=user,
        host_key_alias=one("hostkeyalias"),
        known_hosts=tuple(Path(file) for file in listed if file != "none"),
        identity_files=tuple(Path(path(file)) for file in options.get("identityfile", KEYS) if exists(path(file))),
        identities_only=one("identitiesonly") == "yes",
        agent=agent_socket(agent, path, environment),
        jumps=tuple(jumps.split(",")) if jumps else (),
        proxy_command=expand(proxy_command, tokens) if proxy_command and not jumps else None,
        timeout_s=float(timeout) if timeout and timeout.isdigit() else CONNECT_TIMEOUT_S,
    )


def expand(text: str, tokens: Mapping[str, str]) -> str:
    """Replace `%h` and its like; what isn't known stays."""
    return re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), text)


def split_paths(text: str, exists: Callable[[str], bool]) -> list[str]:
    """Split a list of paths, where a path that exists may have spaces."""
    words = text.split(" ")
    for count in range(len(words), 0, -1):
        head = " ".join(words[:count])
        if count == 1 or exists(head):
            rest = words[count:]
            return [head, *(split_paths(" ".join(rest), exists) if rest else [])]
    return []


def agent_socket(setting: str, path: Callable[[str], str], environment: Mapping[str, str]) -> str | None:
    """Return the socket that IdentityAgent means, None for no agent."""
    if setting == "none":
        return None
    if setting in ("", "SSH_AUTH_SOCK"):
        return environment.get("SSH_AUTH_SOCK")
    if setting.startswith("$"):
        return environment.get(setting[1:].strip("{}"))
    return path(setting)


def hops_to(
    address: Address,
    resolve: Callable[[Address], Destination],
    *,
    seen: Sequence[Address] = (),
) -> list[Destination]:
    """Return the servers on the way to an address in the order of travel, itself last.

    Raises:
        SshConfigInvalid: the jumps lead in a circle.
    """
    if address in seen:
        raise SshConfigInvalid(
            f"ProxyJump leads in a circle at {address.host}",
            hint="Write `ProxyJump none` for the jump host in the ssh configuration, above the line for all hosts.",
        )
    target = resolve(address)
    jumps = [read_address(jump.removeprefix("ssh://")) for jump in target.jumps]
    jumps = [jump for jump in jumps if not is_itself(jump, address, target)]
    if not jumps:
        return [target]
    # only the first jump is reached as its own configuration says: ssh gives each later one the jumps before it
    return [*hops_to(jumps[0], resolve, seen=[*seen, address]), *map(resolve, jumps[1:]), target]


def is_itself(jump: Address, address: Address, target: Destination) -> bool:
    """Tell whether a jump host would be reached through itself, as `Host *` with a ProxyJump makes it."""
    return jump.host in (address.host, target.hostname) and (jump.port or SSH_PORT) == target.port
