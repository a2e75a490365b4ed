"""What a backup is called, and which one a name means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.backup import Backup
from deploy.model.errors import BackupNotFound, NoSpace, SettingsInvalid, UsageError
from deploy.plan.backup import (
    age,
    age_limit,
    choose_backup,
    explain_staleness,
    megabytes,
    name_backup,
    plan_backup,
    require_format,
    require_space_for_backup,
)
from tests.unit.values import (
    HERE,
    MOVED,
    NOW,
    STAGING,
    a_backup,
    a_database,
    a_migration,
    an_observation,
    ledger_of,
    some_settings,
)

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from deploy.model.backup import Origin
    from deploy.model.observation import Observation
    from deploy.model.settings import Settings

ZSTD = some_settings(backup_format="sql.zst")


class TestANewBackup:
    @pytest.mark.parametrize(
        ("kind", "form", "name"),
        [
            ("pre_deploy", "sql.gz", "pre_deploy_20261122_120000.sql.gz"),
            ("pre_rollback", "sql.zst", "pre_rollback_20261122_120000.sql.zst"),
            ("backup", "custom", "backup_prod-eu_20261122_120000.dump"),
        ],
    )
    def test_has_its_kind_its_time_and_its_format_in_its_name(self, kind: str, form: str, name: str) -> None:
        settings = some_settings(environment="prod-eu", backup_format=form)
        assert name_backup(kind, an_observation(), settings) == name
        assert Backup(name, 1, NOW).kind == kind
        assert Backup(name, 1, NOW).stamp == "20261122_120000"

    @given(st.sampled_from(["pre_deploy", "pre_rollback", "backup"]), st.sets(st.integers(0, 20)))
    def test_never_has_the_name_of_another(self, kind: str, seconds: set[int]) -> None:
        """A clock may be set back, and a deploy may follow within a second."""
        stem = "backup_prod" if kind == "backup" else kind
        taken = tuple(a_backup(stem, age=timedelta(seconds=-second)) for second in seconds)
        name = name_backup(kind, an_observation(backups=taken), some_settings())
        assert name not in {b.name for b in taken}

    @pytest.mark.parametrize(
        ("seen", "settings"),
        [
            (an_observation(), some_settings()),
            (an_observation(), some_settings(backup_format="custom")),
            (an_observation(has_zstd=True, database=a_database(version=160_004)), ZSTD),
            (an_observation(has_zstd=True, database=None), ZSTD),
        ],
    )
    def test_is_of_a_format_that_the_server_can_read(self, seen: Observation, settings: Settings) -> None:
        require_format(seen, settings)

    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param(an_observation(has_zstd=True), id="old pg_dump"),
            pytest.param(an_observation(database=a_database(version=160_004)), id="no zstd"),
        ],
    )
    def test_of_another_format_is_refused_in_words(self, seen: Observation, snapshot: SnapshotAssertion) -> None:
        with pytest.raises(SettingsInvalid) as refused:
            require_format(seen, ZSTD)
        assert (refused.value.message, refused.value.hint) == snapshot


class TestSpaceForABackup:
    @pytest.mark.parametrize(
        "seen",
        [
            an_observation(free_bytes=10_000_000),
            an_observation(free_bytes=7_500_000, backups=(a_backup(size=5_000_000),)),
            an_observation(free_bytes=0, database=None),
            an_observation(
                free_bytes=1_500_000,
                backups=(a_backup(size=1_000_000), a_backup(size=90_000_000, age=timedelta(days=9))),
            ),
        ],
    )
    def test_is_enough_for_half_as_much_again_as_the_newest_or_a_third_of_the_database(self, seen: Observation) -> None:
        require_space_for_backup(seen)

    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param(an_observation(free_bytes=9_999_999), id="by the database"),
            pytest.param(an_observation(free_bytes=7_400_000, backups=(a_backup(size=5_000_000),)), id="by the newest"),
            pytest.param(
                an_observation(free_bytes=9_000_000, backups=(a_backup(size=5_000, verified=False),)),
                id="unproven counts for nothing",
            ),
            pytest.param(
                an_observation(free_bytes=9_000_000, backups=(a_backup(size=5_000, origin=STAGING),)),
                id="another's counts for nothing",
            ),
        ],
    )
    def test_that_is_less_stops_the_deploy_with_the_numbers(
        self, seen: Observation, snapshot: SnapshotAssertion
    ) -> None:
        with pytest.raises(NoSpace) as refused:
            require_space_for_backup(seen)
        assert (refused.value.message, refused.value.hint) == snapshot


class TestTheBackupThatIsMeant:
    OLD = a_backup(age=timedelta(days=2))
    NEW = a_backup(age=timedelta(hours=5))
    NIGHTLY = a_backup("backup_prod", age=timedelta(hours=4))
    THROWN_OUT = a_backup("pre_rollback", age=timedelta(hours=3), migration=None)
    DAMAGED = a_backup(age=timedelta(hours=2), verified=False)
    FOREIGN = a_backup(name="dump of friday.sql", age=timedelta(minutes=5), proven=False)
    THERE = (DAMAGED, FOREIGN, OLD, NEW, NIGHTLY, THROWN_OUT)

    @pytest.mark.parametrize(
        ("wanted", "meant"),
        [
            ("latest", NIGHTLY),
            ("pre_deploy", NEW),
            ("pre_rollback", THROWN_OUT),
            ("backup", NIGHTLY),
            (OLD.name, OLD),
            (f"backups/{OLD.name}", OLD),
            (DAMAGED.name, DAMAGED),
            ("dump of friday.sql", FOREIGN),
        ],
    )
    def test_is_the_newest_verified_of_its_kind_or_the_very_file(self, wanted: str, meant: Backup) -> None:
        assert choose_backup(wanted, an_observation(backups=self.THERE)) == meant

    @pytest.mark.parametrize("wanted", ["", "pre_deploy_20261122_000000.sql.gz", "../../etc/passwd", "a\x1b[31m\nb"])
    def test_is_else_asked_for_among_the_candidates(self, wanted: str, snapshot: SnapshotAssertion) -> None:
        with pytest.raises(BackupNotFound) as refused:
            choose_backup(wanted, an_observation(backups=self.THERE))
        assert (refused.value.message, refused.value.hint, refused.value.details) == snapshot

    def test_is_missing_where_none_was_ever_taken(self, snapshot: SnapshotAssertion) -> None:
        with pytest.raises(BackupNotFound) as refused:
            choose_backup("latest", an_observation())
        assert (refused.value.message, refused.value.hint, refused.value.details) == snapshot

    @pytest.mark.parametrize("wanted", ["latest", "pre_deploy", "pre_rollback", "backup"])
    @pytest.mark.parametrize("origin", [STAGING, MOVED, None])
    def test_is_never_another_databases_unless_named_in_full(self, wanted: str, origin: Origin | None) -> None:
        kind = {"latest": "pre_deploy", "backup": "backup_prod"}.get(wanted, wanted)
        theirs, mine = a_backup(kind, age=timedelta(hours=1), origin=origin), a_backup(kind, age=timedelta(hours=9))
        seen = an_observation(backups=(theirs, mine))
        assert choose_backup(wanted, seen) == mine
        assert choose_backup(theirs.name, seen) == theirs

    def test_is_missing_where_all_are_anothers(self, snapshot: SnapshotAssertion) -> None:
        """Each says whose it is, so that whoever moved the database finds what it was."""
        ages = (timedelta(hours=n) for n in range(1, 4))
        theirs = tuple(a_backup(age=age, origin=o) for age, o in zip(ages, (STAGING, MOVED, None), strict=True))
        with pytest.raises(BackupNotFound) as refused:
            choose_backup("pre_deploy", an_observation(backups=theirs))
        assert (refused.value.message, refused.value.hint, refused.value.details) == snapshot

    def test_is_found_by_its_names_when_the_database_is_down(self) -> None:
        there = (a_backup(origin=STAGING, age=timedelta(hours=1)), a_backup(age=timedelta(hours=2)))
        down = an_observation(backups=there, here=replace(HERE, system=""), database=None)
        assert choose_backup("latest", down) == there[1]

    def test_is_chosen_from_the_twenty_newest_on_the_screen(self) -> None:
        found = [replace(a_backup(age=timedelta(days=n)), manifest=None) for n in range(30)]
        with pytest.raises(BackupNotFound) as refused:
            choose_backup("", an_observation(backups=found))
        assert [line.split()[0] for line in refused.value.details] == [b.name for b in found[:20]]


class TestSizesAndAges:
    @pytest.mark.parametrize(
        ("count", "words"),
        [(0, "0 kB"), (-5, "0 kB"), (1_499, "1 kB"), (1_500_000, "1.5 MB"), (2_000_000_000, "2.0 GB")],
    )
    def test_are_said_as_people_say_sizes(self, count: int, words: str) -> None:
        assert megabytes(count) == words

    @pytest.mark.parametrize(
        ("then", "words"),
        [
            (timedelta(seconds=-5), "0 s"),
            (timedelta(seconds=119), "119 s"),
            (timedelta(minutes=2), "2 min"),
            (timedelta(minutes=119), "119 min"),
            (timedelta(hours=2), "2 h"),
            (timedelta(hours=47), "47 h"),
            (timedelta(days=2, hours=23), "2 d"),
        ],
    )
    def test_are_said_as_people_say_ages(self, then: timedelta, words: str) -> None:
        assert age(NOW, NOW - then) == words

    def test_of_a_database_that_is_smaller_than_nothing_need_no_space(self) -> None:
        require_space_for_backup(an_observation(free_bytes=0, database=a_database(bytes=0)))


class TestABackupOnItsOwn:
    def test_is_named_after_the_environment_and_lets_the_oldest_of_its_kind_go(self) -> None:
        found = [a_backup("backup_prod", age=timedelta(days=n)) for n in range(1, 4)]
        seen = an_observation(backups=found, ledger=ledger_of(a_migration(7)))
        decided = plan_backup(seen, some_settings(keep_backups=2))
        assert decided.name == "backup_prod_20261122_120000.sql.gz"
        assert decided.prune == tuple(sorted([found[1].name, found[2].name]))
        assert decided.last_applied == "007_step.sql"

    def test_needs_space_as_any_other(self) -> None:
        with pytest.raises(NoSpace):
            plan_backup(an_observation(free_bytes=0), some_settings())


class TestBackupsThatHaveStopped:
    @pytest.mark.parametrize(
        "found",
        [
            pytest.param([], id="none"),
            pytest.param([a_backup(verified=False)], id="none verified"),
            pytest.param([a_backup(origin=STAGING)], id="another's go on"),
            pytest.param([a_backup(age=timedelta(hours=27)), a_backup(age=timedelta(days=4))], id="old"),
        ],
    )
    def test_are_told_in_words(self, found: list[Backup], snapshot: SnapshotAssertion) -> None:
        stale = explain_staleness(an_observation(backups=found), timedelta(hours=26))
        assert stale
        assert (stale.message, stale.hint) == snapshot

    def test_are_not_those_that_are_as_young_as_asked_for(self) -> None:
        seen = an_observation(backups=(a_backup(age=timedelta(hours=26)),))
        assert explain_staleness(seen, timedelta(hours=26)) is None

    @pytest.mark.parametrize(
        ("typed", "limit"), [("90min", timedelta(minutes=90)), ("26h", timedelta(hours=26)), ("7d", timedelta(days=7))]
    )
    def test_are_told_by_an_age_as_people_write_it(self, typed: str, limit: timedelta) -> None:
        assert age_limit(typed) == limit

    @pytest.mark.parametrize("typed", ["", "26", "0h", "1.5h", "h", "-1h", "26h ", "٢h", "9999999h"])
    def test_are_told_by_no_other_age(self, typed: str) -> None:
        with pytest.raises(UsageError, match="is no age"):
            age_limit(typed)
