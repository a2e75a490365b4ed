"""A rollback is decided, or refused with what stands against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from deploy.model.errors import (
    BackupNotFound,
    BackupUnusable,
    DatabaseRightsLacking,
    DeployError,
    NoSpace,
    NothingReplaced,
    RollbackBlocked,
)
from deploy.model.observation import Replaced
from deploy.plan.rollback import plan_rollback, plan_undo
from tests.unit.values import a_backup, a_database, a_migration, an_observation, ledger_of, some_settings

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from deploy.model.backup import Backup
    from deploy.plan.rollback import RollbackPlan


def plan(backup: Backup, wanted: str = "latest", database: dict[str, Any] | None = None, **seen: Any) -> RollbackPlan:  # noqa: ANN401 - any field of any type
    there = a_database(**database or {})
    observed = an_observation(backups=(backup,), database=there, **seen)
    return plan_rollback(wanted, observed, there, some_settings(), stem="backtester")


class TestARollbackPlan:
    def test_names_the_databases_and_the_safety_backup_alike(self) -> None:
        """So that each says which of the others belongs to it."""
        backup = a_backup()
        decided = plan(backup, ledger=ledger_of(a_migration(3)))
        assert decided.backup == backup
        assert decided.side == "backtester_side_20261122_120000"
        assert decided.replaced == "backtester_replaced_20261122_120000"
        assert decided.safety == "pre_rollback_20261122_120000.sql.gz"
        assert decided.last_applied == "003_step.sql"
        assert decided.ledger_fingerprint == ledger_of(a_migration(3)).fingerprint

    def test_keeps_the_backup_that_it_reads(self) -> None:
        read = a_backup("pre_rollback", age=timedelta(days=9))
        newer = tuple(a_backup("pre_rollback", age=timedelta(days=n)) for n in range(1, 4))
        seen = an_observation(backups=(*newer, read))
        decided = plan_rollback(
            "pre_rollback", replace(seen, backups=(read, *newer)), a_database(), some_settings(keep_backups=1), stem="s"
        )
        assert decided.backup == newer[0]
        decided = plan_rollback(read.name, seen, a_database(), some_settings(keep_backups=1), stem="s")
        assert read.name not in decided.prune
        assert decided.prune

    def test_takes_a_backup_that_was_never_proven(self) -> None:
        """Whatever can be read by psql can be put back; the job looks into it."""
        assert plan(a_backup(name="old.sql", proven=False), "old.sql").backup.name == "old.sql"

    def test_lets_a_superuser_do_without_rights_of_its_own(self) -> None:
        assert plan(a_backup(), database={"superuser": True, "createdb": False, "owns": False})

    def test_in_place_needs_no_rights_and_nothing_to_swap(self) -> None:
        database = a_database(createdb=False, slots=("warehouse",))
        seen = an_observation(backups=(a_backup(),), database=database)
        assert plan_rollback("latest", seen, database, some_settings(), stem="s", in_place=True).in_place

    @pytest.mark.parametrize(
        ("free", "there", "words"),
        [
            (8_000_000, 900_000_000, r"^a safety backup may need 8\.4 MB, 8\.0 MB are free"),
            (900_000_000, 30_000_000, r"^a side database may need 37\.5 MB, 30\.0 MB are free"),
        ],
    )
    def test_is_refused_by_the_disk_that_is_full(self, free: int, there: int, words: str) -> None:
        with pytest.raises(NoSpace, match=words):
            plan(a_backup(), free_bytes=free, database_free_bytes=there)

    def test_finds_room_on_two_disks(self) -> None:
        assert plan(a_backup(), free_bytes=9_000_000, database_free_bytes=900_000_000)

    @pytest.mark.parametrize(
        ("backup", "database", "seen", "kind"),
        [
            pytest.param(a_backup(), {}, {"backups": ()}, BackupNotFound, id="no backup"),
            pytest.param(a_backup(size=0), {}, {}, BackupUnusable, id="empty"),
            pytest.param(a_backup(server_version=170_001), {}, {}, BackupUnusable, id="newer"),
            pytest.param(a_backup(), {"createdb": False}, {}, DatabaseRightsLacking, id="no CREATEDB"),
            pytest.param(a_backup(), {"owns": False}, {}, DatabaseRightsLacking, id="not the owner"),
            pytest.param(a_backup(), {"prepared": 2}, {}, RollbackBlocked, id="prepared"),
            pytest.param(a_backup(), {"slots": ("warehouse",)}, {}, RollbackBlocked, id="slot"),
            pytest.param(a_backup(), {"subscriptions": 1}, {}, RollbackBlocked, id="subscription"),
            pytest.param(a_backup(), {}, {"free_bytes": 30_000_000}, NoSpace, id="disk"),
        ],
    )
    def test_is_refused_in_words(
        self,
        backup: Backup,
        database: dict[str, Any],
        seen: dict[str, Any],
        kind: type[DeployError],
        snapshot: SnapshotAssertion,
    ) -> None:
        there = a_database(**database)
        observed = replace(an_observation(backups=(backup,), database=there), **seen)
        with pytest.raises(kind) as refused:
            plan_rollback("latest", observed, there, some_settings(), stem="backtester")
        assert (refused.value.message, refused.value.hint) == snapshot


class TestAnUndoPlan:
    def test_takes_the_newest_replaced_database_and_a_name_that_is_free(self) -> None:
        replaced = tuple(Replaced(f"b_replaced_2026112{n}", 1) for n in ("0_080000", "2_120000", "1_090000"))
        database = a_database(replaced=replaced)
        decided = plan_undo(an_observation(), database, stem="b")
        assert decided.source == "b_replaced_20261122_120000"
        assert decided.replaced == "b_replaced_20261122_120001"
        assert decided.ledger_fingerprint == "none"

    def test_is_refused_where_nothing_was_replaced(self, snapshot: SnapshotAssertion) -> None:
        with pytest.raises(NothingReplaced) as refused:
            plan_undo(an_observation(), a_database(), stem="b")
        assert (refused.value.message, refused.value.hint) == snapshot
