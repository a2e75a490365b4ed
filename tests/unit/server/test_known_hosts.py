"""Host keys, without a server: what a line means, and what is said when it doesn't fit."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from paramiko.hostkeys import HostKeys
from paramiko.pkey import PKey

from deploy.model.errors import HostKeyChanged, HostKeyUnknown
from deploy.server.known_hosts import Host, HostKey, KnownHosts, KnownKey, in_pattern_list, parse_known_hosts

ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

names = st.text("abcdefghij0123456789-.:[]", min_size=1, max_size=30)


def a_key(number: int = 0, kind: str = "ssh-ed25519") -> HostKey:
    return HostKey(len(kind).to_bytes(4, "big") + kind.encode() + bytes([0, 0, 0, 1, number]))


def a_line(names: str, key: HostKey) -> str:
    return f"{names} {key.type} {base64.b64encode(key.blob).decode()}"


def known(*lines: str) -> KnownHosts:
    keys, warnings = parse_known_hosts("\n".join(lines), file="known_hosts")
    return KnownHosts((Path("known_hosts"),), tuple(keys), tuple(warnings))


class TestAKey:
    def test_has_the_fingerprint_that_everybody_shows(self) -> None:
        key = HostKey(base64.b64decode(ED25519))
        assert key.fingerprint == PKey.from_type_string("ssh-ed25519", key.blob).fingerprint
        assert key.type == "ssh-ed25519"


class TestAHost:
    @pytest.mark.parametrize(
        ("host", "name", "without_port"),
        [
            (Host("Example.com", 22), "example.com", None),
            (Host("example.com", 2222), "[example.com]:2222", "example.com"),
            (Host("::1", 22), "::1", None),
            (Host("::1", 2222), "[::1]:2222", "::1"),
            (Host("10.0.0.1", 2222, "prod"), "prod", None),
        ],
    )
    def test_is_looked_up_as_ssh_does(self, host: Host, name: str, without_port: str | None) -> None:
        assert (host.name, host.name_without_port) == (name, without_port)

    def test_is_shown_with_its_port(self) -> None:
        assert str(Host("example.com", 22)) == "example.com:22"
        assert str(Host("::1", 22)) == "[::1]:22"


class TestAHashedName:
    @given(name=names, salt=st.binary(min_size=20, max_size=20))
    def test_stands_for_the_name_it_was_made_of(self, name: str, salt: bytes) -> None:
        hashed = HostKeys.hash_host(name, base64.b64encode(salt).decode())
        assert KnownKey(hashed, a_key(), "").is_for(name)

    @given(name=names, other=names)
    def test_stands_for_no_other(self, name: str, other: str) -> None:
        assume(name != other)
        assert not KnownKey(HostKeys.hash_host(name), a_key(), "").is_for(other)

    @given(rest=st.text())
    def test_that_is_damaged_stands_for_nothing(self, rest: str) -> None:
        assert not KnownKey("|" + rest, a_key(), "").is_for("example.com")


class TestAPattern:
    @given(name=names)
    def test_without_wildcards_is_the_name_itself(self, name: str) -> None:
        assert in_pattern_list(name, name)
        assert not in_pattern_list(name, name + "x")

    @given(name=names, data=st.data())
    def test_may_leave_parts_open(self, name: str, data: st.DataObject) -> None:
        start = data.draw(st.integers(0, len(name)))
        end = data.draw(st.integers(start, len(name)))
        assert in_pattern_list(name, name[:start] + "*" + name[end:])
        assert in_pattern_list(name, name[:start] + "?" * (end - start) + name[end:])

    @given(name=names, before=st.lists(names), after=st.lists(names))
    def test_that_is_negated_wins_over_all_others(self, name: str, before: list[str], after: list[str]) -> None:
        assert not in_pattern_list(name, ",".join([*before, "*", f"!{name}", *after]))

    @given(name=names, others=st.lists(names))
    def test_is_one_of_several(self, name: str, others: list[str]) -> None:
        assert in_pattern_list(name, ",".join([*others, name]))

    @given(name=names)
    def test_that_only_excludes_finds_nothing(self, name: str) -> None:
        assert not in_pattern_list(name, "!elsewhere")

    def test_has_no_regard_for_case(self) -> None:
        assert in_pattern_list("example.com", "EXAMPLE.com")


class TestAFile:
    @given(st.text())
    def test_of_whatever_content_is_read(self, text: str) -> None:
        parse_known_hosts(text, file="known_hosts")

    @given(st.lists(st.binary()))
    def test_with_any_bytes_for_a_key_is_read(self, blobs: list[bytes]) -> None:
        lines = [f"host ssh-ed25519 {base64.b64encode(blob).decode()}" for blob in blobs]
        parse_known_hosts("\n".join(lines), file="known_hosts")

    def test_names_each_line_that_it_skips(self) -> None:
        lines = ["# comment", "", "nonsense", a_line("host", a_key()), "@cert-authority " + a_line("*", a_key())]
        found = known(*lines)
        assert [key.place for key in found.keys] == ["known_hosts:4"]
        assert [warning.split(": ")[0] for warning in found.warnings] == ["known_hosts:3", "known_hosts:5"]

    def test_may_come_from_windows(self) -> None:
        assert known(a_line("host", a_key()) + "\r").keys[0].key == a_key()


class TestVerifying:
    def test_accepts_the_known_key(self) -> None:
        known(a_line("host", a_key())).verify(Host("host", 22), a_key())

    def test_tells_a_changed_key_from_an_unknown_one(self) -> None:
        file = known(a_line("host", a_key(1)))
        with pytest.raises(HostKeyChanged, match="host:22"):
            file.verify(Host("host", 22), a_key(2))
        with pytest.raises(HostKeyUnknown, match="other:22"):
            file.verify(Host("other", 22), a_key(1))

    def test_names_the_known_keys_of_other_types(self) -> None:
        with pytest.raises(HostKeyUnknown) as refusal:
            known(a_line("host", a_key(1, "ssh-rsa"))).verify(Host("host", 22), a_key(2))
        assert any("ssh-rsa, known_hosts:1" in line for line in refusal.value.details)

    def test_refuses_a_revoked_key_even_if_it_is_known(self) -> None:
        file = known(a_line("host", a_key()), "@revoked " + a_line("*", a_key()))
        with pytest.raises(HostKeyChanged, match="revoked"):
            file.verify(Host("host", 2222), a_key())

    def test_asks_a_host_for_a_type_by_which_it_is_known(self) -> None:
        file = known(
            a_line("[host]:2222", a_key(1, "ssh-rsa")),
            a_line("host", a_key(2)),
            "@revoked " + a_line("*", a_key(3, "ecdsa-sha2-nistp256")),
        )
        assert file.types_for(Host("host", 2222)) == ["ssh-rsa"]
        assert file.types_for(Host("host", 22)) == ["ssh-ed25519"]
        assert file.types_for(Host("other", 22)) == []

    def test_says_that_it_is_the_key_of_the_server(self) -> None:
        """Else people look for a fault in their own keys."""
        for line in ["", a_line("host", a_key(1))]:
            with pytest.raises((HostKeyChanged, HostKeyUnknown), match="host key of the server") as refusal:
                known(line).verify(Host("host", 22), a_key(2))
            assert re.fullmatch(r"[A-Z].*\.", refusal.value.hint)
