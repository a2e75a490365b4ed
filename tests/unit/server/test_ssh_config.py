"""What was typed and what `ssh -G` answers, read without a network."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.errors import SshConfigInvalid, UsageError
from deploy.server.ssh_config import (
    Address,
    Destination,
    destination_of,
    expand,
    hops_to,
    parse_ssh_g,
    read_address,
    split_paths,
)

ANSWER = """\
host prod
user bob
hostname real.example.com
port 2222
identitiesonly yes
hostkeyalias the-server
identityagent /run/agent
identityfile ~/.ssh/%r_key
identityfile /keys/with space/key
identityfile /keys/missing
globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2
userknownhostsfile /home/bob/.ssh/known_hosts /a b/known hosts
connecttimeout 7
proxyjump user@hop1:23,[::1]:24,hop3
"""
FILES = {"/keys/with space/key", "/a b/known hosts"}


def destination(answer: str = ANSWER, typed: str = "prod", **environment: str) -> Destination:
    return destination_of(
        parse_ssh_g(answer),
        Address(typed),
        environment=environment,
        exists=lambda path: path in FILES or path.endswith("bob_key"),
    )


class TestAnAddress:
    @pytest.mark.parametrize(
        ("typed", "address"),
        [
            ("prod", Address("prod")),
            ("bob@prod", Address("prod", "bob")),
            ("prod:2222", Address("prod", None, 2222)),
            ("bob@prod:2222", Address("prod", "bob", 2222)),
            ("bob@corp@prod", Address("prod", "bob@corp")),
            ("::1", Address("::1")),
            ("bob@::1", Address("::1", "bob")),
            ("[::1]", Address("::1")),
            ("bob@[::1]:22", Address("::1", "bob", 22)),
        ],
    )
    def test_is_read_as_fabric_does_and_with_brackets_too(self, typed: str, address: Address) -> None:
        assert read_address(typed) == address

    @pytest.mark.parametrize(
        "typed", ["", "@prod", "bob@", ":22", "prod:ssh", "prod:0", "prod:65536", "[::1]:x", "-F/x"]
    )
    def test_that_names_no_host_is_refused(self, typed: str) -> None:
        with pytest.raises(UsageError):
            read_address(typed)

    @given(st.text())
    def test_is_read_or_refused_whatever_was_typed(self, typed: str) -> None:
        with suppress(UsageError):
            assert read_address(typed).host


class TestWhatSshAnswers:
    def test_is_where_and_who(self) -> None:
        found = destination()
        assert str(found) == "bob@real.example.com:2222"
        assert found.host.name == "the-server"
        assert found.timeout_s == 7

    def test_is_which_keys(self) -> None:
        """Those that exist; `ssh -G` leaves tokens and tildes in them."""
        found = destination()
        assert found.identity_files == (Path("~/.ssh/bob_key").expanduser(), Path("/keys/with space/key"))
        assert found.identities_only
        assert found.agent == "/run/agent"

    def test_is_which_known_hosts_files(self) -> None:
        assert list(map(str, destination().known_hosts)) == [
            "/home/bob/.ssh/known_hosts",
            "/a b/known hosts",
            "/etc/ssh/ssh_known_hosts",
            "/etc/ssh/ssh_known_hosts2",
        ]
        assert destination("userknownhostsfile none\nglobalknownhostsfile none\n").known_hosts == ()

    def test_is_which_way(self) -> None:
        assert destination().jumps == ("user@hop1:23", "[::1]:24", "hop3")
        assert destination("hostname h\nport 7\nproxycommand nc %h %p %%h\n").proxy_command == "nc h 7 %h"

    def test_may_be_next_to_nothing(self) -> None:
        found = destination("")
        assert (found.hostname, found.port, found.jumps, found.proxy_command) == ("prod", 22, (), None)
        assert found.timeout_s == 15

    def test_with_a_list_of_revoked_keys_is_refused(self) -> None:
        with pytest.raises(SshConfigInvalid, match="RevokedHostKeys"):
            destination("revokedhostkeys /etc/ssh/revoked\n")

    @pytest.mark.parametrize(
        ("setting", "socket"),
        [
            ("", "/run/ours"),
            ("identityagent SSH_AUTH_SOCK\n", "/run/ours"),
            ("identityagent none\n", None),
            ("identityagent $OTHER\n", "/run/other"),
            ("identityagent ${OTHER}\n", "/run/other"),
            ("identityagent $UNSET\n", None),
        ],
    )
    def test_is_which_agent(self, setting: str, socket: str | None) -> None:
        assert destination(setting, SSH_AUTH_SOCK="/run/ours", OTHER="/run/other").agent == socket


class TestAListOfPaths:
    @given(st.lists(st.text("ab/ ", min_size=1).map(str.strip).filter(bool), min_size=1, unique=True))
    def test_is_split_at_blanks(self, words: list[str]) -> None:
        text = " ".join(words)
        assert " ".join(split_paths(text, lambda _: False)) == text

    def test_keeps_blanks_in_a_path_that_exists(self) -> None:
        assert split_paths("/a /b c /d", {"/b c"}.__contains__) == ["/a", "/b c", "/d"]


def test_unknown_tokens_stay() -> None:
    assert expand("%h-%x-%%-%", {"h": "host", "%": "%"}) == "host-%x-%-%"


class TestTheWay:
    def way(self, start: str, **jumps: str) -> list[str]:
        def resolve(address: Address) -> Destination:
            there = tuple(jumps.get(address.host, "").split(",")) if jumps.get(address.host) else ()
            return replace(destination(""), hostname=address.host, port=address.port or 22, jumps=there)

        return [str(hop.host) for hop in hops_to(read_address(start), resolve)]

    def test_is_straight_without_jumps(self) -> None:
        assert self.way("prod") == ["prod:22"]

    def test_goes_over_every_jump_in_order(self) -> None:
        assert self.way("prod", prod="a,b:23") == ["a:22", "b:23", "prod:22"]

    def test_to_the_first_jump_may_have_jumps_of_its_own(self) -> None:
        """The later ones' own don't count, since ssh hands them the way up to there."""
        assert self.way("prod", prod="a,b", a="c", b="d") == ["c:22", "a:22", "b:22", "prod:22"]

    def test_does_not_lead_through_the_server_itself(self) -> None:
        """As `Host *` with `ProxyJump bastion` would have it for the bastion."""
        assert self.way("prod", prod="bastion", bastion="bastion") == ["bastion:22", "prod:22"]
        assert self.way("bastion", bastion="bastion") == ["bastion:22"]

    def test_may_lead_over_another_port_of_the_same_machine(self) -> None:
        assert self.way("host:2222", host="host:2200") == ["host:2200", "host:2222"]

    def test_in_a_circle_is_refused(self) -> None:
        with pytest.raises(SshConfigInvalid, match="circle"):
            self.way("a", a="b", b="c", c="b")
