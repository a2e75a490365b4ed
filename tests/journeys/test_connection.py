"""Reaching a real sshd: the right one, the wrong one, one that dies and one that falls silent."""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fabric import Config, Connection
from paramiko.config import SSHConfig

from deploy.model.errors import (
    ConnectionLost,
    DeployError,
    HostKeyChanged,
    HostKeyUnknown,
    LoginRefused,
    ServerTalksNonsense,
    ServerUnreachable,
    SshConfigInvalid,
    UploadDamaged,
    UsageError,
)
from deploy.server.fabric_config import defaults_from
from deploy.server.local import LocalShell
from deploy.server.remote import RemoteShell, open_remote, way_to
from deploy.server.ssh_config import read_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.server.shell import Shell, Stream

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
LOOPBACK = "127.0.0.1"
ME = getpass.getuser()
BULK = 20 * 2**20

SOON_S = 12
"""On a machine that does much else; what never comes takes thirty."""

pytestmark = pytest.mark.skipif(SSHD is None, reason="there is no sshd on this machine")


@dataclass(frozen=True)
class Sshd:
    """A server that a test may connect to, freeze and kill."""

    port: int
    pid: int
    directory: Path

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def login_key(self) -> Path:
        return self.directory / "login"

    def host_key(self, kind: str = "ed25519") -> str:
        """Return its public key as known_hosts has it: type and base64."""
        return public(self.directory / kind)

    def sessions(self) -> list[int]:
        """Return the processes that serve connections."""
        listing = subprocess.run(["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, check=True, text=True).stdout
        rows = [line.split(None, 2) for line in listing.splitlines()]
        family = {self.pid}
        for pid, parent, command in sorted(rows, key=lambda row: int(row[0])):
            if int(parent) in family and command.startswith("sshd"):
                family.add(int(pid))
        return sorted(family - {self.pid}, reverse=True)

    def signal_sessions(self, number: signal.Signals) -> None:
        for pid in self.sessions():
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def running_sshd(directory: Path, *settings: str) -> Iterator[Sshd]:
    directory.mkdir(parents=True)
    new_key(directory / "ed25519")
    new_key(directory / "rsa", kind="rsa")
    new_key(directory / "login")
    shutil.copy(directory / "login.pub", directory / "authorized_keys")
    port = free_port()
    configuration = directory / "sshd_config"
    configuration.write_text(
        f"ListenAddress {LOOPBACK}:{port}\n"
        f"HostKey {directory}/ed25519\nHostKey {directory}/rsa\n"
        f"AuthorizedKeysFile {directory}/authorized_keys\n"
        "PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n" + "".join(f"{line}\n" for line in settings),
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd's own, where it locks itself up before the login
    process = subprocess.Popen([str(SSHD), "-D", "-E", directory / "log", "-f", configuration])
    sshd = Sshd(port, process.pid, directory)
    try:
        wait_for_port(port)
        yield sshd
    finally:
        sshd.signal_sessions(signal.SIGKILL)
        process.kill()
        process.wait()


def new_key(file: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", file], check=True)
    return file


def public(key: Path) -> str:
    kind, base64 = key.with_name(key.name + ".pub").read_text().split()[:2]
    return f"{kind} {base64}"


def fingerprint(key: Path) -> str:
    listing = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], capture_output=True, check=True, text=True)
    return listing.stdout.split()[1]


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int) -> None:
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        with suppress(ConnectionRefusedError), socket.create_connection((LOOPBACK, port), timeout=1):
            return
        time.sleep(0.02)
    pytest.fail(f"sshd doesn't listen on port {port}")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("server") / "sshd") as server:
        yield server


@pytest.fixture
def fragile_sshd(tmp_path: Path) -> Iterator[Sshd]:
    """One that nobody else uses, to be killed."""
    with running_sshd(tmp_path / "sshd") as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No thread of Paramiko may print anything, whatever happens."""
    yield
    assert capfd.readouterr().err == ""


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def fab_connection(*, key: Path | None = None, **connect_kwargs: object) -> Connection:
    """Return what a task gets from fab, with `-i` where there is a key."""
    given = ({"key_filename": [str(key)]} if key else {}) | connect_kwargs
    overrides = {"connect_kwargs": given}
    return Connection("ignored", config=Config(overrides=overrides, ssh_config=SSHConfig(), lazy=True))


@contextmanager
def connected(
    host: str,
    *,
    key: Path | None = None,
    known_hosts: Path | None = None,
    config: Path | None = None,
    **connect_kwargs: object,
) -> Iterator[RemoteShell]:
    shell = open_remote(
        fab_connection(key=key, **connect_kwargs),
        host_string=host,
        known_hosts=str(known_hosts) if known_hosts else None,
        ssh_config_file=str(config) if config else None,
    )
    try:
        yield shell
    finally:
        shell.close()


def knowing(directory: Path, *lines: str, name: str = "known_hosts") -> Path:
    file = directory / name
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def known(sshd: Sshd, directory: Path) -> Path:
    return knowing(directory, f"[{LOOPBACK}]:{sshd.port} {sshd.host_key()}", name=f"known_{sshd.port}")


@pytest.fixture
def remote(sshd: Sshd, tmp_path: Path) -> Iterator[RemoteShell]:
    with connected(sshd.address, key=sshd.login_key, known_hosts=known(sshd, tmp_path)) as shell:
        yield shell


@pytest.fixture(params=["remote", "local"])
def shell(request: pytest.FixtureRequest) -> Shell:
    """Either kind: what holds for one holds for the other."""
    return LocalShell() if request.param == "local" else request.getfixturevalue("remote")


class TestAHostKey:
    def test_that_is_unknown_stops_us_and_is_named(self, sshd: Sshd, tmp_path: Path) -> None:
        """Before any key of ours is offered."""
        with pytest.raises(HostKeyUnknown) as refusal, connected(sshd.address, known_hosts=knowing(tmp_path)):
            pass
        story = "\n".join([refusal.value.message, *refusal.value.details, refusal.value.hint])
        assert f"the server {sshd.address}" in story
        assert fingerprint(sshd.directory / "ed25519") in story
        assert str(tmp_path / "known_hosts") in story
        assert "ssh-keygen -lf" in story

    def test_that_has_changed_stops_us_with_both_fingerprints(self, sshd: Sshd, tmp_path: Path) -> None:
        other = new_key(tmp_path / "other")
        file = knowing(tmp_path, "# a comment", f"[{LOOPBACK}]:{sshd.port} {public(other)}")
        with pytest.raises(HostKeyChanged) as refusal, connected(sshd.address, known_hosts=file):
            pass
        story = "\n".join([refusal.value.message, *refusal.value.details])
        assert fingerprint(sshd.directory / "ed25519") in story
        assert fingerprint(other) in story
        assert f"{file}:2" in story

    def test_known_only_by_its_rsa_key_is_asked_for_that_one(self, sshd: Sshd, tmp_path: Path) -> None:
        file = knowing(tmp_path, f"[{LOOPBACK}]:{sshd.port} {sshd.host_key('rsa')}")
        with connected(sshd.address, key=sshd.login_key, known_hosts=file) as shell:
            assert shell.run(["true"]).status == 0

    def test_is_looked_for_in_every_file_that_ssh_names(self, sshd: Sshd, tmp_path: Path) -> None:
        knowing(tmp_path, "elsewhere.example.com " + sshd.host_key(), name="first")
        knowing(tmp_path, f"[{LOOPBACK}]:{sshd.port} {sshd.host_key()}", name="second one")
        config = tmp_path / "config"
        config.write_text(f'UserKnownHostsFile {tmp_path}/first "{tmp_path}/second one"\nGlobalKnownHostsFile none\n')
        with connected(sshd.address, key=sshd.login_key, config=config) as shell:
            assert shell.run(["true"]).status == 0

    def test_is_never_taken_on_trust_whatever_ssh_is_told(self, sshd: Sshd, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text("StrictHostKeyChecking no\nUserKnownHostsFile none\nGlobalKnownHostsFile none\n")
        with pytest.raises(HostKeyUnknown), connected(sshd.address, key=sshd.login_key, config=config):
            pass


HERE = f"[{LOOPBACK}]:%(port)s"
KNOWN_HOSTS = {
    "the host with its port": [f"{HERE} %(right)s"],
    "the host alone is good for any port": [f"{LOOPBACK} %(right)s"],
    "another key for the host alone": [f"{LOOPBACK} %(wrong)s"],
    "another key for this port, ours for the host": [f"{HERE} %(wrong)s", f"{LOOPBACK} %(right)s"],
    "ours for this port, another for the host": [f"{HERE} %(right)s", f"{LOOPBACK} %(wrong)s"],
    "two keys, one of them ours": [f"{HERE} %(wrong)s", f"{HERE} %(right)s"],
    "another port": [f"[{LOOPBACK}]:1 %(right)s"],
    "port 22 spelled out": [f"[{LOOPBACK}]:22 %(right)s"],
    "several names": [f"example.com,{HERE},10.0.0.1 %(right)s"],
    "everything": ["* %(right)s"],
    "everything, another key": ["* %(wrong)s"],
    "everything except the host": [f"*,!{LOOPBACK} %(right)s"],
    "everything except the host with its port": [f"*,!{HERE} %(right)s"],
    "only an exception": ["!example.com %(right)s"],
    "a star in the name": ["[127.*]:%(port)s %(right)s"],
    "a star for the port": [f"[{LOOPBACK}]:* %(right)s"],
    "a question mark": ["127.0.0.? %(right)s"],
    "brackets are no character class": ["127.0.0.[1] %(right)s"],
    "revoked": ["@revoked * %(right)s", f"{HERE} %(right)s"],
    "another revoked": ["@revoked * %(wrong)s", f"{HERE} %(right)s"],
    "revoked for another host": ["@revoked example.com %(right)s", f"{HERE} %(right)s"],
    "an authority's certificate": ["@cert-authority * %(right)s"],
    "an unknown marker": ["@trusted * %(right)s"],
    "bad lines around a good one": ["x", f"{HERE} ssh-ed25519 A", f"{HERE} %(right)s", f"{HERE} ssh-ed25519 &&&"],
    "the wrong type before the key": [f"{HERE} ssh-rsa %(right_base64)s"],
    "blanks and tabs": [f"  {HERE}\t%(right)s  a comment here"],
    "commented out": [f"#{HERE} %(right)s"],
    "another key of another type": [f"{HERE} %(wrong_rsa)s"],
    "ours and another of another type": [f"{HERE} %(right)s", f"{HERE} %(wrong_rsa)s"],
    "our rsa key and another of another type": [f"{HERE} %(wrong)s", f"{HERE} %(right_rsa)s"],
    "nothing": [],
}


@pytest.fixture(scope="module")
def keys(sshd: Sshd, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the lines of KNOWN_HOSTS are filled in with."""
    directory = tmp_path_factory.mktemp("keys")
    return {
        "port": sshd.port,
        "right": sshd.host_key(),
        "right_base64": sshd.host_key().split()[1],
        "right_rsa": sshd.host_key("rsa"),
        "wrong": public(new_key(directory / "wrong")),
        "wrong_rsa": public(new_key(directory / "wrong_rsa", kind="rsa")),
    }


class TestAKnownHostsFile:
    @pytest.mark.parametrize("lines", KNOWN_HOSTS.values(), ids=KNOWN_HOSTS.keys())
    def test_means_to_us_what_it_means_to_ssh(
        self,
        lines: list[str],
        keys: dict[str, object],
        sshd: Sshd,
        tmp_path: Path,
    ) -> None:
        file = knowing(tmp_path, *(line % keys for line in lines))
        assert our_verdict(sshd, file) == verdict_of_ssh(sshd, file)

    @pytest.mark.parametrize("name", [LOOPBACK, f"[{LOOPBACK}]:%(port)s", "example.com"])
    def test_may_be_hashed(self, name: str, keys: dict[str, object], sshd: Sshd, tmp_path: Path) -> None:
        file = knowing(tmp_path, f"{name} %(right)s" % keys)
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
        assert file.read_text().startswith("|1|")
        assert our_verdict(sshd, file) == verdict_of_ssh(sshd, file)


def our_verdict(sshd: Sshd, file: Path) -> str:
    try:
        with connected(sshd.address, key=sshd.login_key, known_hosts=file):
            return "known"
    except HostKeyChanged as refusal:
        return "revoked" if "revoked" in refusal.message else "changed"
    except HostKeyUnknown:
        return "unknown"


def verdict_of_ssh(sshd: Sshd, file: Path) -> str:
    settings = [
        *("-o", "StrictHostKeyChecking=yes"),
        *("-o", f"UserKnownHostsFile={file}"),
        *("-o", "GlobalKnownHostsFile=none"),
        *("-o", "BatchMode=yes"),
        *("-i", str(sshd.login_key)),
    ]
    argv = ["ssh", "-F", "none", *settings, "-p", str(sshd.port), LOOPBACK, "true"]
    answer = subprocess.run(argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if answer.returncode == 0:
        return "known"
    if "REVOKED" in answer.stderr:
        return "revoked"
    return "changed" if "HAS CHANGED" in answer.stderr else "unknown"


FORWARDER = """
import os, select, socket, sys
server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while True:
    ready, _, _ = select.select([0, server], [], [])
    for source, target in ((0, server.fileno()), (server, 1)):
        if source in ready:
            data = os.read(0, 65536) if source == 0 else server.recv(65536)
            if not data:
                sys.exit()
            os.write(target, data)
"""


class TestTheSshConfiguration:
    def test_gives_an_alias_its_host_port_user_and_key(self, sshd: Sshd, tmp_path: Path) -> None:
        """Even by way of Include, which Fabric ignores."""
        (tmp_path / "included").write_text(
            f"Host prod\n  HostName {LOOPBACK}\n  Port {sshd.port}\n  User {ME}\n"
            f"  IdentityFile {sshd.login_key}\n  UserKnownHostsFile {known(sshd, tmp_path)}\n",
        )
        config = tmp_path / "config"
        config.write_text(f"Include {tmp_path}/included\n")
        with connected("prod", config=config) as shell:
            assert shell.name == "prod"
            assert shell.run(["id", "-un"]).stdout.decode().strip() == ME

    def test_gives_way_to_what_was_typed(self, sshd: Sshd, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text(f"Host *\n  Port 1\n  User nobody\n  UserKnownHostsFile {known(sshd, tmp_path)}\n")
        with connected(f"{ME}@{sshd.address}", key=sshd.login_key, config=config) as shell:
            assert shell.run(["true"]).status == 0

    def test_may_know_a_host_by_another_name(self, sshd: Sshd, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text(f"HostKeyAlias the-server\nIdentityFile {sshd.login_key}\n")
        file = knowing(tmp_path, f"the-server {sshd.host_key()}")
        with connected(sshd.address, config=config, known_hosts=file) as shell:
            assert shell.run(["true"]).status == 0

    def test_may_go_through_a_command(self, sshd: Sshd, tmp_path: Path) -> None:
        config = tmp_path / "config"
        forwarder = tmp_path / "forwarder.py"
        forwarder.write_text(FORWARDER)
        config.write_text(
            f"Host prod\n  ProxyCommand {sys.executable} {forwarder} %p\n  Port {sshd.port}\n  HostKeyAlias prod\n"
        )
        file = knowing(tmp_path, f"prod {sshd.host_key()}")
        with connected("prod", key=sshd.login_key, config=config, known_hosts=file) as shell:
            assert shell.run(["cat"], stdin=b"through").stdout == b"through"

    def test_with_a_command_that_fails_is_an_error_of_two_lines(self, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text("Host prod\n  ProxyCommand false\n")
        with pytest.raises(ServerUnreachable) as failure, connected("prod", config=config):
            pass
        assert "through the ProxyCommand false" in failure.value.details

    def test_that_ssh_refuses_is_refused_in_its_words(self, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text("Hots prod\n")
        with pytest.raises(SshConfigInvalid) as refusal, connected("prod", config=config):
            pass
        assert any("hots" in line for line in refusal.value.details)

    def test_is_read_without_ssh_too(self, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        config = tmp_path / "config"
        config.write_text(
            f"Host prod\n  HostName {LOOPBACK}\n  Port {sshd.port}\n  IdentityFile {sshd.login_key}\n"
            f"  UserKnownHostsFile {known(sshd, tmp_path)}\n",
        )
        with connected("prod", config=config) as shell:
            assert shell.run(["true"]).status == 0


class TestFabricsOwnKeys:
    """What fabric.yml says of connections holds where neither -H nor the ssh configuration says anything."""

    def user_port(self, typed: str, config: Path | None, **keys: object) -> str:
        c = Connection("ignored", config=Config(overrides=keys, ssh_config=SSHConfig(), lazy=True))
        way = way_to(read_address(typed), defaults_from(c.config, ME), str(config) if config else None)
        return " > ".join(map(str, way))

    @pytest.mark.parametrize(
        ("typed", "way"),
        [
            ("prod", "alice@real:22"),
            ("bob@prod:7", "bob@real:7"),
            ("other", "deploy@gate:2222 > deploy@other:2222"),
            ("bob@other:7", "deploy@gate:2222 > bob@other:7"),
            ("direct", "deploy@direct:2222"),
        ],
    )
    def test_give_way_to_what_was_typed_and_to_the_ssh_configuration(
        self, tmp_path: Path, typed: str, way: str
    ) -> None:
        """By way of Include too, and also where the configuration says what would be so anyway."""
        (tmp_path / "my files").mkdir()
        (tmp_path / "my files" / "included").write_text("Host prod\n  HostName real\n  User alice\n  Port 22\n")
        config = tmp_path / "my files" / "config"
        config.write_text(f'Include "{tmp_path}/my files/included"\nHost direct prod\n  ProxyJump none\n')
        assert self.user_port(typed, config, user="deploy", port=2222, gateway="gate") == way

    def test_may_say_that_no_ssh_configuration_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = tmp_path / "config"
        config.write_text("Host prod\n  HostName real\n  User alice\n")
        assert self.user_port("prod", None, ssh_config_path=str(config)) == "alice@real:22"
        assert self.user_port("prod", None, load_ssh_configs=False, port=7) == f"{ME}@prod:7"
        monkeypatch.setenv("PATH", str(tmp_path))
        assert self.user_port("prod", None, ssh_config_path=str(config), user="deploy", port=7) == "alice@real:7"
        assert self.user_port("prod", None, load_ssh_configs=False, port=7) == f"{ME}@prod:7"

    def test_lead_to_the_server(self, sshd: Sshd, tmp_path: Path) -> None:
        keys = {"user": ME, "port": sshd.port, "connect_kwargs": {"key_filename": [str(sshd.login_key)]}}
        c = Connection("ignored", config=Config(overrides=keys, ssh_config=SSHConfig(), lazy=True))
        file = str(known(sshd, tmp_path))
        shell = open_remote(c, host_string=LOOPBACK, known_hosts=file, ssh_config_file=None)
        assert shell.run(["id", "-un"]).stdout.decode().strip() == ME
        shell.close()


class TestAJumpHost:
    @pytest.fixture
    def bastion(self, tmp_path: Path) -> Iterator[Sshd]:
        with running_sshd(tmp_path / "bastion") as server:
            yield server

    @pytest.fixture
    def config(self, bastion: Sshd, sshd: Sshd, tmp_path: Path) -> Callable[[str], Path]:
        def write(known_of_bastion: str) -> Path:
            known_hosts = knowing(tmp_path, f"[{LOOPBACK}]:{sshd.port} {sshd.host_key()}", known_of_bastion)
            config = tmp_path / "config"
            config.write_text(
                f"Host bastion\n  HostName {LOOPBACK}\n  Port {bastion.port}\n  IdentityFile {bastion.login_key}\n"
                f"Host prod\n  HostName {LOOPBACK}\n  Port {sshd.port}\n  IdentityFile {sshd.login_key}\n"
                f"  ProxyJump bastion\n"
                f"Host closed\n  HostName {LOOPBACK}\n  Port 1\n  ProxyJump bastion\n"
                f"Host twice\n  HostName {LOOPBACK}\n  Port {sshd.port}\n  IdentityFile {sshd.login_key}\n"
                f"  ProxyJump bastion,prod\n"
                f"Host *\n  UserKnownHostsFile {known_hosts}\n  GlobalKnownHostsFile none\n",
            )
            return config

        return write

    def test_whose_key_is_known_leads_on(self, bastion: Sshd, config: Callable[[str], Path]) -> None:
        with connected("prod", config=config(f"[{LOOPBACK}]:{bastion.port} {bastion.host_key()}")) as shell:
            assert shell.run(["cat"], stdin=b"through").stdout == b"through"
            assert bastion.sessions()
            shell.reopen()
            assert shell.run(["cat"], stdin=b"again").stdout == b"again"

    def test_may_be_followed_by_another(self, bastion: Sshd, config: Callable[[str], Path]) -> None:
        with connected("twice", config=config(f"[{LOOPBACK}]:{bastion.port} {bastion.host_key()}")) as shell:
            assert shell.run(["true"]).status == 0

    def test_whose_key_is_unknown_stops_us(self, bastion: Sshd, config: Callable[[str], Path]) -> None:
        with pytest.raises(HostKeyUnknown, match=str(bastion.port)), connected("prod", config=config("")):
            pass

    def test_that_cannot_reach_the_server_says_so(self, bastion: Sshd, config: Callable[[str], Path]) -> None:
        path = config(f"[{LOOPBACK}]:{bastion.port} {bastion.host_key()}")
        with (
            pytest.raises(ServerUnreachable, match=rf"jump host .* can't reach {LOOPBACK}:1"),
            connected("closed", config=path),
        ):
            pass

    def test_that_dies_loses_the_connection(self, bastion: Sshd, config: Callable[[str], Path]) -> None:
        path = config(f"[{LOOPBACK}]:{bastion.port} {bastion.host_key()}")
        with connected("prod", config=path) as shell, pytest.raises(ConnectionLost), shell.stream(ticking()) as stream:
            iterate(stream, each_time=lambda: bastion.signal_sessions(signal.SIGKILL))


class TestALogin:
    def test_with_a_key_that_is_not_authorized_is_refused(self, sshd: Sshd, tmp_path: Path) -> None:
        stranger = new_key(tmp_path / "stranger")
        with (
            pytest.raises(LoginRefused) as refusal,
            connected(sshd.address, key=stranger, known_hosts=known(sshd, tmp_path)),
        ):
            pass
        assert f"{ME}@{sshd.address}" in refusal.value.message
        assert any(str(stranger) in line and fingerprint(stranger) in line for line in refusal.value.details)

    def test_with_a_key_file_that_is_missing_is_refused_before_anything(self, tmp_path: Path) -> None:
        with pytest.raises(LoginRefused, match="no key file"), connected("prod", key=tmp_path / "nothing"):
            pass

    def test_with_an_encrypted_key_needs_its_passphrase(self, sshd: Sshd, tmp_path: Path) -> None:
        key = tmp_path / "encrypted"
        shutil.copy(sshd.login_key, key)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "open sesame", "-f", key], check=True, capture_output=True)
        file = known(sshd, tmp_path)
        with pytest.raises(LoginRefused) as refusal, connected(sshd.address, key=key, known_hosts=file):
            pass
        assert "--prompt-for-passphrase" in refusal.value.hint
        with connected(sshd.address, key=key, known_hosts=file, passphrase="open sesame") as shell:  # noqa: S106  (a test's)
            assert shell.run(["true"]).status == 0

    def test_with_a_file_that_is_no_key_says_so(self, sshd: Sshd, tmp_path: Path) -> None:
        key = tmp_path / "garbage"
        key.write_text("not a key\n")
        with (
            pytest.raises(LoginRefused) as refusal,
            connected(sshd.address, key=key, known_hosts=known(sshd, tmp_path)),
        ):
            pass
        assert any("isn't a private key" in line for line in refusal.value.details)

    @pytest.mark.parametrize(
        "spoil", [lambda text: text.replace("\n", "\r\n"), str.rstrip], ids=["CRLF", "no last newline"]
    )
    def test_takes_a_key_as_it_is_pasted_into_ci(
        self,
        spoil: Callable[[str], str],
        sshd: Sshd,
        tmp_path: Path,
    ) -> None:
        key = tmp_path / "pasted"
        key.write_text(spoil(sshd.login_key.read_text()), newline="")
        with connected(sshd.address, key=key, known_hosts=known(sshd, tmp_path)) as shell:
            assert shell.run(["true"]).status == 0

    def test_uses_the_agent(self, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with running_agent(tmp_path / "agent", sshd.login_key) as agent:
            monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
            with connected(sshd.address, known_hosts=known(sshd, tmp_path)) as shell:
                assert shell.run(["true"]).status == 0

    def test_uses_the_agent_of_the_ssh_configuration(self, sshd: Sshd, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text(f"IdentityAgent {tmp_path}/agent\n")
        with (
            running_agent(tmp_path / "agent", sshd.login_key),
            connected(sshd.address, config=config, known_hosts=known(sshd, tmp_path)) as shell,
        ):
            assert shell.run(["true"]).status == 0
        assert "SSH_AUTH_SOCK" not in os.environ

    def test_offers_no_other_key_of_the_agent_than_those_configured(self, sshd: Sshd, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text(f"IdentityAgent {tmp_path}/agent\nIdentitiesOnly yes\nIdentityFile {tmp_path}/none\n")
        with (
            running_agent(tmp_path / "agent", sshd.login_key),
            pytest.raises(LoginRefused, match="no key"),
            connected(sshd.address, config=config, known_hosts=known(sshd, tmp_path)),
        ):
            pass

    def test_tells_when_the_server_ends_it(self, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An agent full of other keys uses up the attempts before the right one."""
        strangers = [new_key(tmp_path / f"stranger{number}") for number in range(3)]
        with (
            running_sshd(tmp_path / "impatient", "MaxAuthTries 2") as impatient,
            running_agent(tmp_path / "agent", *strangers) as agent,
        ):
            monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
            with (
                pytest.raises(LoginRefused, match="hung up; its limit of attempts") as refusal,
                connected(impatient.address, known_hosts=known(impatient, tmp_path)),
            ):
                pass
            assert len(refusal.value.details) == 2

    def test_may_be_to_a_server_that_runs_no_program(self, tmp_path: Path) -> None:
        with (
            running_sshd(tmp_path / "tunnel", "MaxSessions 0") as tunnel,
            connected(tunnel.address, key=tunnel.login_key, known_hosts=known(tunnel, tmp_path)) as shell,
            pytest.raises(LoginRefused, match="runs no program"),
        ):
            shell.run(["true"])


@contextmanager
def running_agent(socket_file: Path, *keys: Path) -> Iterator[Path]:
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket_file], stdout=subprocess.DEVNULL)
    try:
        while not socket_file.exists():
            time.sleep(0.02)
        environment = os.environ | {"SSH_AUTH_SOCK": str(socket_file)}
        subprocess.run(["ssh-add", "-q", *keys], check=True, capture_output=True, env=environment)
        yield socket_file
    finally:
        agent.kill()
        agent.wait()


class TestAServerOutOfReach:
    def test_refuses_connections(self) -> None:
        port = free_port()
        with (
            pytest.raises(ServerUnreachable, match=f"{LOOPBACK} port {port} refuses connections"),
            connected(f"{LOOPBACK}:{port}"),
        ):
            pass

    def test_has_no_address(self) -> None:
        with pytest.raises(ServerUnreachable, match=r"nowhere\.invalid doesn't resolve"), connected("nowhere.invalid"):
            pass

    def test_is_not_an_ssh_server(self) -> None:
        with (
            answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port,
            pytest.raises(ServerUnreachable, match=f"{LOOPBACK}:{port} takes connections, but"),
            connected(f"{LOOPBACK}:{port}"),
        ):
            pass

    def test_says_nothing(self) -> None:
        """Not even its version, as a port forwarded to nowhere does."""
        with (
            answering(b"") as port,
            pytest.raises(ServerUnreachable, match="doesn't finish the SSH handshake"),
            connected(f"{LOOPBACK}:{port}", timeout=2),
        ):
            pass

    @pytest.mark.parametrize("host", ["", "@prod", "prod:ssh", "prod:70000", "-oProxyCommand=x"])
    def test_has_a_name_that_is_none(self, host: str) -> None:
        with pytest.raises(UsageError), connected(host):
            pass


@contextmanager
def answering(words: bytes) -> Iterator[int]:
    """Listen on a port, say the words to whoever comes, and leave the line open."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        callers: list[socket.socket] = []

        def answer() -> None:
            with suppress(OSError):
                caller, _ = listener.accept()
                caller.sendall(words)
                callers.append(caller)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for caller in callers:
            caller.close()


AWKWARD = [
    "",
    " ",
    "it's",
    '"quoted"',
    "$(id)",
    "`id`",
    "${HOME}",
    ";",
    "&& false",
    "new\nline",
    "*",
    "~",
    "\\",
    "-n",
    "grüße ✅",
    "#",
]


class TestAProgram:
    def test_gets_its_arguments_literally(self, shell: Shell) -> None:
        answer = shell.run(["printf", "%s\\0", *AWKWARD])
        assert answer.stdout.decode().split("\0")[:-1] == AWKWARD

    def test_gets_names_of_files_that_are_no_text(self, shell: Shell) -> None:
        """As Python has them: bytes that aren't UTF-8 as lone surrogates."""
        assert shell.run(["printf", "%s", b"caf\xe9".decode(errors="surrogateescape")]).stdout == b"caf\xe9"

    def test_keeps_stderr_apart(self, shell: Shell) -> None:
        answer = shell.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
        assert (answer.stdout, answer.stderr, answer.status) == (b"out\n", b"err\n", 3)

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_killed_by_a_signal_has_the_status_that_a_shell_gives(self, shell: Shell, number: signal.Signals) -> None:
        assert shell.run(["sh", "-c", f"kill -{number.value} $$"]).status == 128 + number

    def test_that_is_missing_has_status_127(self, shell: Shell) -> None:
        answer = shell.run(["no-such-program"])
        assert answer.status == 127
        assert b"no-such-program" in answer.stderr

    def test_that_is_no_program_has_status_126(self, shell: Shell) -> None:
        assert shell.run(["/etc/passwd"]).status == 126

    def test_moves_bulk_in_and_out_unchanged(self, shell: Shell) -> None:
        bulk = os.urandom(BULK)
        answer = shell.run(["cat"], stdin=bulk, limit=BULK)
        assert hashlib.sha256(answer.stdout).digest() == hashlib.sha256(bulk).digest()

    def test_takes_a_file_while_its_output_arrives(self, shell: Shell, tmp_path: Path) -> None:
        file = tmp_path / "bulk"
        file.write_bytes(os.urandom(BULK))
        digest = hashlib.sha256()
        with shell.stream(["cat"], stdin=file) as stream:
            for chunk in stream:
                digest.update(chunk)
        assert stream.status == 0
        assert digest.digest() == hashlib.sha256(file.read_bytes()).digest()

    def test_needs_a_file_that_can_be_read(self, shell: Shell, tmp_path: Path) -> None:
        with pytest.raises(UploadDamaged, match="can't be read"):
            shell.stream(["cat"], stdin=tmp_path / "nothing")
        with pytest.raises(UploadDamaged, match="can't be read"), shell.stream(["cat"], stdin=tmp_path) as stream:
            list(stream)

    def test_may_leave_its_input_unread(self, shell: Shell) -> None:
        assert shell.run(["true"], stdin=bytes(BULK)).status == 0

    def test_sees_the_end_of_an_empty_input(self, shell: Shell) -> None:
        assert shell.run(["cat"]) == shell.run(["true"])

    def test_may_close_its_output_before_it_ends(self, shell: Shell) -> None:
        assert shell.run(["sh", "-c", "exec >&- 2>&-; sleep 0.5; exit 5"]).status == 5

    @pytest.mark.parametrize("script", ["cat /dev/zero", "cat /dev/zero >&2", "head -c 2000 /dev/zero >&2"])
    def test_may_not_answer_more_than_the_limit(self, shell: Shell, script: str) -> None:
        with pytest.raises(ServerTalksNonsense, match="more than 1000 bytes"):
            shell.run(["sh", "-c", script], limit=1000)

    def test_may_answer_as_much_as_the_limit(self, shell: Shell) -> None:
        assert shell.run(["head", "-c", "1000", "/dev/zero"], limit=1000).stdout == bytes(1000)

    def test_streams_its_output_as_it_comes(self, shell: Shell) -> None:
        with shell.stream(ticking()) as stream:
            before = time.monotonic()
            assert next(iter(stream)).startswith(b"tick")
            assert time.monotonic() - before < SOON_S
            assert stream.status is None

    def test_keeps_the_newest_of_much_stderr(self, shell: Shell) -> None:
        with shell.stream(["sh", "-c", "head -c 200000 /dev/zero >&2; echo last >&2"]) as stream:
            assert list(stream) == []
        assert len(stream.stderr) == 64 * 2**10
        assert stream.stderr.endswith(b"last\n")

    def test_that_is_silent_for_too_long_counts_as_lost(self, shell: Shell) -> None:
        before = time.monotonic()
        with pytest.raises(ConnectionLost, match="for 1 s"):
            shell.run(["sleep", "30"], timeout_s=1)
        assert time.monotonic() - before < SOON_S

    def test_is_not_silent_while_the_caller_is_busy(self, shell: Shell) -> None:
        """The caller may ask the operator something between two chunks."""
        with shell.stream(["sh", "-c", "echo a; sleep 0.2; echo b"], silence_s=1.5) as stream:
            chunks = iter(stream)
            assert next(chunks) == b"a\n"
            time.sleep(2)
            assert b"".join(chunks) == b"b\n"

    def test_is_not_silent_while_it_takes_its_input(self, shell: Shell) -> None:
        slow_reader = "for i in 1 2 3 4 5 6; do head -c 1000000 >/dev/null; sleep 0.3; done; cat >/dev/null"
        assert shell.run(["sh", "-c", slow_reader], stdin=bytes(BULK), timeout_s=1).status == 0


def ticking() -> list[str]:
    return ["sh", "-c", "while echo tick; do sleep 0.1; done"]


def iterate(stream: Stream, *, each_time: Callable[[], None]) -> None:
    for _ in stream:
        each_time()


class TestALostConnection:
    @pytest.fixture
    def fragile(self, fragile_sshd: Sshd, tmp_path: Path) -> Iterator[RemoteShell]:
        file = known(fragile_sshd, tmp_path)
        with connected(fragile_sshd.address, key=fragile_sshd.login_key, known_hosts=file) as shell:
            yield shell

    def test_is_told_within_seconds_when_the_server_dies(self, fragile: RemoteShell, fragile_sshd: Sshd) -> None:
        before = time.monotonic()
        with pytest.raises(ConnectionLost, match="broke"), fragile.stream(ticking()) as stream:
            iterate(stream, each_time=lambda: fragile_sshd.signal_sessions(signal.SIGKILL))
        assert stream.status is None
        assert time.monotonic() - before < SOON_S

    def test_is_told_when_the_server_freezes(self, fragile: RemoteShell, fragile_sshd: Sshd) -> None:
        before = time.monotonic()
        with pytest.raises(ConnectionLost, match="nothing was heard"), fragile.stream(ticking(), silence_s=2) as stream:
            iterate(stream, each_time=lambda: fragile_sshd.signal_sessions(signal.SIGSTOP))
        assert time.monotonic() - before < SOON_S

    def test_is_told_when_the_server_freezes_during_an_upload(
        self,
        fragile: RemoteShell,
        fragile_sshd: Sshd,
        tmp_path: Path,
    ) -> None:
        file = tmp_path / "bulk"
        file.write_bytes(bytes(10 * BULK))
        before = time.monotonic()
        with (
            pytest.raises(ConnectionLost, match="nothing was heard"),
            fragile.stream(["cat"], stdin=file, silence_s=2) as stream,
        ):
            iterate(stream, each_time=lambda: fragile_sshd.signal_sessions(signal.SIGSTOP))
        assert time.monotonic() - before < SOON_S

    def test_is_told_when_the_server_was_frozen_before(self, fragile: RemoteShell, fragile_sshd: Sshd) -> None:
        """Even opening a channel may take no longer than anything else."""
        fragile_sshd.signal_sessions(signal.SIGSTOP)
        before = time.monotonic()
        with pytest.raises(ConnectionLost, match="nothing was heard"):
            fragile.run(["true"], timeout_s=1)
        assert time.monotonic() - before < SOON_S

    def test_can_be_opened_again(self, fragile: RemoteShell, fragile_sshd: Sshd) -> None:
        fragile_sshd.signal_sessions(signal.SIGKILL)
        with pytest.raises(ConnectionLost):
            fragile.run(["true"])
        with pytest.raises(ConnectionLost):
            fragile.run(["true"])
        fragile.reopen()
        assert fragile.run(["true"]).status == 0

    def test_is_closed_at_once(self, fragile: RemoteShell, fragile_sshd: Sshd) -> None:
        fragile_sshd.signal_sessions(signal.SIGSTOP)
        before = time.monotonic()
        fragile.close()
        fragile.close()
        assert time.monotonic() - before < SOON_S

    def test_to_a_server_that_is_gone_is_unreachable(self, fragile: RemoteShell, fragile_sshd: Sshd) -> None:
        os.kill(fragile_sshd.pid, signal.SIGKILL)
        fragile_sshd.signal_sessions(signal.SIGKILL)
        with pytest.raises(ServerUnreachable, match="refuses connections"):
            fragile.reopen()


def test_every_refusal_has_a_hint(sshd: Sshd, tmp_path: Path) -> None:
    """A hint is a sentence."""
    with pytest.raises(DeployError) as refusal, connected(sshd.address, known_hosts=knowing(tmp_path)):
        pass
    assert refusal.value.hint[0].isupper()
    assert refusal.value.hint.endswith(".")


class TestThisMachine:
    def test_shields_its_programs_from_ctrl_c(self) -> None:
        """The terminal sends it to the whole process group, so theirs is another."""
        group = LocalShell().run(["sh", "-c", "ps -o pgid= -p $$"]).stdout
        assert int(group) != os.getpgrp()

    def test_is_called_local(self) -> None:
        shell = LocalShell()
        assert shell.name == "local"
        shell.close()
