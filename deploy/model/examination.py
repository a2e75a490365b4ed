"""What the doctor saw, on this side and on the server, and what it makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.model.errors import DeployError

HERE = "here"
SERVER = "server"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the doctor looked at; `mend` is empty where all is well. `side` is HERE or SERVER.

    A `doubtful` one stops nobody, but may explain another.
    """

    name: str
    found: str
    mend: str = ""
    side: str = SERVER
    details: tuple[str, ...] = ()
    doubtful: bool = False

    @property
    def well(self) -> bool:
        """Is there nothing to mend?"""
        return not self.mend


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What runs here: versions by name (`python`, `fabric`, …), and what `ssh -V` says, None where there is no ssh."""

    versions: Mapping[str, str]
    ssh: str | None


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key file that would be tried. `mode` are its permission bits; `trouble` says why it can't be used."""

    path: str
    mode: int
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class WayIn:
    """How one server is reached from here.

    `hops` are what ssh knows each on the way as, the server last; `known` the lines of known_hosts that are about it; `looked_in` the
    files. `agent_keys` is None where no agent is asked; `password` says that one was given. `ssh_says` is ssh's own last word, empty
    where it logs in, None where it was not asked.
    """

    hops: tuple[str, ...]
    keys: tuple[PrivateKey, ...]
    agent_keys: int | None
    known: tuple[str, ...]
    looked_in: tuple[str, ...]
    ssh_says: str | None = None
    password: bool = False
    error: DeployError | None = None


@dataclass(frozen=True, slots=True)
class Handshake:
    """A connection that was made: how long it took, by which host key (None on this machine), and how far the clocks are apart.

    `ahead_s` is positive where the server's clock is ahead.
    """

    took_s: float
    host_key: str | None
    ahead_s: float


@dataclass(frozen=True, slots=True)
class Examination:
    """What a server was found to be, beyond an Observation. What couldn't be found out is None or empty.

    `cron` is the name of the program that runs, "none" where none does. `session` is the scope that the login is in, which a login
    manager that `kills` would end with everything in it; `kill_excludes` and `kill_only` name users as logind has them.
    `versions` are of the programs where the database is, as they say them; `lacks_there` what is missing there.
    """

    system: str = ""
    free_inodes: int | None = None
    session: str = ""
    kills: bool = False
    kill_excludes: tuple[str, ...] = ("root",)
    kill_only: tuple[str, ...] = ()
    cron: str = ""
    docker: str = ""
    lacks_there: tuple[str, ...] = ()
    tmp_there: bool | None = None
    versions: Mapping[str, str] | None = None
    open_replaced: tuple[str, ...] = ()
