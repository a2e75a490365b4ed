"""What Fabric calls for each host is one command for all of them, and it ends with what became of each."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fabric import Config, Connection
from fabric.main import program
from invoke.exceptions import Exit
from paramiko.config import SSHConfig

from deploy import tasks
from deploy.model.errors import DeployError, MigrationsNotFound, ServerUnreachable
from deploy.server import target
from tests.unit.commands.server import SeenServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.report.console import Console

Fab = Any
Told = tuple[list[Any], DeployError | None]


class Arguments(dict[str, SimpleNamespace]):
    __getattr__ = dict.__getitem__


@pytest.fixture
def fab(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Connection], None]], int]:
    """Call a task as Fabric does: for each word behind -H as it stands; the first that fails is the end."""

    def call(hosts: str, task: Callable[[Connection], None]) -> int:
        arguments = Arguments(hosts=SimpleNamespace(value=hosts), **{"ssh-config": SimpleNamespace(value=None)})
        monkeypatch.setattr(program, "core", [SimpleNamespace(args=arguments)], raising=False)
        config = Config(ssh_config=SSHConfig(), lazy=True)
        try:
            for word in hosts.split(","):
                task(Connection(word, config=config))
        except Exit as left:
            return int(left.code)
        return 0

    return call


class TestATask:
    HOSTS = pytest.mark.parametrize(
        "hosts",
        ["prod", "prod ", " prod", "prod\n", "\tbob@prod:2222 ", "db1,db2", " db1,db2", "db1 , db2\n", "[::1] "],
    )

    @HOSTS
    def test_is_done_once_however_its_hosts_are_typed(self, fab: Fab, hosts: str) -> None:
        """A secret that was pasted ends in a line end: to do nothing would look like success."""
        done: list[str] = []

        def story(_servers: list[Any], _console: Console) -> Told:
            done.append("once")
            return [], None

        assert fab(hosts, lambda c: tasks._tell(c, story, json=False, opens=False)) == 0  # noqa: SLF001
        assert done == ["once"]

    @HOSTS
    def test_without_a_server_is_done_once_too(self, fab: Fab, hosts: str) -> None:
        def story(_settings: Any, _console: Console) -> Told:  # noqa: ANN401
            raise MigrationsNotFound("none", hint="Write one.")

        assert fab(hosts, lambda c: tasks._tell_here(c, story, json=False)) == MigrationsNotFound.status  # noqa: SLF001

    def test_is_done_by_a_connection_that_no_word_is_for(self, fab: Fab) -> None:
        """Rather once too often than never, with a status of 0."""
        done: list[str] = []

        def story(_servers: list[Any], _console: Console) -> Told:
            done.append("once")
            return [], None

        other = Connection("somebody@else", config=Config(ssh_config=SSHConfig(), lazy=True))
        assert fab("db1,db2", lambda _: tasks._tell(other, story, json=False, opens=False)) == 0  # noqa: SLF001
        assert done

    @pytest.mark.parametrize("hosts", ["a b", "db1,a b", "db1 db2", "bob @prod", "[::1 ]", "prod: 22"])
    def test_is_refused_for_a_host_with_a_space_in_it(
        self, fab: Fab, hosts: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def story(_servers: list[Any], _console: Console) -> Told:
            raise AssertionError

        assert fab(hosts, lambda c: tasks._tell(c, story, json=False, opens=False)) == 10  # noqa: SLF001
        assert "names no host" in capsys.readouterr().out


class TestTheDocument:
    def test_of_several_hosts_is_one_of_hosts_where_one_cant_be_reached_too(
        self, fab: Fab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def open_server(_c: Connection, host: str, *_: object, **__: object) -> Any:  # noqa: ANN401
            if host == "db2":
                raise ServerUnreachable("no route to db2", hint="Wait.")
            return SeenServer(host=host)

        monkeypatch.setattr(target, "open_server", open_server)
        assert fab("db1,db2", lambda c: tasks._tell(c, nothing, json=True)) == 60  # noqa: SLF001
        (refusal,) = json.loads(capsys.readouterr().out)["hosts"]
        assert (refusal["host"], refusal["outcome"], refusal["error"]["status"]) == ("db2", "refused", 60)
        assert fab("db2", lambda c: tasks._tell(c, nothing, json=True)) == 60  # noqa: SLF001
        assert json.loads(capsys.readouterr().out)["host"] == "db2"


def nothing(_servers: list[Any], _console: Console) -> Told:
    return [], None
