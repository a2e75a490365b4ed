"""The scripts for the night when only ssh works, as far as they can be told without a server."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import pytest

from deploy.job.build import Setting
from deploy.job.by_hand import SCRIPTS, by_hand_files, compile_install, is_outdated
from deploy.job.compile_backups import compile_backup, compile_rollback
from deploy.job.outcome import _REASONS
from deploy.job.scripts import script
from deploy.model.observation import FOREIGN, Observation
from deploy.plan.backup import plan_backup
from deploy.plan.rollback import plan_rollback
from deploy.project import Author
from tests.unit.values import a_backup, a_database, an_observation, some_settings

BY_HAND = by_hand_files(some_settings(), "/opt/backtester", "1.0")


def where(seen: Observation) -> Setting:
    return Setting(seen, seen.database, some_settings(), "/opt/backtester", Author("a", "b", None, "1.0"))


def sums_of(files: dict[str, bytes]) -> dict[str, str]:
    paths = {"lib": "lib/SHA256SUMS"} | {name: name for name in SCRIPTS}
    return {name: sha256(files[path]).hexdigest() for name, path in paths.items()}


def steps_in(text: str) -> list[tuple[str, str]]:
    """Return each step's name and function."""
    found = re.findall(r"^ *step ('[^']*'|\"[^\"]*\"|\S+) (\w+)", text.replace("'\"'\"'", "^"), re.MULTILINE)
    return [(name.strip("'\"").replace("^", "'"), function) for name, function in found]


class TestTheJob:
    """They are the same jobs as the tool's: a step that is added there has to be added here."""

    def test_takes_the_steps_of_a_backup(self) -> None:
        seen = an_observation()
        tools = steps_in(compile_backup(plan_backup(seen, some_settings()), where(seen)).files["job.sh"].decode())
        assert [*tools, ("prune backups", "keep_newest")] == self.by_hand("backup")

    def test_takes_the_steps_of_a_rollback(self) -> None:
        seen = an_observation(backups=(a_backup(),))
        plan = plan_rollback("latest", seen, a_database(), some_settings(), stem="backtester")
        job = compile_rollback(plan, where(seen), assume_yes=False)
        tools = steps_in(job.files["job.sh"].decode())
        assert [*tools, ("prune backups", "keep_newest")] == self.by_hand("rollback")

    @staticmethod
    def by_hand(command: str) -> list[tuple[str, str]]:
        text = script("by_hand/job.sh")
        before, _, cases = text.partition("case $command in\n")
        branch = re.search(rf"^  {command}\)\n(.*?);;", cases, re.DOTALL | re.MULTILINE)
        assert branch
        return steps_in(before) + steps_in(branch[1])

    def test_has_what_its_script_sources(self) -> None:
        parts = re.search(r"job_parts='(.*)'", BY_HAND["lib/settings.sh"].decode())
        assert parts
        assert {f"lib/sh/{part}" for part in parts[1].split()} < set(BY_HAND)

    def test_is_verified_file_by_file(self) -> None:
        listed = re.findall(r"^[0-9a-f]{64}  (.*)$", BY_HAND["lib/SHA256SUMS"].decode(), re.MULTILINE)
        assert {f"lib/{path}" for path in listed} == {p for p in BY_HAND if p.startswith("lib/")} - {"lib/SHA256SUMS"}

    def test_knows_each_reason_and_its_exit_status(self) -> None:
        lines = [line.split("\t") for line in BY_HAND["lib/reasons"].decode().splitlines()]
        assert {line[0]: int(line[1]) for line in lines} == {
            reason: kind.status for reason, (kind, _, _) in _REASONS.items()
        }


class TestAScript:
    @pytest.mark.parametrize("name", SCRIPTS)
    def test_says_in_its_second_line_whose_it_is(self, name: str) -> None:
        first, second, *_ = BY_HAND[name].decode().splitlines()
        assert first == "#!/bin/sh"
        assert second.startswith("# written by backtester-deploy")


class TestAServer:
    def test_that_has_all_of_them_is_up_to_date(self) -> None:
        assert not is_outdated(an_observation(scripts=sums_of(BY_HAND)), BY_HAND)

    @pytest.mark.parametrize("name", ["lib", *SCRIPTS])
    def test_that_lacks_one_is_not(self, name: str) -> None:
        sums = sums_of(BY_HAND)
        del sums[name]
        assert is_outdated(an_observation(scripts=sums), BY_HAND)

    @pytest.mark.parametrize("changes", [{"keep_backups": 3}, {"database": "other"}, {"backup_format": "custom"}])
    def test_whose_settings_changed_is_not(self, changes: dict[str, Any]) -> None:
        files = by_hand_files(some_settings(**changes), "/opt/backtester", "1.0")
        assert is_outdated(an_observation(scripts=sums_of(BY_HAND)), files)

    def test_with_one_script_of_the_teams_own_still_gets_the_other(self) -> None:
        assert is_outdated(an_observation(scripts={"backup-db.sh": FOREIGN}), BY_HAND)
        assert not is_outdated(an_observation(scripts=sums_of(BY_HAND) | {"backup-db.sh": FOREIGN}), BY_HAND)

    def test_with_two_needs_nothing_of_ours(self) -> None:
        assert not is_outdated(an_observation(scripts=dict.fromkeys(SCRIPTS, FOREIGN)), BY_HAND)

    def test_gets_them_in_a_job_that_does_nothing_else(self) -> None:
        job = compile_install(where(an_observation(database=None)), BY_HAND)
        assert steps_in(job.files["job.sh"].decode()) == [("tidy up", "tidy"), ("install scripts", "install_scripts")]
