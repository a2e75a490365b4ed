"""The server that the journeys run against: a real sshd, a real Docker, real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from itertools import count
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tests.server.container import IMAGE, SUPERUSER, Container
from tests.server.machine import as_root, run, succeeds
from tests.server.proxy import Proxy
from tests.server.site import FABFILE, HOST, Site
from tests.server.sshd import LOGIN, Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PREFIX = "deploy-test-"
_SWEEP = Path(__file__).with_name("sweep.sh")

_PATH = "/usr/local/bin:/usr/bin:/bin"

# A killed container loses nothing that the kernel has taken, so waiting for the disk would prove nothing.
_FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "100"}


class ServerMissing(Exception):
    """This machine has not been made ready. It is a failure everywhere: a skipped journey proves nothing."""


class ServerUnderTest:
    """One session's server. Make it with `running()`, and a corner of it for each test with `fresh()`."""

    def __init__(self, session: str, folder: Path, *, settings: Mapping[str, str], sftp: bool, path: str) -> None:
        self.session = session
        self.folder = folder
        self.sshd = Sshd(folder, session, sftp, path)
        self._settings = {**_FAST, **settings}
        self._shared: dict[int, Container] = {}
        self._numbers = count(1)

    @classmethod
    @contextmanager
    def running(
        cls, *, settings: Mapping[str, str] | None = None, sftp: bool = False, programs: str = ""
    ) -> Iterator[ServerUnderTest]:
        """Start sshd, and at the end stop and remove whatever was started or left behind.

        Args:
            settings: of PostgreSQL, for all containers; left out, it is quick and safe against all but a power cut.
            sftp: whether sshd has it, which the tool doesn't need; scp does.
            programs: a folder's name under `folder`; what stands in it comes first in the PATH of those who log in.

        Raises:
            ServerMissing: `tests/install.sh` has to be run first.
        """
        _require_server()
        _sweep_dead_sessions()
        session = f"{_PREFIX}{os.getpid()}"
        folder = _folder_of(session)
        folder.mkdir()
        # sshd reads its files as the login user, whatever the umask.
        folder.chmod(0o755)
        path = f"{folder / programs}:{_PATH}" if programs else ""
        server = cls(session, folder, settings=settings or {}, sftp=sftp, path=path)
        try:
            server.sshd.start()
            yield server
        finally:
            _sweep(session)
            server.sshd.reap()
            shutil.rmtree(folder, ignore_errors=True)

    def fresh(self, version: int = 15, *, private: bool = False, settings: Mapping[str, str] | None = None) -> Site:
        """Return an empty database, an empty remote folder and an empty project.

        Args:
            version: of PostgreSQL, 15 or 17.
            private: with a container of its own, which the test may pause, stop, kill and start (takes 2 s).
            settings: of the private container's PostgreSQL, such as `{"max_connections": "5"}`.
        """
        if settings and not private:
            raise ValueError("settings are for a private container: others share the common one")
        number = next(self._numbers)
        postgres = self._container(version, private=private, number=number, settings=settings or {})
        database = f"backtester_{number}"
        postgres.psql("postgres", f"CREATE DATABASE {database}")
        remote_dir = PurePosixPath(f"/home/{LOGIN}") / self.session / str(number)
        run(as_root("install", "-d", "-o", LOGIN, "-g", LOGIN, str(remote_dir.parent), str(remote_dir)))
        here = self.folder / str(number)
        for folder in (here / "home", here / "project" / "migrations"):
            folder.mkdir(parents=True)
        (here / "project" / "fabfile.py").write_text(FABFILE, encoding="utf-8")
        return Site(
            sshd=self.sshd,
            ssh_config=self.sshd.write_ssh_config(here / "ssh_config", host=HOST),
            postgres=postgres,
            private=private,
            database=database,
            user=SUPERUSER,
            remote_dir=remote_dir,
            project=here / "project",
            home=here / "home",
            env={
                "FABRIC_DEPLOY_CONTAINER": postgres.name,
                "FABRIC_DEPLOY_DATABASE": database,
                "FABRIC_DEPLOY_USER": SUPERUSER,
                "FABRIC_DEPLOY_REMOTE_DIR": str(remote_dir),
                # it has journeys of its own, and costs every other one a second
                "FABRIC_DEPLOY_REHEARSE": "never",
            },
        )

    def proxy(self, *, delay_s: float = 0) -> Proxy:
        """Return a network in front of sshd, to be used by `with` and `site.through(proxy)`."""
        return Proxy(self.sshd.port, delay_s=delay_s, session=self.session)

    def _container(self, version: int, *, private: bool, number: int, settings: Mapping[str, str]) -> Container:
        settings = {**self._settings, **settings}
        if private:
            name = f"{self.session}-private-{number}"
            return Container.start_new(name, session=self.session, version=version, settings=settings)
        if version not in self._shared:
            name = f"{self.session}-pg{version}"
            self._shared[version] = Container.start_new(name, session=self.session, version=version, settings=settings)
        return self._shared[version]


def _require_server() -> None:
    there = succeeds(["id", LOGIN]) and succeeds(
        ["docker", "image", "inspect", f"{IMAGE}:15", f"{IMAGE}:17"], timeout_s=30
    )
    if not there:
        raise ServerMissing("this machine has no test server yet: run tests/install.sh as root, or 'make test'")


def _folder_of(session: str) -> Path:
    return Path(tempfile.gettempdir()) / session


def _sweep(session: str) -> None:
    run(as_root("sh", str(_SWEEP), session, str(_folder_of(session))), timeout_s=120)


def _sweep_dead_sessions() -> None:
    labels = run(
        ["docker", "ps", "--all", "--filter", "label=deploy-test=1", "--format", '{{.Label "deploy-test-session"}}']
    )
    folders = (path.name for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}[0-9]*"))
    for session in {*labels.decode().split(), *folders}:
        if not Path("/proc", session.removeprefix(_PREFIX)).exists():
            _sweep(session)
