"""What may be removed after a job, and what never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.backup import STAMP, Backup
from deploy.model.observation import Replaced
from deploy.plan.retention import KINDS, plan_forgetting, plan_retention
from tests.unit.values import HERE, MOVED, NOW, STAGING, a_backup, a_database, an_observation, some_settings

if TYPE_CHECKING:
    from deploy.model.backup import Origin
    from deploy.model.observation import Observation


def a_replaced(age: timedelta) -> Replaced:
    return Replaced(f"backtester_replaced_{(NOW - age).strftime(STAMP)}", 30_000_000)


backups = st.lists(
    st.builds(
        lambda kind, hours, proven, verified, origin: a_backup(
            f"{kind}_prod" if kind == "backup" else kind,
            age=timedelta(hours=hours),
            proven=proven,
            verified=verified,
            name="dump.sql" if kind == "foreign" else "",
            origin=origin,
        ),
        st.sampled_from([*KINDS, "foreign"]),
        st.integers(1, 2000),
        st.booleans(),
        st.booleans(),
        st.sampled_from([HERE, HERE, HERE, STAGING, MOVED, None]),
    ),
    max_size=30,
    unique_by=lambda b: b.name,
).map(tuple)
servers = st.builds(
    lambda found, ages: an_observation(
        backups=found,
        database=a_database(replaced=tuple(a_replaced(timedelta(hours=age)) for age in sorted(ages))),
    ),
    backups,
    st.sets(st.integers(1, 2000), max_size=3),
)
kinds = st.sampled_from([*KINDS, None])


class TestRetention:
    def test_keeps_the_newest_of_the_kind_with_the_one_being_taken(self) -> None:
        found = [a_backup(age=timedelta(days=n)) for n in range(1, 5)]
        going = plan_retention(an_observation(backups=found), some_settings(keep_backups=3), taking="pre_deploy")
        assert going == tuple(sorted(b.name for b in found[2:]))

    def test_keeps_as_many_of_every_other_kind(self) -> None:
        found = [a_backup("pre_rollback", age=timedelta(days=n)) for n in range(1, 5)]
        going = plan_retention(an_observation(backups=found), some_settings(keep_backups=3), taking="pre_deploy")
        assert going == (found[3].name,)

    def test_keeps_what_is_young_however_many(self) -> None:
        found = [a_backup(age=timedelta(days=n)) for n in range(1, 5)]
        settings = some_settings(keep_backups=1, keep_days=3)
        assert plan_retention(an_observation(backups=found), settings, taking=None) == (found[3].name,)

    def test_keeps_the_safety_backup_of_a_database_that_is_still_there(self) -> None:
        """Otherwise an undo after many deploys would leave no way forward."""
        safety = a_backup("pre_rollback", age=timedelta(days=9))
        newer = a_backup("pre_rollback", age=timedelta(days=2))
        database = a_database(replaced=(a_replaced(timedelta(days=9)),))
        seen = an_observation(backups=(safety, newer), database=database)
        assert plan_retention(seen, some_settings(keep_backups=1), taking="pre_rollback") == ()

    def test_keeps_what_the_job_reads(self) -> None:
        found = [a_backup(age=timedelta(days=n)) for n in range(1, 5)]
        seen = an_observation(backups=found)
        going = plan_retention(seen, some_settings(keep_backups=1), taking="pre_rollback", needed=found[3].name)
        assert going == tuple(sorted([found[1].name, found[2].name]))

    @pytest.mark.parametrize("origin", [STAGING, MOVED, replace(HERE, environment="staging"), None])
    @pytest.mark.parametrize("kind", ["backup_staging", "backup_prod", "pre_deploy", "pre_rollback"])
    def test_neither_counts_nor_takes_what_is_of_another_database(self, kind: str, origin: Origin | None) -> None:
        """Ten nights of staging, in the same directory, would else be the end of every backup of production."""
        theirs = [a_backup(kind, age=timedelta(hours=n), origin=origin) for n in range(1, 11)]
        mine = [a_backup("backup_prod", age=timedelta(days=n)) for n in range(1, 4)]
        seen, settings = an_observation(backups=(*theirs, *mine)), some_settings(keep_backups=3)
        assert plan_retention(seen, settings, taking=None) == ()
        assert plan_retention(seen, settings, taking="backup") == (mine[2].name,)

    def test_takes_nothing_where_the_system_cant_be_asked(self) -> None:
        found = [a_backup(age=timedelta(days=n)) for n in range(1, 5)]
        seen = an_observation(backups=found, here=replace(HERE, system=""), database=None)
        assert plan_retention(seen, some_settings(keep_backups=1), taking=None) == ()

    @given(servers, st.integers(1, 5), st.integers(0, 90), kinds, st.data())
    def test_never_touches_what_isnt_proven_ours_or_spare(
        self, seen: Observation, keep: int, days: int, taking: str | None, data: st.DataObject
    ) -> None:
        names = [b.name for b in seen.backups]
        needed = data.draw(st.sampled_from(names)) if names else None
        going = set(
            plan_retention(seen, some_settings(keep_backups=keep, keep_days=days), taking=taking, needed=needed)
        )
        gone = [b for b in seen.backups if b.name in going]
        verified = [b for b in seen.backups if b.verified and b.origin == HERE]
        assert len(gone) == len(going)
        assert all(b.verified and b.kind in KINDS and b.origin == HERE for b in gone)
        assert needed not in going
        assert not verified or max(verified, key=lambda b: (b.taken_at, b.name)) not in gone
        assert all(b.taken_at < NOW - timedelta(days=days) for b in gone)

    @given(servers, st.integers(1, 5), kinds)
    def test_keeps_no_more_than_asked_for_where_nothing_else_needs_them(
        self, seen: Observation, keep: int, taking: str | None
    ) -> None:
        going = set(plan_retention(seen, some_settings(keep_backups=keep), taking=taking))
        own = [b for b in seen.backups if b.verified and b.origin == HERE]
        newest = max(own, key=lambda b: (b.taken_at, b.name), default=None)
        stamps = [r.name[-15:] for r in seen.database.replaced] if seen.database else []
        for kind in KINDS:
            kept: list[Backup] = [
                b
                for b in own
                if b.kind == kind and b.name not in going and b is not newest
                if not any(stamp in b.name for stamp in stamps)
            ]
            assert len(kept) + (kind == taking) <= keep

    @given(servers, st.integers(1, 5), kinds)
    def test_keeps_none_that_is_older_than_one_that_goes(
        self, seen: Observation, keep: int, taking: str | None
    ) -> None:
        going = set(plan_retention(seen, some_settings(keep_backups=keep), taking=taking))
        stamps = [r.name[-15:] for r in seen.database.replaced] if seen.database else []
        for kind in KINDS:
            ours = [b for b in seen.backups if b.verified and b.origin == HERE and b.kind == kind]
            ours = [b for b in ours if not any(stamp in b.name for stamp in stamps)]
            gone = [b.taken_at for b in ours if b.name in going]
            assert all(b.taken_at >= max(gone) for b in ours if gone and b.name not in going)


class TestAReplacedDatabase:
    def test_goes_when_it_is_older_than_keep_replaced(self) -> None:
        old, young = a_replaced(timedelta(days=8)), a_replaced(timedelta(days=6))
        seen = an_observation(database=a_database(replaced=(young, old)))
        assert plan_forgetting(seen, some_settings(keep_replaced=7)) == (old.name,)

    def test_stays_for_good_where_keep_replaced_is_0(self) -> None:
        seen = an_observation(database=a_database(replaced=(a_replaced(timedelta(days=800)),)))
        assert plan_forgetting(seen, some_settings(keep_replaced=0)) == ()

    def test_is_not_known_where_the_database_wasnt_seen(self) -> None:
        assert plan_forgetting(an_observation(database=None), some_settings()) == ()
