"""What stands under `with:`, and the words that it becomes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.action.inputs import (
    Inputs,
    destination_of,
    read_inputs,
    require_command,
    require_known,
    ssh_config,
    words_of,
)
from deploy.action.step import flags_of
from deploy.model.errors import DeployError, HostKeyUnknown, HostNeeded, UsageError
from deploy.server.known_hosts import parse_known_hosts
from deploy.server.ssh_config import read_address
from deploy.tasks import ns

SERVER = Inputs(host="db.example.com", user="deploy")
LISTED = {"staging": ["db.example.com"], "blue": ["deploy@[::1]:2222"], "green": []}
DEPLOY_FLAGS = {"--dry-run": False, "--only": True, "--allow-late": False, "--json": False}


class TestInputs:
    def test_are_read_from_variables(self) -> None:
        found = read_inputs({"INPUT_COMMAND": " deploy\n", "INPUT_SSH_PASSPHRASE": " x ", "HOME": "/"})
        assert found == Inputs(command="deploy", ssh_passphrase=" x ")  # noqa: S106 - a space is the point

    def test_dont_show_what_is_secret(self) -> None:
        assert "hunter2" not in repr(read_inputs({"INPUT_SSH_KEY": "hunter2", "INPUT_SSH_PASSPHRASE": "hunter2"}))

    @pytest.mark.parametrize("command", ["", "demo", "new", "deploy status", "Deploy", "--version"])
    def test_name_a_command_for_workflows(self, command: str) -> None:
        with pytest.raises(UsageError) as refused:
            require_command(command, ns.task_names)
        assert "deploy, doctor" in refused.value.hint


class TestTheServer:
    @pytest.mark.parametrize(
        ("host", "user", "port", "name", "known_as"),
        [
            ("db.example.com", "deploy", "", "deploy@db.example.com", "db.example.com"),
            ("db.example.com", "deploy", "22", "deploy@db.example.com", "db.example.com"),
            ("db.example.com", "deploy", "2222", "deploy@db.example.com:2222", "[db.example.com]:2222"),
            ("deploy@db.example.com:2222", "", "", "deploy@db.example.com:2222", "[db.example.com]:2222"),
            ("deploy@db.example.com:2222", "deploy", "2222", "deploy@db.example.com:2222", "[db.example.com]:2222"),
            ("db.example.com:2222", "deploy", "", "deploy@db.example.com:2222", "[db.example.com]:2222"),
            ("10.0.0.7", "deploy", "", "deploy@10.0.0.7", "10.0.0.7"),
            ("2001:db8::7", "deploy", "", "deploy@[2001:db8::7]", "2001:db8::7"),
            ("deploy@[2001:db8::7]:2222", "", "", "deploy@[2001:db8::7]:2222", "[2001:db8::7]:2222"),
            ("[2001:db8::7]", "deploy", "2222", "deploy@[2001:db8::7]:2222", "[2001:db8::7]:2222"),
            ("db", "a.b@corp", "", "a.b@corp@db", "db"),
        ],
    )
    def test_may_be_written_in_parts_or_as_one(self, host: str, user: str, port: str, name: str, known_as: str) -> None:
        found = destination_of(Inputs(host=host, user=user, port=port), {})
        assert (found.name, found.host.name) == (name, known_as)
        address = read_address(found.name)
        assert (address.host, address.user, address.port or 22) == (found.host.hostname, found.user, found.host.port)

    @pytest.mark.parametrize(
        ("inputs", "said"),
        [
            (replace(SERVER, host="a,b"), "names no server"),
            (replace(SERVER, host="db\nProxyCommand x"), "names no"),
            (replace(SERVER, host="$(touch x)"), "names no server"),
            (replace(SERVER, host="-oProxyCommand=x"), "names no"),
            (replace(SERVER, host="db:0"), "names no host"),
            (replace(SERVER, host="@db"), "names no host"),
            (replace(SERVER, user=""), "the input user is empty"),
            (replace(SERVER, user="a b"), "is no login name"),
            (replace(SERVER, user="-l"), "is no login name"),
            (replace(SERVER, user='a"\nProxyCommand x'), "is no login name"),
            (replace(SERVER, port="ssh"), "is no port"),
            (replace(SERVER, port="65536"), "is no port"),
            (replace(SERVER, host="root@db.example.com"), "user is 'deploy', and 'root' in host"),
            (replace(SERVER, host="db:22", port="23"), "port is '23', and '22' in host"),
            (replace(SERVER, environment="prd"), "'prd' isn't under deploy.environments"),
            (replace(SERVER, environment="local"), "'local' isn't under deploy.environments"),
        ],
    )
    def test_is_refused_where_it_cant_be_meant(self, inputs: Inputs, said: str) -> None:
        with pytest.raises(UsageError) as refused:
            destination_of(inputs, LISTED)
        assert said in refused.value.message

    def test_has_to_be_named(self) -> None:
        with pytest.raises(HostNeeded):
            destination_of(replace(SERVER, host=""), {})

    @pytest.mark.parametrize(
        ("inputs", "name"),
        [
            (replace(SERVER, environment="green"), "green"),
            (replace(SERVER, environment="prod"), "prod"),
            (SERVER, "db.example.com"),
            (replace(SERVER, port="2222"), "db.example.com"),
            (Inputs(host="deploy@[::1]:2222"), "deploy@[::1]:2222"),
            (Inputs(host="deploy@other"), "deploy@other"),
        ],
    )
    def test_is_called_as_the_settings_know_it(self, inputs: Inputs, name: str) -> None:
        """A host that fabric.yml lists for staging must not become prod because of its port."""
        assert destination_of(inputs, LISTED).name == name

    @given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=10))
    def test_gives_a_configuration_of_nine_lines_and_no_more(self, host: str, user: str, port: str) -> None:
        try:
            found = destination_of(Inputs(host=host, user=user, port=port), {})
        except DeployError:
            return
        lines = ssh_config(found, "/tmp/x").split("\n")
        assert [line.split()[0] for line in lines[:-1]] == [line.split()[0] for line in AS_EVER.split("\n")[:-1]]


AS_EVER = ssh_config(destination_of(SERVER, {}), "/tmp/a b")


class TestTheServersKey:
    LINE = "db.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJvb3Q="

    def test_is_enough(self) -> None:
        require_known(destination_of(SERVER, {}), *parse_known_hosts(self.LINE, file="known-hosts"))
        require_known(
            destination_of(replace(SERVER, port="2222"), {}), *parse_known_hosts(self.LINE, file="known-hosts")
        )

    def test_is_never_asked_for_but_the_command_is_told(self) -> None:
        with pytest.raises(HostKeyUnknown, match="the input known-hosts is empty") as refused:
            require_known(destination_of(replace(SERVER, port="2222"), {}), [], [])
        assert "`ssh-keyscan -p 2222 db.example.com`" in refused.value.hint

    def test_of_another_is_not_enough(self) -> None:
        keys, warnings = parse_known_hosts(f"{self.LINE}\nnonsense", file="known-hosts")
        with pytest.raises(HostKeyUnknown, match="known-hosts has no key of other") as refused:
            require_known(destination_of(replace(SERVER, host="other"), {}), keys, warnings)
        assert refused.value.details[0] == "it has those of db.example.com"
        assert "known-hosts:2" in refused.value.details[1]


class TestArgs:
    @pytest.mark.parametrize(
        ("args", "words"),
        [
            ("", ["deploy"]),
            ("--dry-run", ["deploy", "--dry-run"]),
            ("--only=004 --allow-late", ["deploy", "--only=004", "--allow-late"]),
            ("--only 004\n--allow-late", ["deploy", "--only", "004", "--allow-late"]),
            ("--only='$(touch x)'", ["deploy", "--only=$(touch x)"]),
        ],
    )
    def test_are_split_as_a_shell_does_and_run_by_none(self, args: str, words: list[str]) -> None:
        assert words_of(Inputs(command="deploy", args=args), DEPLOY_FLAGS) == words

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            ("--only='", "can't be split into words: no closing quotation"),
            ("cancel", "'cancel' is no flag of deploy"),
            ("--only 004 cancel", "'cancel' is no flag of deploy"),
            ("-H other", "'-H' is no flag of deploy"),
            ("--hosts=other", "'--hosts=other' is no flag of deploy"),
            ("--ssh-config x", "'--ssh-config' is no flag of deploy"),
            ("--dry-run; touch x", "'--dry-run;' is no flag of deploy"),
            ("-- touch x", "'--' is no flag of deploy"),
            ("--allow-late --only", "--only has no value"),
        ],
    )
    def test_are_flags_of_the_command_and_nothing_else(self, args: str, said: str) -> None:
        with pytest.raises(UsageError) as refused:
            words_of(Inputs(command="deploy", args=args), DEPLOY_FLAGS)
        assert said in refused.value.message

    def test_know_the_real_flags(self) -> None:
        flags = flags_of("deploy")
        assert flags["--dry-run"] is False
        assert flags["--only"] is True
        assert ns.tasks["deploy"].help, "the words for --help are still there"

    def test_leave_the_backup_to_its_input(self) -> None:
        flags = {"--backup": True, "--yes": False}
        assert words_of(Inputs(command="rollback", backup="latest"), flags) == ["rollback", "--backup=latest", "--yes"]
        assert words_of(Inputs(command="rollback", args="--yes"), flags) == ["rollback", "--yes"]
        with pytest.raises(UsageError, match="named twice"):
            words_of(Inputs(command="rollback", backup="a", args="--backup=b"), flags)
        with pytest.raises(UsageError, match="deploy takes no backup"):
            words_of(Inputs(command="deploy", backup="a"), DEPLOY_FLAGS)

    def test_may_ask_check_for_another_form(self) -> None:
        flags = {"--format": True, "--json": False}
        assert words_of(Inputs(command="check"), flags) == ["check", "--format=github"]
        assert words_of(Inputs(command="check", args="--json"), flags) == ["check", "--json"]
