"""What of a deploy is tried on a copy first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.model.errors import DatabaseRightsLacking, MigrationInvalid, NoSpace, RollbackBlocked, UsageError
from deploy.plan.rehearsal import NONE, Rehearsal, plan_rehearsal, rehearse_mode
from deploy.plan.release import Pending, read_pending
from tests.unit.values import a_database, a_migration, an_observation, some_settings

FILE = read_pending(a_migration(1))
ROLE = read_pending(a_migration(2, text="CREATE ROLE reader;\n"))


def planned(mode: str, *pending: Pending, **database: object) -> Rehearsal:
    seen = an_observation(database=a_database(**database))
    return plan_rehearsal(pending or (FILE,), seen, some_settings(), mode)


class TestARehearsal:
    @pytest.mark.parametrize("mode", ["auto", "always"])
    def test_restores_the_backup_and_runs_the_files_twice(self, mode: str) -> None:
        assert planned(mode) == Rehearsal(restore=True, runs=2)

    def test_can_be_left_out(self) -> None:
        assert planned("never") == NONE

    def test_of_a_backup_alone_runs_nothing(self) -> None:
        seen = an_observation(database=a_database())
        assert plan_rehearsal((), seen, some_settings(), "auto") == Rehearsal(restore=True, runs=0)

    def test_stops_at_the_limit_unless_it_is_always_done(self) -> None:
        assert planned("auto", bytes=10**9) == Rehearsal(restore=True, runs=2)
        assert planned("auto", bytes=10**9 + 1) == Rehearsal(
            restore=False, runs=0, less="1.0 GB are beyond rehearse_limit (1.0 GB)"
        )
        assert planned("always", bytes=10**9 + 1).restore

    def test_of_a_file_that_reaches_beyond_the_database_proves_the_restore_alone(self) -> None:
        found = planned("auto", FILE, ROLE)
        assert (found.restore, found.runs) == (True, 0)
        assert found.less == "002_step.sql reaches beyond its database (line 1: CREATE ROLE reader)"
        with pytest.raises(MigrationInvalid, match=r"002_step\.sql reaches beyond"):
            planned("always", FILE, ROLE)

    @pytest.mark.parametrize(
        ("database", "kind", "less"),
        [
            ({"createdb": False}, DatabaseRightsLacking, "may not create databases"),
            ({"subscriptions": 1}, RollbackBlocked, "subscribes to another server"),
        ],
    )
    def test_that_the_server_does_not_allow_is_left_out_or_refused(
        self, database: dict[str, object], kind: type[Exception], less: str
    ) -> None:
        found = planned("auto", **database)
        assert (found.restore, found.runs) == (False, 0)
        assert less in found.less
        with pytest.raises(kind):
            planned("always", **database)

    @pytest.mark.parametrize("mode", ["auto", "always"])
    def test_needs_the_space_that_a_rollback_would_need(self, mode: str) -> None:
        seen = replace(an_observation(database=a_database()), free_bytes=10**6)
        with pytest.raises(NoSpace, match="a copy to rehearse on"):
            plan_rehearsal((FILE,), seen, some_settings(), mode)

    def test_is_chosen_by_the_flag_then_by_the_setting(self) -> None:
        settings = some_settings(rehearse="never")
        assert rehearse_mode("", settings) == "never"
        assert rehearse_mode("always", settings) == "always"
        with pytest.raises(UsageError, match="--rehearse=yes is no way"):
            rehearse_mode("yes", settings)
