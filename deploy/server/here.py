"""This side, as the doctor looks at it: what is installed, which keys there are, what known_hosts knows, and what ssh would say."""

from __future__ import annotations

import getpass
import platform
import shutil
import stat
import subprocess
from importlib import metadata
from typing import TYPE_CHECKING

from deploy.job.runner import printable
from deploy.model.errors import DeployError
from deploy.model.examination import PrivateKey, Toolbox, WayIn
from deploy.server.fabric_config import defaults_from, ssh_config_with
from deploy.server.known_hosts import read_known_hosts
from deploy.server.login import UnusableKeyError, agent_keys, load_key
from deploy.server.remote import credentials_of, known_hosts_for, way_to
from deploy.server.ssh_config import read_address

if TYPE_CHECKING:
    from pathlib import Path

    import fabric

    from deploy.server.login import Credentials

SSH_TIMEOUT_S = 20

ASKING_NOTHING = (
    *("BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no", "ControlMaster=no", "ControlPath=none"),
    *("ClearAllForwardings=yes", "ForwardAgent=no", "PermitLocalCommand=no", "RemoteCommand=none", "RequestTTY=no"),
)
"""ssh's answer must not depend on who sits there, nor change anything."""


def toolbox() -> Toolbox:
    """Say what is installed here."""
    versions = {
        "backtester-deploy": metadata.version("backtester-deploy"),
        "Python": platform.python_version(),
        **{name: metadata.version(name) for name in ("fabric", "paramiko", "invoke")},
    }
    if not shutil.which("ssh"):
        return Toolbox(versions, None)
    said = subprocess.run(["ssh", "-V"], capture_output=True, check=False, timeout=SSH_TIMEOUT_S).stderr
    return Toolbox(versions, printable(said.decode(errors="replace").strip()))


def way_in(c: fabric.Connection, host: str, *, known_hosts: str | None, ssh_config_file: str | None) -> WayIn:
    """Say how a server is reached; never raises what connecting would raise, but tells it.

    Args:
        c: fab's own connection.
        host: what was typed after -H.
        known_hosts: the setting.
        ssh_config_file: what was given by -S.
    """
    credentials = credentials_of(c)
    try:
        address, defaults = read_address(host), defaults_from(c.config, getpass.getuser())
        hops = known_hosts_for(way_to(address, defaults, ssh_config_file), known_hosts)
    except DeployError as error:
        return WayIn((), (), None, (), (), error=error)
    server = hops[-1]
    known = read_known_hosts(server.known_hosts)
    lines = known.about(server.host.name) or known.about(server.host.name_without_port)
    return WayIn(
        hops=tuple(map(str, hops)),
        keys=tuple(_key(file, credentials) for file in dict.fromkeys([*credentials.key_files, *server.identity_files])),
        agent_keys=_count_agent_keys(server.agent),
        known=tuple(f"{line.key.fingerprint} ({line.key.type}, {line.place})" for line in lines if not line.revoked),
        looked_in=tuple(map(str, known.files)),
        password=credentials.password is not None,
    )


def _key(file: Path, credentials: Credentials) -> PrivateKey:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        return PrivateKey(str(file), 0, f"can't be read: {error.strerror}")
    try:
        load_key(file, credentials.passphrase or credentials.password)
    except UnusableKeyError as error:
        return PrivateKey(str(file), mode, str(error))
    return PrivateKey(str(file), mode)


def _count_agent_keys(socket: str | None) -> int | None:
    if socket is None:
        return None
    with agent_keys(socket) as keys:
        return len(keys)


def ask_ssh(c: fabric.Connection, host: str, *, known_hosts: str | None, ssh_config_file: str | None) -> str | None:
    """Let ssh log in the same way, and return its last word; empty where it does, None where it can't be asked without a person.

    Raises:
        DeployError: the way there can't be found out.
    """
    address, defaults = read_address(host), defaults_from(c.config, getpass.getuser())
    server = known_hosts_for(way_to(address, defaults, ssh_config_file), known_hosts)[-1]
    credentials = credentials_of(c)
    if not shutil.which("ssh") or credentials.password is not None or credentials.passphrase is not None:
        return None
    with ssh_config_with(defaults, ssh_config_file) as config:
        argv = ["ssh", "-n", "-T", *(["-F", config] if config else []), "-o", f"ConnectTimeout={int(server.timeout_s)}"]
        argv += [word for option in ASKING_NOTHING for word in ("-o", option)]
        files = " ".join(f'"{file}"' for file in server.known_hosts) or "none"
        argv += ["-o", f"UserKnownHostsFile={files}", "-o", "GlobalKnownHostsFile=none"]
        argv += [word for file in credentials.key_files for word in ("-i", str(file))]
        argv += ["-p", str(address.port)] if address.port else []
        argv += ["-l", address.user] if address.user else []
        try:
            done = subprocess.run(
                [*argv, "--", address.host, "true"], capture_output=True, check=False, timeout=SSH_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            return f"it doesn't answer within {SSH_TIMEOUT_S} s"
        except OSError as error:
            return printable(str(error))
    said = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    if done.returncode == 0:
        return ""
    return printable(said[-1]) if said else f"status {done.returncode}"
