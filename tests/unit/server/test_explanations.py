"""What is said when there is no connection."""

from __future__ import annotations

import errno
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from fabric import Config, Connection
from paramiko.config import SSHConfig
from paramiko.ssh_exception import ChannelException, IncompatiblePeer, SSHException

from deploy.model.errors import LoginRefused
from deploy.server.dial import unreachable
from deploy.server.known_hosts import Host
from deploy.server.remote import RemoteProcess, credentials_of, explain, preferred
from deploy.server.ssh_config import Address, Destination, destination_of

if TYPE_CHECKING:
    from paramiko.transport import Transport

HOST = Host("db.example.com", 2222)


def a_destination() -> Destination:
    options = {"hostname": ["db.example.com"], "port": ["2222"], "user": ["bob"]}
    return destination_of(options, Address("db"), environment={}, exists=lambda _: False)


class TestAServerOutOfReach:
    @pytest.mark.parametrize(
        ("error", "sentence"),
        [
            (socket.gaierror(-2, "Name or service not known"), "the name db.example.com doesn't resolve"),
            (UnicodeError("label too long"), "the name db.example.com doesn't resolve"),
            (ConnectionRefusedError(), "db.example.com port 2222 refuses connections"),
            (TimeoutError(), "db.example.com:2222 doesn't answer within 15 s"),
            (OSError(errno.ENETUNREACH, "Network is unreachable"), "db.example.com:2222 can't be reached: Network is"),
            (OSError(), "db.example.com:2222 can't be reached: OSError"),
        ],
    )
    def test_has_a_sentence_of_its_own_for_each_reason(self, error: Exception, sentence: str) -> None:
        explanation = unreachable(HOST, error, 15.0)
        assert explanation.message.startswith(sentence)
        assert re.fullmatch(r"[A-Z].*\.", explanation.hint)


class TestAFailedHandshake:
    @pytest.mark.parametrize(
        ("error", "sentence"),
        [
            (EOFError(), "doesn't finish the SSH handshake: it hung up"),
            (SSHException("Error reading SSH protocol banner"), "doesn't finish the SSH handshake: Error reading"),
            (IncompatiblePeer("no acceptable ciphers"), "speaks no SSH that we do"),
            (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "can't be reached: Connection reset"),
            (ValueError("odd"), "doesn't finish the SSH handshake: odd"),
        ],
    )
    def test_is_told_from_a_server_out_of_reach(self, error: Exception, sentence: str) -> None:
        assert sentence in explain(a_destination(), None, error).message

    def test_behind_a_jump_host_names_both(self) -> None:
        gateway = Connection("bastion", config=Config(ssh_config=SSHConfig(), lazy=True))
        explanation = explain(a_destination(), gateway, ChannelException(2, "Connect failed"))
        assert explanation.message == "the jump host bastion can't reach db.example.com:2222: Connect failed"


class TestAProgramThatDoesntStart:
    @pytest.mark.parametrize(
        ("error", "active", "kind"),
        [
            pytest.param(EOFError(), True, ConnectionError, id="just broken"),
            pytest.param(EOFError(), False, ConnectionError, id="broken"),
            pytest.param(SSHException("SSH session not active"), False, ConnectionError, id="broken before"),
            pytest.param(SSHException("Channel closed."), True, LoginRefused, id="refused"),
            pytest.param(ChannelException(1, "Administratively prohibited"), True, LoginRefused, id="no session"),
        ],
    )
    def test_is_told_from_a_connection_that_broke(self, error: Exception, active: bool, kind: type[Exception]) -> None:
        """Paramiko wakes those who wait before it notes that the transport is closed."""

        class Trouble:
            def open_session(self, timeout: float) -> None:
                raise error

            def is_active(self) -> bool:
                return active

        process = RemoteProcess(cast("Transport", Trouble()), b"true", lambda: None)
        with pytest.raises(kind):
            process.start()


class TestTheKindOfHostKeyAskedFor:
    POSSIBLE = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")

    def test_is_first_what_known_hosts_has(self) -> None:
        assert preferred(self.POSSIBLE, ["ssh-rsa"]) == (
            "rsa-sha2-512",
            "rsa-sha2-256",
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
        )

    def test_is_never_one_that_paramiko_lacks(self) -> None:
        assert preferred(self.POSSIBLE, ["sk-ssh-ed25519@openssh.com"]) == self.POSSIBLE


class TestWhatFabWasGiven:
    def test_is_told_from_what_fabric_read_in_the_ssh_configuration(self) -> None:
        """A missing IdentityFile is no mistake; a missing -i is."""
        ssh_config = SSHConfig.from_text("IdentityFile /keys/configured\n")
        given = {"key_filename": ["/keys/typed"], "passphrase": "a", "password": "b"}
        c = Connection("prod", config=Config(overrides={"connect_kwargs": given}, ssh_config=ssh_config, lazy=True))
        assert "/keys/configured" in c.connect_kwargs["key_filename"]
        credentials = credentials_of(c)
        assert credentials.key_files == (Path("/keys/typed"),)
        assert (credentials.passphrase, credentials.password) == ("a", "b")

    def test_is_never_shown(self) -> None:
        config = Config(overrides={"connect_kwargs": {"password": "hunter2"}}, ssh_config=SSHConfig(), lazy=True)
        assert "hunter2" not in repr(credentials_of(Connection("prod", config=config)))

    def test_gives_no_password_to_a_jump_host(self) -> None:
        config = Config(overrides={"connect_kwargs": {"password": "hunter2"}}, ssh_config=SSHConfig(), lazy=True)
        assert credentials_of(Connection("prod", config=config)).without_password().password is None
