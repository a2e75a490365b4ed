"""A closer look at a server, as its shell prints it and as it is read."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.job.scripts import script
from deploy.model.examination import Examination
from deploy.server.examination import examination_script, parse
from tests.unit.values import some_settings

if TYPE_CHECKING:
    from pathlib import Path

SAID = """\
system Debian GNU/Linux 12 (bookworm)
free_inodes 16189866
session session-7.scope
KillUserProcesses b true
KillExcludeUsers as 2 "root" "deployer"
KillOnlyUsers as 0
cron cron
docker 24.0.7
lacks_there tar
tmp yes
psql psql (PostgreSQL) 15.4
pg_dump pg_dump (PostgreSQL) 15.4
pg_restore
open_replaced b_replaced_20261121_080000
"""


class TestACloserLook:
    def test_is_read(self) -> None:
        assert parse(SAID) == Examination(
            system="Debian GNU/Linux 12 (bookworm)",
            free_inodes=16189866,
            session="session-7.scope",
            kills=True,
            kill_excludes=("root", "deployer"),
            kill_only=(),
            cron="cron",
            docker="24.0.7",
            lacks_there=("tar",),
            tmp_there=True,
            versions={"psql": "psql (PostgreSQL) 15.4", "pg_dump": "pg_dump (PostgreSQL) 15.4", "pg_restore": ""},
            open_replaced=("b_replaced_20261121_080000",),
        )

    def test_may_find_nothing_out(self) -> None:
        assert parse("") == Examination()

    @pytest.mark.parametrize(
        ("value", "kills"),
        [("b true", True), ("yes", True), ("1", True), ("b false", False), ("no", False), ("", False)],
    )
    def test_reads_the_bus_and_the_file(self, value: str, kills: bool) -> None:
        assert parse(f"KillUserProcesses {value}\n").kills is kills

    @given(st.text())
    def test_believes_nothing(self, said: str) -> None:
        parse(said)

    def test_brings_no_escape_sequence(self) -> None:
        assert "\033" not in parse("system \033[31mred").system

    def test_asks_nothing_where_no_database_answers(self) -> None:
        asked = examination_script(some_settings(), "/opt/x", database_answers=False)
        assert "\nexamine_replaced\n" not in asked
        assert "\nexamine_replaced\n" in examination_script(some_settings(), "/opt/x", database_answers=True)


class TestTheShell:
    """The parts that a test server has not: a login manager, and processes of a cron."""

    def examine(self, call: str, directory: Path, **variables: str) -> Examination:
        (directory / "bin").mkdir(exist_ok=True)
        path = f"{directory}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", f"set -u\nremote_dir=/ container=\n{script('examine.sh')}{call}\n"],
            capture_output=True,
            check=True,
            env={"PATH": path, **variables},
        )
        assert done.stderr == b""
        return parse(done.stdout.decode())

    def a_program(self, directory: Path, name: str, text: str) -> None:
        (directory / "bin").mkdir(exist_ok=True)
        program = directory / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    def test_asks_the_login_manager_itself(self, tmp_path: Path) -> None:
        self.a_program(
            tmp_path,
            "busctl",
            'case $5 in KillUserProcesses) echo "b true" ;; KillExcludeUsers) echo \'as 1 "root"\' ;; *) echo "as 0" ;; esac',
        )
        (tmp_path / "cgroup").write_text("0::/user.slice/user-1000.slice/session-7.scope\n")
        found = self.examine("examine_login", tmp_path, cgroup_file=f"{tmp_path}/cgroup")
        assert (found.session, found.kills, found.kill_excludes, found.kill_only) == (
            "session-7.scope",
            True,
            ("root",),
            (),
        )

    def test_reads_its_files_where_it_has_no_voice(self, tmp_path: Path) -> None:
        self.a_program(tmp_path, "busctl", "exit 1")
        (tmp_path / "cgroup").write_text("1:name=systemd:/user.slice/user-1000.slice/session-c2.scope\n")
        (tmp_path / "a.conf").write_text("[Login]\n#KillUserProcesses=no\nKillUserProcesses=no\n")
        (tmp_path / "b.conf").write_text("[Login]\n KillUserProcesses = yes\nKillExcludeUsers=root deployer\n")
        files = f"{tmp_path}/a.conf {tmp_path}/b.conf {tmp_path}/missing.conf"
        found = self.examine("examine_login", tmp_path, cgroup_file=f"{tmp_path}/cgroup", logind_files=files)
        assert (found.session, found.kills, found.kill_excludes) == ("session-c2.scope", True, ("root", "deployer"))

    def test_looks_no_further_outside_a_session(self, tmp_path: Path) -> None:
        (tmp_path / "cgroup").write_text("0::/system.slice/ssh.service\n")
        assert self.examine("examine_login", tmp_path, cgroup_file=f"{tmp_path}/cgroup") == Examination()

    @pytest.mark.parametrize(
        ("processes", "cron"),
        [({"1": "systemd", "77": "crond"}, "crond"), ({"1": "systemd"}, "none"), ({"77": "sh"}, "")],
    )
    def test_finds_a_cron_or_says_that_it_cant_look(self, processes: dict[str, str], cron: str, tmp_path: Path) -> None:
        for pid, name in processes.items():
            (tmp_path / pid).mkdir()
            (tmp_path / pid / "comm").write_text(f"{name}\n")
        assert self.examine("examine_cron", tmp_path, processes=str(tmp_path)).cron == cron

    def test_says_what_system_it_is_and_what_is_left_of_it(self, tmp_path: Path) -> None:
        found = self.examine("examine_system", tmp_path)
        assert found.system
        assert found.free_inodes is None or found.free_inodes > 0
