"""A real OpenSSH server on a loopback port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.server.machine import CommandFailed, as_root, run

LOGIN = "deployer"

# No sftp: the tool promises to need none.
_SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/client_key.pub
AllowUsers {login}
AuthenticationMethods publickey
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
MaxStartups 100
SetEnv DEPLOY_TEST_SESSION={session}{environment}
"""

_SSH_CONFIG = """\
Host {host}
    HostName 127.0.0.1
    Port {port}
    User {login}
    IdentityFile {folder}/client_key
    IdentitiesOnly yes
    UserKnownHostsFile {known_hosts}
    StrictHostKeyChecking yes
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Sshd:
    """An sshd that lets `deployer` in with one key.

    Everything in `folder` may be read by anybody but the client's key, for sshd reads its files as the login user.

    Attributes:
        path: what PATH is for those who log in; left empty, sshd's own.
    """

    folder: Path
    session: str
    sftp: bool = False
    path: str = ""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait for its banner."""
        for name in ("host_key", "client_key"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.folder / name)])
        (self.folder / "client_key.pub").chmod(0o644)
        self.port = free_port()
        environment = f" PATH={self.path}" if self.path else ""
        text = _SSHD_CONFIG.format(
            port=self.port, folder=self.folder, login=LOGIN, session=self.session, environment=environment
        )
        text += "Subsystem sftp internal-sftp\n" if self.sftp else ""
        (self.folder / "sshd_config").write_text(text, encoding="utf-8")
        self._listen()

    def kill(self) -> None:
        """End the listener and all connections at once; what they started is left alone."""
        listener = int((self.folder / "sshd.pid").read_text(encoding="ascii"))
        connections = Path(f"/proc/{listener}/task/{listener}/children").read_text(encoding="ascii").split()
        # one that has just ended by itself is no failure
        subprocess.run(as_root("kill", "-9", str(listener), *connections), check=False, capture_output=True)
        self.reap()

    def start_again(self) -> None:
        """Listen on the same port, with the same key, after `kill`."""
        self._listen()

    def _listen(self) -> None:
        # /run is emptied at each boot, and Debian's sshd insists on this folder.
        run(as_root("mkdir", "-p", "/run/sshd"))
        config = self.folder / "sshd_config"
        # sshd starts itself again for each connection, so it wants its own absolute path.
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if program is None:
            raise CommandFailed("sshd is not installed: run tests/install.sh as root")
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(
                as_root(program, "-D", "-e", "-f", str(config)), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait_for_banner(timeout_s=20)

    def _wait_for_banner(self, *, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                    if probe.recv(4) == b"SSH-":
                        return
            except OSError:
                time.sleep(0.05)
        raise CommandFailed(f"sshd does not answer on port {self.port}:\n{self.log()}")

    def reap(self) -> None:
        """Collect the process that `sweep.sh` has ended."""
        if self.process is not None:
            self.process.wait(timeout=20)

    def log(self) -> str:
        return (self.folder / "sshd.log").read_text(encoding="utf-8", errors="replace")

    def write_ssh_config(self, path: Path, *, host: str, port: int | None = None) -> Path:
        """Write the client's ssh_config, and beside it a known_hosts with the right key.

        Args:
            path: where to write; the other file is `<path>.known_hosts`.
            host: the name that `-H` gets.
            port: where to connect; left out, to sshd itself, without a proxy.
        """
        port = self.port if port is None else port
        known_hosts = path.with_name(f"{path.name}.known_hosts")
        kind, key = (self.folder / "host_key.pub").read_text(encoding="ascii").split()[:2]
        known_hosts.write_text(f"[127.0.0.1]:{port} {kind} {key}\n", encoding="ascii")
        path.write_text(
            _SSH_CONFIG.format(host=host, port=port, login=LOGIN, folder=self.folder, known_hosts=known_hosts),
            encoding="utf-8",
        )
        return path
