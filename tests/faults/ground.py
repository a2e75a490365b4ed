"""What a round runs on: a server of one worker's own, put back to a known state in well under a second."""

# ruff: noqa: S608 - what is put into these statements are names of the tests' own

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tests.faults import processes
from tests.faults.near import NearContainer
from tests.faults.pieces import BASE, Kind, write_pieces
from tests.journeys.invariants import STOOD, remember_migrations, replaced_databases
from tests.server import Container, Proxy, ServerUnderTest, Site
from tests.server.container import SUPERUSER
from tests.server.machine import as_root, run
from tests.server.site import FABFILE, HOST
from tests.server.sshd import LOGIN

if TYPE_CHECKING:
    from collections.abc import Iterator

HOOKED = (
    *("awk", "cat", "chmod", "cp", "date", "df", "docker", "find", "grep", "gzip", "ln", "mkdir", "mkfifo", "mv", "rm", "sed"),
    *("setsid", "sha256sum", "sync", "tar"),
)  # fmt: skip
"""The programs at whose calls a fault can strike. Those with which a log is followed are left out: they only wait."""

DATABASE = "shop"
DISK_MB = 128
CLUSTER_MB = 400
TMP_MB = 16

COME_BACK_FOR_S = 6
"""How long a client tries to come back: a network that is gone for good must not cost each round a minute."""

SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "60", "shared_buffers": "16MB"}


@dataclass(frozen=True, slots=True)
class Stage:
    """A state of the server from which rounds start.

    Attributes:
        databases: what each database is made from again, by its name.
        closed: those of them that let nobody in.
    """

    name: str
    databases: dict[str, str]
    closed: tuple[str, ...]
    folder: Path


class Ground:
    """One worker's server. Make it with `running()`."""

    def __init__(self, server: ServerUnderTest, proxy: Proxy, site: Site, shims: Path) -> None:
        self.server = server
        self.proxy = proxy
        self.site = site
        self.shims = shims
        self._stages: dict[str, Stage] = {}
        self._times = 0

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Ground]:
        """Start a server whose programs can be held, whose disks can be filled, and whose container can be killed."""
        with ServerUnderTest.running(programs="shims") as server, server.proxy() as proxy:
            shims = server.folder / "shims"
            _hook_programs(shims)
            home = PurePosixPath(f"/home/{LOGIN}") / server.session
            folders = (home, home / "site", home / "cluster", home / "socket")
            run(as_root("install", "-d", "-o", LOGIN, "-g", LOGIN, *map(str, folders)))
            _mount(home / "site", DISK_MB, owner=LOGIN)
            _mount(home / "cluster", CLUSTER_MB, owner="root")
            started = Container.start_new(
                f"{server.session}-faults",
                session=server.session,
                version=15,
                settings=SETTINGS,
                options=(
                    *("--volume", f"{home / 'cluster'}:/var/lib/postgresql/data"),
                    *("--volume", f"{home / 'socket'}:/var/run/postgresql"),
                    *("--tmpfs", f"/tmp:size={TMP_MB}m,mode=1777"),
                ),
            )
            postgres = NearContainer(started.name, str(home / "socket"))
            yield cls(server, proxy, _site(server, postgres, home / "site").through(proxy), shims)

    def put_back(self, stage: str) -> Site:
        """Make everything as it was when the stage was first reached; whatever ran there must have ended."""
        if stage not in self._stages:
            self._stages[stage] = self._reach(stage)
        self._restore(self._stages[stage])
        return self.site

    # reaching a stage for the first time

    def _reach(self, stage: str) -> Stage:
        site = self.site
        if stage == "fresh":
            self._restore(Stage("nothing", {}, (), self.server.folder / "nothing"))
            site.psql(f"CREATE DATABASE {DATABASE}", "postgres")
            site.psql(BASE)
        elif stage == "deployed":
            self.put_back("fresh")
            write_pieces(site, [(1, Kind.PLAIN)])
            site.fab("deploy", check=0)
        elif stage == "grown":
            self.put_back("deployed")
            write_pieces(site, [(2, Kind.PLAIN), (3, Kind.INDEX), (4, Kind.UPDATE)])
            site.fab("deploy", check=0)
            site.psql("INSERT INTO clients SELECT i, 'later' FROM generate_series(3001, 3500) AS i")
        elif stage == "rolled back":
            self.put_back("grown")
            site.fab("rollback", "--backup=pre_deploy", "--yes", check=0)
        else:
            raise ValueError(stage)
        return self._keep(stage)

    def _keep(self, stage: str) -> Stage:
        folder = self.server.folder / "stages" / stage
        folder.mkdir(parents=True)
        replaced = replaced_databases(self.site)
        databases = {name: f"stage_{stage.replace(' ', '_')}_{n}" for n, name in enumerate([DATABASE, *replaced])}
        for name, copy in databases.items():
            self.site.psql(f"CREATE DATABASE {copy} TEMPLATE {name}", "postgres")
            self.site.psql(f"ALTER DATABASE {copy} ALLOW_CONNECTIONS false", "postgres")
        run(as_root("cp", "-a", str(self.site.remote_dir), str(folder / "server")))
        shutil.copytree(self.site.project / "migrations", folder / "migrations")
        return Stage(stage, databases, tuple(replaced), folder)

    # going back to it

    def _restore(self, stage: Stage) -> None:
        self._put_back_the_world()
        drop = (
            "SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database"
            f" WHERE datname ~ '^{DATABASE}(_|$)' \\gexec\n"
        )
        create = "".join(f"CREATE DATABASE {name} TEMPLATE {copy};\n" for name, copy in stage.databases.items())
        close = "".join(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false;\n" for name in stage.closed)
        self.site.psql(drop + create + close, "postgres")
        remote = str(self.site.remote_dir)
        run(as_root("find", remote, "-mindepth", "1", "-delete"))
        migrations = self.site.project / "migrations"
        shutil.rmtree(migrations)
        if stage.folder.exists():
            run(as_root("cp", "-a", f"{stage.folder}/server/.", remote))
            shutil.copytree(stage.folder / "migrations", migrations)
        else:
            migrations.mkdir()
        STOOD.clear()
        remember_migrations(self.site)

    def _put_back_the_world(self) -> None:
        self.proxy.heal()
        self.disarm()
        # a round that failed may have left a job at work, which must not work on in the next one
        processes.kill(p for p in processes.on_server(self.server.session) if "sshd" not in p.words)
        for name in ("clock", "spoil"):
            (self._state / name).unlink(missing_ok=True)
        if not self.container_runs():
            self.site.postgres.start()

    def container_runs(self) -> bool:
        return run(["docker", "inspect", "-f", "{{.State.Running}}", self.site.container]).strip() == b"true"

    # the shims

    def arm(self, call: int, *, held: bool) -> None:
        """Let the next so many calls of programs pass, and report the one after."""
        self.disarm()
        self._times += 1
        now = self._state / str(self._times)
        now.mkdir()
        now.chmod(0o777)
        whole = f"{call} {'held' if held else 'passing'} {self._times}\n"
        # in one step, since it may be read at any time
        (self._state / "arming").write_text(whole, encoding="ascii")
        (self._state / "arming").rename(self._state / "armed")

    def disarm(self) -> None:
        """Count no more calls, and hold none."""
        (self._state / "armed").unlink(missing_ok=True)
        self.let_go()
        for name in ("reached", "dumped", "killed"):
            run(as_root("rm", "-f", str(self._state / name)))

    def was_reached(self) -> bool:
        return (self._state / str(self._times) / "reached").exists()

    def moment_of(self, name: str) -> float | None:
        """Return when something came to pass in a spoiled dump: `reached`, `dumped` or `killed`."""
        try:
            return (self._state / name).stat().st_mtime
        except FileNotFoundError:
            return None

    def let_go(self) -> None:
        """Let the call that is held go on, and whoever might still come to be held."""
        (self._state / str(self._times) / "go").touch()

    def calls(self) -> list[str]:
        """Return the programs that were called since `arm`."""
        return self._read("calls").splitlines()

    def where(self) -> str:
        """Return number and program of the call that was reported."""
        return self._read("where").strip()

    def spoil(self, how: str) -> None:
        """Let each dump be spoiled in a way of spoil.sh, with its arguments; in none where it is empty."""
        (self._state / "spoil").write_text(f"{how}\n" if how else "", encoding="ascii")

    def set_clock(self, offset_s: int) -> None:
        """Let the server's `date` be wrong by so much; the machine's own clock is left alone."""
        (self._state / "clock").write_text(f"{offset_s}\n", encoding="ascii")

    @property
    def _state(self) -> Path:
        return self.shims / "state"

    def _read(self, name: str) -> str:
        path = self._state / str(self._times) / name
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    # disks

    def fill(self, folder: PurePosixPath) -> None:
        """Write until nothing more goes in; the filler is the one file of that name."""
        run(as_root("sh", "-c", 'dd if=/dev/zero of="$0/filler" bs=64k 2>/dev/null || true', str(folder)))

    def free(self, folder: PurePosixPath) -> None:
        run(as_root("rm", "-f", str(folder / "filler")))

    @property
    def cluster(self) -> PurePosixPath:
        """The disk of the database, as this machine sees it."""
        return self.site.remote_dir.with_name("cluster")


def _hook_programs(shims: Path) -> None:
    for folder in (shims, shims / "real", shims / "state", shims / "state" / "0"):
        folder.mkdir()
    # both sides write here: the programs as the login user, the tests as themselves
    (shims / "state").chmod(0o777)
    shutil.copy(Path(__file__).with_name("spoil.sh"), shims)
    script = Path(__file__).with_name("shim.sh").read_bytes()
    for name in HOOKED:
        real = shutil.which(name, path="/usr/bin:/bin")
        assert real, name
        (shims / "real" / name).symlink_to(real)
        (shims / name).write_bytes(script)
        (shims / name).chmod(0o755)


def _mount(folder: PurePosixPath, megabytes: int, *, owner: str) -> None:
    options = f"size={megabytes}m,mode=0755,uid={owner},gid={owner}"
    run(as_root("mount", "-t", "tmpfs", "-o", options, "deploy-test", str(folder)))


def _site(server: ServerUnderTest, postgres: Container, remote_dir: PurePosixPath) -> Site:
    here = server.folder / "here"
    for folder in (here / "home", here / "project" / "migrations"):
        folder.mkdir(parents=True)
    patience = f"import deploy.job.runner\n\ndeploy.job.runner.COME_BACK_FOR_S = {COME_BACK_FOR_S}\n"
    (here / "project" / "fabfile.py").write_text(FABFILE.replace("\n\n", f"\n{patience}\n", 1), encoding="utf-8")
    return Site(
        sshd=server.sshd,
        ssh_config=server.sshd.write_ssh_config(here / "ssh_config", host=HOST),
        postgres=postgres,
        private=True,
        database=DATABASE,
        user=SUPERUSER,
        remote_dir=remote_dir,
        project=here / "project",
        home=here / "home",
        env={
            "FABRIC_DEPLOY_CONTAINER": postgres.name,
            "FABRIC_DEPLOY_DATABASE": DATABASE,
            "FABRIC_DEPLOY_USER": SUPERUSER,
            "FABRIC_DEPLOY_REMOTE_DIR": str(remote_dir),
            "FABRIC_DEPLOY_LOCK_TIMEOUT": "400ms",
            # the scenes that rehearse say so
            "FABRIC_DEPLOY_REHEARSE": "never",
        },
    )
