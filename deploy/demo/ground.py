"""The ground that the demo stands on: one temporary folder, and the account that its server runs as."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.model.errors import ServerUnfit

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "deploy-demo-"
SOCKET_PATH_BYTES = 103
"""What a path to a unix socket may have: 107 on Linux, 103 elsewhere."""

NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9/._+-]+", re.ASCII)
NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine. `popen` is what makes a program run as that user; empty for ourselves."""

    name: str
    popen: dict[str, Any] = field(default_factory=dict)


def account_for_server() -> Account:
    """Return who the server's programs run as: ourselves, or nobody where we are root, which PostgreSQL refuses to be run by."""
    if os.geteuid() != 0:
        return Account(_name_of(os.geteuid()))
    try:
        nobody = pwd.getpwnam("nobody")
        uid, gid = nobody.pw_uid, nobody.pw_gid
    except KeyError:
        uid = gid = NOBODY
    return Account(_name_of(uid), {"user": uid, "group": gid, "extra_groups": []})


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where everything is.

    Attributes:
        root: the temporary folder; nothing of the demo is anywhere else.
        account: who the server runs as; only `server` belongs to it.
    """

    root: Path
    account: Account

    @property
    def server(self) -> Path:
        """What would be another machine."""
        return self.root / "server"

    @property
    def remote_dir(self) -> Path:
        return self.server / "backtester"

    @property
    def socket_dir(self) -> Path:
        return socket_dir_in(self.root)

    @property
    def project(self) -> Path:
        """What would be the operator's git repository."""
        return self.root / "project"

    @property
    def home(self) -> Path:
        """HOME of whatever the demo runs, so that no settings of the user have a part in it."""
        return self.root / "home"

    @property
    def ssh_config(self) -> Path:
        return self.root / "ssh_config"

    @property
    def marker(self) -> str:
        """Stands in the environment of every program of the server."""
        return f"DEPLOY_DEMO={self.root}"

    @classmethod
    def prepare(cls, account: Account) -> Ground:
        """Make the temporary folder.

        Raises:
            ServerUnfit: there is no place for it.
        """
        base = choose_base(candidates(), account)
        ground = cls(base / f"{PREFIX}{secrets.token_hex(4)}", account)
        ground.root.mkdir(mode=0o700)
        try:
            ground.root.chmod(0o711)  # for nobody to get to its part
            for folder in (ground.server, ground.home, ground.project):
                folder.mkdir(mode=0o700)
            ground.give(ground.server)
        except BaseException:
            ground.clear()
            raise
        return ground

    def give(self, path: Path) -> None:
        """Let a file belong to the server."""
        if self.account.popen:
            os.chown(path, self.account.popen["user"], self.account.popen["group"])

    def clear(self) -> None:
        """Remove the folder, with all that is in it."""
        shutil.rmtree(self.root, ignore_errors=True)  # a program on its way out may still write
        if self.root.exists():
            shutil.rmtree(self.root)


def candidates() -> tuple[Path, ...]:
    """Return where a temporary folder may be made, the best place first."""
    return (Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - its name can't be guessed


def choose_base(bases: Iterable[Path], account: Account) -> Path:
    """Return the first place that a socket's path is short enough in, and that the account can get into.

    Raises:
        ServerUnfit: none of them.
    """
    for base in bases:
        if is_plain_and_short(base) and os.access(base, os.W_OK | os.X_OK) and _may_enter(base, account):
            return base
    raise ServerUnfit(
        f"there is no place for a temporary folder that {account.name} can get into",
        hint="Set TMPDIR to a folder with a short path that anybody may enter, such as /tmp.",
    )


def is_plain_and_short(base: Path) -> bool:
    """Tell whether PostgreSQL's socket has a path that isn't too long in there, and no file of ours needs quoting."""
    socket = socket_dir_in(base / f"{PREFIX}12345678") / ".s.PGSQL.5432.lock"
    return bool(NEEDS_NO_QUOTES.fullmatch(str(base))) and len(os.fsencode(socket)) <= SOCKET_PATH_BYTES


def socket_dir_in(root: Path) -> Path:
    return root / "server" / "run"


def _may_enter(base: Path, account: Account) -> bool:
    tried = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(base)], check=False, capture_output=True, **account.popen
    )
    return tried.returncode == 0
