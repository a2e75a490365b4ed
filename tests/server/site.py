"""What one test deploys to: a folder and a database on the server, and a project on this side."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

import deploy
from tests.schemas import problem_of_output
from tests.server.machine import CommandFailed, as_root, run
from tests.server.sshd import LOGIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.server.container import Container
    from tests.server.proxy import Proxy
    from tests.server.sshd import Sshd

HOST = "prod"

FABFILE = """\
from deploy.tasks import ns

__all__ = ["ns"]
"""

# A test sees the same on a laptop, in GitHub's runner and under an agent: nothing else is passed on.
_INHERITED = ("PATH", "TMPDIR", "COVERAGE_PROCESS_START", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True)
class Site:
    """One test's own corner of the server: nothing in it is shared but the container (unless that is private).

    Attributes:
        host: what `-H` gets.
        ssh_config: what `-S` gets.
        postgres: the container, to pause, stop, kill and start where it is private.
        database: empty at first, owned by `user`.
        user: a superuser that needs no password inside the container.
        remote_dir: empty at first, owned by the login user.
        project: a folder with a `fabfile.py` and an empty `migrations/`, the working folder of `fab`.
        home: an empty folder, HOME of `fab`: no settings, keys or known hosts of this machine's user.
        env: the FABRIC_DEPLOY_* variables that lead the tool here.
    """

    sshd: Sshd
    ssh_config: Path
    postgres: Container
    private: bool
    database: str
    user: str
    remote_dir: PurePosixPath
    project: Path
    home: Path
    env: dict[str, str]
    host: str = HOST
    _spawned: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def container(self) -> str:
        """The container's name."""
        return self.postgres.name

    # the tool

    def fab(
        self,
        *args: str,
        check: int | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout: float = 120,
        remote: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run the real `fab -S … -H prod ARGS` in the project's folder; with `--json`, what it prints must be as its schema says.

        Args:
            args: the task and its flags.
            check: the exit status that the test expects; left out, any will do.
            env: further variables, which win over `self.env`; an empty value hides one.
            stdin: what is typed; left out, there is nobody to type.
            timeout: seconds until it is killed and `subprocess.TimeoutExpired` raised.
            remote: False leaves `-S` and `-H` out, for a local deploy.
        """
        argv = self._argv(args, remote=remote)
        done = subprocess.run(
            argv,
            cwd=self.project,
            env=self._environment(env),
            input=stdin or "",
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        said = f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
        if check is not None and done.returncode != check:
            raise CommandFailed(f"fab {shlex.join(args)} exited with {done.returncode}, not {check}\n{said}")
        if found := problem_of_output(args, done.stdout):
            raise CommandFailed(f"fab {shlex.join(args)} isn't what docs/schemas promises: {found}\n{said}")
        return done

    def spawn(self, *args: str, env: Mapping[str, str] | None = None, remote: bool = True) -> subprocess.Popen[str]:
        """Start the same and return at once, for a test that watches, interrupts or kills the client.

        It is the leader of a process group of its own, its stdin and stdout are pipes, and its stderr comes on stdout.
        What still runs at the test's end is killed.
        """
        return self._spawn(self._argv(args, remote=remote), env)

    def spawn_ssh(self, command: str) -> subprocess.Popen[str]:
        """Start a command of the server's shell in the same way, by OpenSSH's own client: what somebody does by hand."""
        return self._spawn(["ssh", "-F", str(self.ssh_config), self.host, command])

    def _spawn(self, argv: list[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            argv,
            cwd=self.project,
            env=self._environment(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._spawned.append(process)
        return process

    def _argv(self, args: tuple[str, ...], *, remote: bool) -> list[str]:
        where = ["-S", str(self.ssh_config), "-H", self.host] if remote else []
        return [str(Path(sys.executable).with_name("fab")), *where, *args]

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {
            **inherited,
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            # The package that the tests import is the one they run, installed or not.
            "PYTHONPATH": str(Path(deploy.__file__).parent.parent),
            **self.env,
            **(more or {}),
        }

    def through(self, proxy: Proxy) -> Site:
        """Return the same site, reached through the proxy."""
        path = self.home.with_name(f"ssh_config.{proxy.port}")
        return replace(self, ssh_config=self.sshd.write_ssh_config(path, host=self.host, port=proxy.port))

    # the project

    def write_migration(self, name: str, sql: str) -> Path:
        """Write `migrations/NAME` as it is given, without an added line end."""
        path = self.project / "migrations" / name
        path.write_text(sql, encoding="utf-8", newline="")
        return path

    # the database, never through the tool

    def psql(self, sql: str, database: str | None = None) -> str:
        """Return the rows as text: columns parted by `|`, no header, no last line end.

        Raises:
            CommandFailed: the statement failed; the message is psql's.
        """
        return self.postgres.psql(database or self.database, sql)

    def dump(self, database: str | None = None, *, without_ledger: bool = False) -> bytes:
        """Return the database as text, for `==` before and after."""
        options = ("--exclude-schema=deploy",) if without_ledger else ()
        return self.postgres.dump(database or self.database, *options)

    # the server's files, never through the tool

    def ssh(self, command: str, *, stdin: bytes = b"", timeout: float = 60) -> bytes:
        """Return what the server's shell printed, asked as `deployer` by OpenSSH's own client."""
        return run(["ssh", "-F", str(self.ssh_config), self.host, command], stdin=stdin, timeout_s=timeout)

    def remote_files(self) -> list[str]:
        """Return the paths under `remote_dir` of everything that is no folder, sorted."""
        found = run(as_root("find", str(self.remote_dir), "!", "-type", "d", "-printf", r"%P\0"))
        return sorted(found.decode().split("\0")[:-1])

    def read_remote(self, path: str) -> bytes:
        """Return the content of a file under `remote_dir`."""
        return run(as_root("cat", "--", str(self.remote_dir / path)))

    def write_remote(self, path: str, content: bytes) -> None:
        """Put a file of the login user's under `remote_dir`, with its folders, mode 0600."""
        target = self.remote_dir / path
        folder, file = shlex.quote(str(target.parent)), shlex.quote(str(target))
        self.ssh(f"umask 077 && mkdir -p {folder} && cat >{file}", stdin=content)

    def small_disk(self, megabytes: int) -> None:
        """Put a disk of this size under `remote_dir`, which must be empty, until the test's end."""
        options = f"size={megabytes}m,mode=0755,uid={LOGIN},gid={LOGIN}"
        run(as_root("mount", "-t", "tmpfs", "-o", options, "deploy-test", str(self.remote_dir)))

    # the private container

    def pause(self) -> None:
        """Freeze the private container."""
        self._own_container().pause()

    def unpause(self) -> None:
        self._own_container().unpause()

    def stop(self) -> None:
        """Shut the private container down in order."""
        self._own_container().stop()

    def kill(self) -> None:
        """Take the private container's power away."""
        self._own_container().kill()

    def start(self) -> None:
        """Start the private container again and wait until it answers."""
        self._own_container().start()

    def _own_container(self) -> Container:
        if not self.private:
            raise ValueError("other tests share this container: ask for server.fresh(private=True)")
        return self.postgres

    # the end

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill what `spawn` left running, and take the small disk and the private container away."""
        for process in self._spawned:
            # Never a group or a session: once its leader was waited for, the number may be somebody else's.
            process.kill()
            # The process may have gone with unwritten input, which close() would try to write once more.
            with suppress(BrokenPipeError), process:
                pass
        self._spawned.clear()
        if os.path.ismount(self.remote_dir):
            # Lazy: a job that the test left running may still have a file open there.
            run(as_root("umount", "--lazy", str(self.remote_dir)))
        if self.private:
            self.postgres.remove()
