"""Which servers a command is for."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke.exceptions import Exit

from deploy.model.errors import HostNeeded, SettingsInvalid, UsageError
from deploy.server.local import LocalShell
from deploy.server.target import Server, hosts_of, open_server
from deploy.tasks import refuse_unreadable
from tests.unit.values import some_settings

NO_CONNECTION: Any = None


class TestTheHosts:
    @pytest.mark.parametrize(
        ("typed", "hosts"),
        [(None, (None,)), ("prod", ("prod",)), ("db1, bob@db2:2222", ("db1", "bob@db2:2222"))],
    )
    def test_are_what_stands_behind_h(self, typed: str | None, hosts: tuple[str | None, ...]) -> None:
        assert hosts_of(typed) == hosts

    @pytest.mark.parametrize("typed", ["", " ", ",", "db1,", ",db1", "db1,,db2"])
    def test_are_never_empty(self, typed: str) -> None:
        """An unset secret would otherwise deploy to the machine that runs this."""
        with pytest.raises(HostNeeded):
            hosts_of(typed)

    def test_are_each_named_once(self) -> None:
        with pytest.raises(UsageError, match="-H names a host twice: db1,db1"):
            hosts_of("db1,db1")

    @pytest.mark.parametrize(
        ("typed", "said"),
        [(",", "-H is empty: this would have run on your own machine"), ("prod,", "-H has an empty name in it: prod,")],
    )
    def test_that_are_empty_are_told_from_those_that_have_an_empty_one(self, typed: str, said: str) -> None:
        with pytest.raises(HostNeeded) as refusal:
            hosts_of(typed)
        assert refusal.value.message == said

    @pytest.mark.parametrize("typed", ["host:abc", "@x", ":22", "db1,db2:x"])
    def test_that_are_none_are_refused_before_anything_is_opened(self, typed: str) -> None:
        with pytest.raises(UsageError, match="names no host"):
            hosts_of(typed)

    @given(st.text())
    def test_never_mean_this_machine_where_anything_was_typed(self, typed: str) -> None:
        with suppress(HostNeeded, UsageError):
            assert None not in hosts_of(typed)


class TestThisMachine:
    def open(self, section: dict[str, Any]) -> Server:
        return open_server(NO_CONNECTION, None, section, variables={}, ssh_config_file=None)

    def test_is_opened_without_a_connection(self, tmp_path: Path) -> None:
        server = self.open({"remote_dir": str(tmp_path)})
        assert isinstance(server.shell, LocalShell)
        assert (server.host, server.name, server.remote_dir) == (None, "local", str(tmp_path))
        assert server.settings.container == "backtester_postgres"

    def test_keeps_its_files_where_fab_is_run(self) -> None:
        assert self.open({}).remote_dir == str(Path.cwd())

    def test_is_refused_with_a_bad_setting(self) -> None:
        with pytest.raises(SettingsInvalid):
            self.open({"colour": "red"})

    @pytest.mark.parametrize(
        ("host", "remote_dir", "migrations_dir", "holds"),
        [
            (None, ".", "migrations", True),
            (None, ".", "./migrations", True),
            (None, ".", "sql", True),
            (None, "/srv", "/srv/migrations", True),
            (None, "/srv", "migrations", False),
            ("prod", ".", "migrations", False),
        ],
    )
    def test_may_hold_the_very_files_that_we_deploy(
        self, host: str | None, remote_dir: str, migrations_dir: str, holds: bool
    ) -> None:
        server = Server(host, LocalShell(), some_settings(migrations_dir=migrations_dir), remote_dir)
        assert server.holds_sources is holds

    def test_is_shown_by_the_name_behind_h_where_it_is_a_server(self) -> None:
        assert Server("db1", LocalShell(), some_settings(), "/srv").name == "db1"


class TestAHostThatFabricCantRead:
    @pytest.mark.parametrize(("typed", "status"), [(",", 14), ("prod,", 14), ("host:abc", 10), (":22", 10), ("a@", 10)])
    def test_is_refused_before_fabric_fails_with_a_traceback(
        self, typed: str, status: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """And before any task is called: it would be called for this machine."""
        with pytest.raises(Exit) as left:
            refuse_unreadable(typed, ["status"])
        assert left.value.code == status
        first, second = capsys.readouterr().out.splitlines()
        assert first.startswith("❌ ")
        assert second.startswith("   👉 ")

    def test_is_refused_in_a_document_where_one_is_asked_for(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(Exit):
            refuse_unreadable(",", ["status", "--json"])
        assert json.loads(capsys.readouterr().out)["error"]["status"] == 14

    @pytest.mark.parametrize("typed", [None, "", "prod", "bob@prod:22,[::1]"])
    def test_is_told_from_one_that_it_can(self, typed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
        refuse_unreadable(typed, ["status"])
        assert capsys.readouterr().out == ""
