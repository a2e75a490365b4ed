"""PostgreSQL in a container, used as the tests' own hands: never through the tool under test."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.server.machine import CommandFailed, run, succeeds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SUPERUSER = "backtester"
IMAGE = "deploy-test-postgres"

# Since August 2025 each dump carries a random token, which would make any two differ.
RESTRICT = re.compile(rb"^\\(un)?restrict .*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Container:
    """A running (or stopped, or paused) PostgreSQL container."""

    name: str

    @classmethod
    def start_new(
        cls, name: str, *, session: str, version: int, settings: Mapping[str, str], options: Sequence[str] = ()
    ) -> Container:
        """Start a container of its own database cluster and wait until it answers.

        Args:
            name: unique on this machine.
            session: by which `sweep.sh` finds it.
            version: 15 or 17.
            settings: of the PostgreSQL server, as in `postgres -c name=value`.
            options: of `docker run`, such as mounts.
        """
        chosen = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        run(
            [
                *("docker", "run", "--detach", "--name", name),
                *("--label", "deploy-test=1", "--label", f"deploy-test-session={session}"),
                *("--env", f"POSTGRES_USER={SUPERUSER}", "--env", f"POSTGRES_DB={SUPERUSER}"),
                *("--env-file", "/dev/stdin"),
                *options,
                f"{IMAGE}:{version}",
                *chosen,
            ],
            # no test that looks for secrets on command lines may find it there
            stdin=b"POSTGRES_PASSWORD=only-for-tests\n",
        )
        container = cls(name)
        container.wait_until_ready()
        return container

    def wait_until_ready(self, *, timeout_s: float = 60) -> None:
        """Wait for TCP, which the image opens last: its first start has a temporary server on the socket alone."""
        deadline = time.monotonic() + timeout_s
        while not succeeds(["docker", "exec", self.name, "pg_isready", "--quiet", "--host=127.0.0.1"]):
            if time.monotonic() > deadline:
                raise CommandFailed(f"{self.name} is not ready after {timeout_s} s:\n{self.log()}")
            time.sleep(0.1)

    def psql(self, database: str, sql: str) -> str:
        """Return the rows of all statements, unaligned, without headers and without the last line end."""
        argv = ["docker", "exec", "-i", self.name, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER]
        return run([*argv, "-d", database], stdin=sql.encode()).decode().removesuffix("\n")

    def restore(self, database: str, dump: bytes) -> None:
        """Run a dump's text, strictly."""
        argv = ["docker", "exec", "-i", self.name, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER]
        run([*argv, "-d", database], stdin=dump)

    def dump(self, database: str, *options: str) -> bytes:
        """Return pg_dump's text, comparable: equal databases give equal bytes."""
        argv = ["docker", "exec", self.name, "pg_dump", "-U", SUPERUSER, *options, database]
        return RESTRICT.sub(b"", run(argv))

    def log(self) -> str:
        """Return what the server has logged so far."""
        return run(["sh", "-c", 'exec docker logs "$0" 2>&1', self.name]).decode(errors="replace")

    def pause(self) -> None:
        """Freeze all its processes: connections stay open and nothing answers."""
        run(["docker", "pause", self.name])

    def unpause(self) -> None:
        run(["docker", "unpause", self.name])

    def stop(self) -> None:
        """Shut down in order (a fast shutdown)."""
        run(["docker", "stop", self.name])

    def kill(self) -> None:
        """Take the server's power away: what it had not written is gone."""
        run(["docker", "kill", self.name])

    def start(self) -> None:
        """Start again after `stop` or `kill`, and wait until it answers."""
        run(["docker", "start", self.name])
        self.wait_until_ready()

    def remove(self) -> None:
        run(["docker", "rm", "--force", "--volumes", self.name])
