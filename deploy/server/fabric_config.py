"""What fabric.yml says about connections, in Fabric's own keys: honoured as Fabric does, or refused by name.

-H and the ssh configuration win over it, as they do in Fabric.
"""

from __future__ import annotations

import glob
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.model.errors import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SSH_CONFIGS = ("~/.ssh/config", "/etc/ssh/ssh_config")

NO_CONFIG = "none"
"""How ssh is told by -F to read no file."""

CONNECT_KWARGS = ("key_filename", "passphrase", "password", "timeout")
"""What is honoured of `connect_kwargs`; the rest would go to Paramiko's own client, which isn't used."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where neither -H nor the ssh configuration says anything. `gateway` is a host, or a command as ProxyCommand has it."""

    user: str | None = None
    port: int | None = None
    gateway: str | None = None
    ssh_config: str | None = None

    @property
    def options(self) -> dict[str, str]:
        """Return them as options of ssh."""
        found = {"User": self.user, "Port": str(self.port) if self.port else None}
        if self.gateway:
            found["ProxyCommand" if " " in self.gateway else "ProxyJump"] = self.gateway
        return {name: value for name, value in found.items() if value}


NOTHING = Defaults()


def defaults_from(config: Mapping[str, Any], local_user: str) -> Defaults:
    """Read Fabric's configuration.

    Args:
        config: as fab has it, with its own defaults.
        local_user: what Fabric's `user` is where nobody set it.

    Raises:
        SettingsInvalid: a value that can't be honoured, all at once.
    """
    user, port, gateway = config.get("user"), config.get("port"), config.get("gateway")
    path = config.get("ssh_config_path")
    ssh_config = NO_CONFIG if config.get("load_ssh_configs") is False else path
    wrong = [
        f"connect_kwargs.{name} isn't supported here"
        for name in config.get("connect_kwargs") or {}
        if name not in CONNECT_KWARGS
    ]
    if (config.get("authentication") or {}).get("strategy_class"):
        wrong.append("authentication.strategy_class isn't supported here")
    if not isinstance(user, str) or not re.fullmatch(r"[^\s\"'#]+", user):
        wrong.append(f"user must be a name, not {user!r}")
    if type(port) is not int or not 0 < port < 2**16:
        wrong.append(f"port must be a number up to 65535, not {port!r}")
    if gateway is not None and not (isinstance(gateway, str) and gateway.strip() and gateway.isprintable()):
        wrong.append(f"gateway must be a host or a command, as ProxyCommand has it, not {gateway!r}")
    if path is not None and not isinstance(path, str):
        wrong.append(f"ssh_config_path must be a path, not {path!r}")
    if wrong:
        raise SettingsInvalid(
            "; ".join(wrong), hint="Mend fabric.yml; docs/settings.md says which of Fabric's own keys are honoured."
        )
    return Defaults(
        user=user if user != local_user else None,
        port=port if port != 22 else None,  # noqa: PLR2004 - Fabric's own default
        gateway=gateway.strip() if gateway else None,
        ssh_config=ssh_config,
    )


@contextmanager
def ssh_config_with(defaults: Defaults, config_file: str | None) -> Iterator[str | None]:
    """Give a configuration file for `ssh -F` that has the defaults behind all that it has anyway: ssh takes what it finds first.

    Args:
        defaults: what holds where the file says nothing.
        config_file: what was typed; None for ssh's own files.
    """
    config_file = config_file or defaults.ssh_config
    if not defaults.options or (config_file not in (None, NO_CONFIG) and not Path(config_file).is_file()):
        yield config_file
        return
    files = [] if config_file == NO_CONFIG else [config_file] if config_file else SSH_CONFIGS
    lines = [f'Include "{glob.escape(str(Path(file).expanduser().absolute()))}"' for file in files]
    lines += ["Match all", *(f"  {name} {value}" for name, value in defaults.options.items())]
    with tempfile.NamedTemporaryFile("w", prefix="deploy-ssh-", encoding="utf-8") as file:
        file.write("\n".join([*lines, ""]))
        file.flush()
        yield file.name
