"""What people read of the doctor, whether it gets in or not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from deploy.commands.doctor import examine
from deploy.model.errors import (
    ConnectionLost,
    DeployError,
    HostKeyChanged,
    ServerTalksNonsense,
    ServerUnreachable,
    SettingsInvalid,
    SshConfigInvalid,
)
from deploy.model.examination import Toolbox, WayIn
from deploy.plan.doctor import check_toolbox, sum_up
from deploy.report import document
from tests.unit.commands.server import Paper, SeenServer
from tests.unit.plan.test_doctor import WAY
from tests.unit.values import NOW, a_backup, a_migration, an_observation, some_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

    from deploy.model.examination import Check
    from deploy.model.settings import Settings
    from deploy.server.target import Server

CHANGED = HostKeyChanged(
    "the host key of the server db:22 isn't the known one: it may be another server",
    details=("offered  SHA256:new (ssh-ed25519)", "known    SHA256:abc (~/.ssh/known_hosts:3)"),
    hint="Ask the server's administrator.",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    migration = a_migration(1)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / migration.name).write_bytes(migration.content)
    return some_settings()


def look(
    settings: Settings | DeployError,
    connect: Callable[[], Server],
    *,
    way: WayIn | None = WAY,
    host: str = "prod",
) -> tuple[list[Check], DeployError | None]:
    def settings_of() -> Settings:
        if isinstance(settings, DeployError):
            raise settings
        return settings

    return examine(
        host, settings_of, lambda _: way, connect, ask_ssh=lambda _: way.ssh_says if way else None, now=lambda: NOW
    )


def never() -> Server:
    raise AssertionError("nobody should knock")


def failing(error: DeployError) -> Callable[[], Server]:
    def connect() -> Server:
        raise error

    return connect


def shown(checks: list[Check], lost: DeployError | None, host: str = "prod") -> str:
    paper = Paper()
    paper.doctor(host, checks)
    if error := sum_up(checks, lost):
        paper.error(error, host)
    return paper.read()


class TestTheDoctor:
    def test_that_finds_nothing_wrong(self, project: Settings, snapshot: SnapshotAssertion) -> None:
        checks, lost = look(project, lambda: SeenServer(an_observation(backups=(a_backup(),))))
        assert shown(checks, lost) == snapshot

    def test_that_stands_before_a_changed_host_key(self, project: Settings, snapshot: SnapshotAssertion) -> None:
        way = WayIn(WAY.hops, WAY.keys, None, WAY.known, WAY.looked_in, "Host key verification failed.")
        checks, lost = look(project, failing(CHANGED), way=way)
        assert lost is CHANGED
        assert shown(checks, lost) == snapshot
        assert document.doctor_document(checks) == snapshot(name="JSON")

    def test_that_cant_read_the_settings_goes_no_further(self) -> None:
        error = SettingsInvalid("keep_backups must be a whole number", hint="Mend fabric.yml.")
        checks, lost = look(error, never)
        assert lost is error
        assert [(c.name, c.found, c.mend) for c in checks] == [("settings", error.message, error.hint)]

    def test_that_finds_no_way_knocks_nowhere(self, project: Settings) -> None:
        error = SshConfigInvalid("ssh refuses its configuration", hint="Mend it.")
        checks, lost = look(project, never, way=WayIn((), (), None, (), (), error=error))
        assert lost is error
        assert [c.name for c in checks] == ["settings", "migrations", "way"]

    def test_asks_ssh_while_it_connects_itself(self, project: Settings) -> None:
        """A server that is out of reach is waited for once."""
        asked, knocked = threading.Event(), threading.Event()

        def ask(_: Settings) -> str:
            asked.set()
            assert knocked.wait(5)
            return "Connection timed out"

        def connect() -> Server:
            knocked.set()
            assert asked.wait(5)
            raise ServerUnreachable("db doesn't answer within 15 s", hint="Check the network.")

        checks, _ = examine("prod", lambda: project, lambda _: WAY, connect, ask_ssh=ask)
        assert [c.found for c in checks][-2:] == ["db doesn't answer within 15 s", "it says: Connection timed out"]

    def test_that_hears_nonsense_says_so_after_all_that_is_here(self, project: Settings) -> None:
        error = ServerTalksNonsense("prod didn't answer as a POSIX shell does", hint="Look at its profile.")
        checks, lost = look(project, lambda: SeenServer(error))
        assert lost is error
        assert [c.name for c in checks][-2:] == ["connection", "ssh to it"]
        assert [c.found for c in checks if not c.well] == [error.message]

    def test_that_loses_the_server_at_the_closer_look_keeps_what_it_saw(
        self, project: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A docker daemon that hangs."""
        error = ConnectionLost("nothing was heard from prod for 60 s", hint="Check it.")

        def hang(*_args: object, **_named: object) -> None:
            raise error

        monkeypatch.setattr("deploy.commands.doctor.look_closer", hang)
        checks, lost = look(project, SeenServer)
        assert lost is None
        assert [c.name for c in checks if not c.well] == ["a closer look"]
        assert "disk" in [c.name for c in checks]

    def test_of_this_machine_asks_nobody_the_way(self, project: Settings) -> None:
        checks, lost = look(project, lambda: SeenServer(host=None), way=None, host="local")
        assert lost is None
        assert not {"way", "keys", "connection", "clock"} & {c.name for c in checks}

    def test_shows_what_is_doubtful(self) -> None:
        paper = Paper()
        paper.doctor("here", check_toolbox(Toolbox({"Python": "3.11.7"}, None)))
        assert paper.read().splitlines()[1:] == [
            "  ✅ tool: Python 3.11.7",
            "  ⚠️  ssh: there is no ssh here: its configuration is read by Paramiko, which knows neither Include nor Match exec",
        ]
