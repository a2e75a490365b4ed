"""Fabric's own keys in fabric.yml."""

from __future__ import annotations

from typing import Any

import pytest
from fabric import Config
from paramiko.config import SSHConfig

from deploy.model.errors import SettingsInvalid
from deploy.server.fabric_config import NO_CONFIG, NOTHING, Defaults, defaults_from


def a_config(**keys: Any) -> Config:  # noqa: ANN401 - any key
    return Config(overrides={"user": "me", **keys}, ssh_config=SSHConfig(), lazy=True)


class TestFabricsOwnKeys:
    def test_say_nothing_where_nobody_set_them(self) -> None:
        assert defaults_from(a_config(), "me") == NOTHING
        assert NOTHING.options == {}

    def test_say_who_where_and_through_what(self) -> None:
        found = defaults_from(a_config(user="deploy", port=2222, gateway="bob@bastion:23"), "me")
        assert found == Defaults("deploy", 2222, "bob@bastion:23")
        assert found.options == {"User": "deploy", "Port": "2222", "ProxyJump": "bob@bastion:23"}

    def test_may_give_a_command_as_the_gateway(self) -> None:
        """As in Fabric, whose documentation calls it a ProxyCommand."""
        found = defaults_from(a_config(gateway=" ssh -W %h:%p bastion "), "me")
        assert found.options == {"ProxyCommand": "ssh -W %h:%p bastion"}

    def test_say_which_ssh_configuration_is_read(self) -> None:
        assert defaults_from(a_config(ssh_config_path="~/other"), "me").ssh_config == "~/other"
        assert defaults_from(a_config(load_ssh_configs=False), "me").ssh_config == NO_CONFIG

    def test_may_give_keys_and_secrets(self) -> None:
        kwargs = {"key_filename": "~/.ssh/key", "passphrase": "a", "password": "b", "timeout": 5}
        assert defaults_from(a_config(connect_kwargs=kwargs), "me") == NOTHING

    @pytest.mark.parametrize(
        ("keys", "said"),
        [
            ({"user": "a b"}, "user must be a name, not 'a b'"),
            ({"user": "x\nProxyCommand evil"}, "user must be a name, not 'x\\nProxyCommand evil'"),
            ({"user": 7}, "user must be a name, not 7"),
            ({"port": "22"}, "port must be a number up to 65535, not '22'"),
            ({"port": 70000}, "port must be a number up to 65535, not 70000"),
            ({"port": True}, "port must be a number up to 65535, not True"),
            ({"gateway": "a\nb"}, "gateway must be a host or a command, as ProxyCommand has it, not 'a\\nb'"),
            ({"gateway": " "}, "gateway must be a host or a command, as ProxyCommand has it, not ' '"),
            ({"ssh_config_path": 7}, "ssh_config_path must be a path, not 7"),
            (
                {"connect_kwargs": {"look_for_keys": False, "allow_agent": False}},
                "connect_kwargs.look_for_keys isn't supported here; connect_kwargs.allow_agent isn't supported here",
            ),
            ({"authentication": {"strategy_class": "X"}}, "authentication.strategy_class isn't supported here"),
        ],
    )
    def test_that_cant_be_honoured_are_refused_by_name(self, keys: dict[str, Any], said: str) -> None:
        with pytest.raises(SettingsInvalid) as refusal:
            defaults_from(a_config(**keys), "me")
        assert refusal.value.message == said
