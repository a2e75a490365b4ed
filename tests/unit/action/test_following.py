"""Which job at work on the server a step follows before it begins."""

from __future__ import annotations

import pytest

from deploy.action.step import is_own

RUN = {"GITHUB_REPOSITORY": "acme/backtester", "GITHUB_RUN_ID": "42"}


def at_work(command: str = "deploy", source: str = "GitHub Actions, acme/backtester run 42") -> dict[str, str]:
    return {"job": "20261122_115500_c0ffee00", "command": command, "by": "octocat", "from": source}


class TestADeploy:
    @pytest.mark.parametrize("run", ["42", "41", "43"])
    def test_follows_a_deploy_of_any_run_of_its_repository(self, run: str) -> None:
        assert is_own(at_work(source=f"GitHub Actions, acme/backtester run {run}"), "deploy", RUN)

    @pytest.mark.parametrize(
        "other",
        [
            at_work(source="GitHub Actions, acme/backtester-fork run 42"),
            at_work(source="GitHub Actions, evil/acme/backtester run 42"),
            at_work(source="laptop"),
            at_work(command="rollback"),
            at_work(command="backup"),
            {"job": None, "command": None, "by": None, "from": None},
        ],
    )
    def test_is_refused_while_anybody_else_is_at_work(self, other: dict[str, str]) -> None:
        """To deploy right after somebody's rollback would undo it."""
        assert not is_own(other, "deploy", RUN)


class TestAnotherCommand:
    @pytest.mark.parametrize("command", ["rollback", "undo", "backup"])
    def test_follows_what_the_same_run_has_begun_and_nothing_else(self, command: str) -> None:
        assert is_own(at_work(command), command, RUN)
        assert not is_own(at_work(command, "GitHub Actions, acme/backtester run 41"), command, RUN)
        assert not is_own(at_work("deploy"), command, RUN)
