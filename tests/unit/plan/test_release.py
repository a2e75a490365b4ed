"""A deploy is decided from files, ledger and flags alone, or refused with the one command that settles it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.check.transactions import Way
from deploy.model.errors import (
    DeployError,
    MigrationDuplicate,
    MigrationEdited,
    MigrationInvalid,
    MigrationLate,
    MigrationMissing,
    MigrationUnreadable,
    NoSpace,
    UsageError,
)
from deploy.model.ledger import Ledger
from deploy.plan.release import ReleasePlan, Wish, compare, plan_release, read_pending
from tests.unit.values import a_backup, a_migration, an_observation, ledger_of, some_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syrupy.assertion import SnapshotAssertion

    from deploy.model.migration import Migration

ONE, TWO, THREE, FOUR = (a_migration(n) for n in range(1, 5))


def plan(found: Sequence[Migration], ledger: Ledger | None = None, *, seen: Any = None, **wish: Any) -> ReleasePlan:  # noqa: ANN401 - any field of any type
    there = replace(seen or an_observation(), ledger=ledger or Ledger())
    return plan_release(found, "sum", there, some_settings(), Wish(**wish))


def names(found: Sequence[Migration]) -> list[str]:
    return [m.name for m in found]


def applied_by(decided: ReleasePlan) -> list[str]:
    return [p.migration.name for p in decided.pending]


class TestAReleasePlan:
    def test_applies_what_the_ledger_lacks(self) -> None:
        decided = plan([ONE, TWO, THREE], ledger_of(ONE))
        assert applied_by(decided) == names([TWO, THREE])
        assert decided.last_applied == ONE.name
        assert decided.ledger_fingerprint == ledger_of(ONE).fingerprint

    def test_is_in_the_order_of_numbers_not_of_letters(self) -> None:
        found = [a_migration(n) for n in (2, 999, 1000)]
        assert applied_by(plan(found)) == names(found)

    def test_begins_with_a_backup(self) -> None:
        assert plan([ONE]).backup == "pre_deploy_20261122_120000.sql.gz"

    def test_with_nothing_pending_takes_no_backup_and_removes_none(self) -> None:
        """Ten of them would push out every useful one."""
        many = tuple(a_backup(age=timedelta(days=n)) for n in range(1, 30))
        decided = plan([ONE], ledger_of(ONE), seen=an_observation(backups=many, migrations_sum="sum"))
        assert (decided.backup, decided.prune, decided.forget) == (None, (), ())
        assert decided.does_nothing

    def test_takes_one_all_the_same_where_it_is_asked_for(self) -> None:
        decided = plan([ONE], ledger_of(ONE), always_backup=True)
        assert decided.backup
        assert not decided.does_nothing

    def test_lets_old_backups_go_for_the_one_it_takes(self) -> None:
        many = tuple(a_backup(age=timedelta(days=n)) for n in range(1, 12))
        assert plan([ONE], seen=an_observation(backups=many)).prune == tuple(sorted(b.name for b in many[9:]))

    @pytest.mark.parametrize(("theirs", "upload"), [("sum", False), ("other", True), (None, True)])
    def test_copies_the_files_only_where_they_differ(self, theirs: str | None, upload: bool) -> None:
        assert plan([ONE], ledger_of(ONE), seen=an_observation(migrations_sum=theirs)).upload is upload

    def test_runs_again_what_was_started_and_not_finished(self) -> None:
        decided = plan([ONE, TWO], ledger_of(TWO, unfinished=[ONE]))
        assert applied_by(decided) == [ONE.name]
        assert decided.warnings == (f"{ONE.name} was started but not finished; it is run again",)

    def test_is_refused_where_the_disk_is_full(self) -> None:
        with pytest.raises(NoSpace):
            plan([ONE], seen=an_observation(free_bytes=0))

    @pytest.mark.parametrize(
        ("found", "ledger", "kind"),
        [
            pytest.param([ONE, a_migration(1, name="other")], None, MigrationDuplicate, id="duplicate"),
            pytest.param([a_migration(1, text="SELECT 3;")], ledger_of(ONE), MigrationEdited, id="edited"),
            pytest.param(
                [a_migration(20261122115500, text="SELECT 3;")],
                ledger_of(a_migration(20261122115500)),
                MigrationEdited,
                id="edited, with a timestamp",
            ),
            pytest.param([TWO], ledger_of(ONE, TWO), MigrationMissing, id="missing"),
            pytest.param([ONE, TWO], ledger_of(TWO), MigrationLate, id="late"),
            pytest.param([a_migration(1, text=b"a\n\0")], None, MigrationUnreadable, id="UTF-16"),
            pytest.param([a_migration(1, text=b"\n\n-- gr\xfc\xdfe")], None, MigrationUnreadable, id="not UTF-8"),
            pytest.param([a_migration(1, text="SELECT 1;\n  SELECT 'a")], None, MigrationInvalid, id="unfinished"),
        ],
    )
    def test_is_refused_in_words(
        self, found: list[Migration], ledger: Ledger | None, kind: type[DeployError], snapshot: SnapshotAssertion
    ) -> None:
        with pytest.raises(kind) as refused:
            plan(found, ledger)
        assert (refused.value.message, refused.value.hint) == snapshot

    def test_warns_of_numbers_that_were_left_out(self, snapshot: SnapshotAssertion) -> None:
        assert plan([ONE, a_migration(9)]).warnings == snapshot

    def test_has_no_gaps_between_timestamps(self) -> None:
        assert plan([a_migration(20261122115500), a_migration(20261122115900)]).warnings == ()

    def test_warns_of_what_runs_outside_a_transaction(self, snapshot: SnapshotAssertion) -> None:
        assert plan([a_migration(1, text="\nVACUUM;")]).warnings == snapshot


class TestOnly:
    @pytest.mark.parametrize("typed", ["2", "002", "0002", "002_step.sql"])
    def test_applies_one_migration(self, typed: str) -> None:
        assert applied_by(plan([ONE, TWO, THREE], only=typed)) == [TWO.name]

    def test_warns_of_what_will_be_late(self) -> None:
        assert plan([ONE, TWO], only="2").warnings == (f"{ONE.name} will be late afterwards, and needs --allow-late",)

    def test_warns_of_nothing_that_is_recorded_in_the_same_deploy(self) -> None:
        assert plan([ONE, TWO], only="2", baseline="1").warnings == ()

    def test_warns_of_nothing_where_it_is_the_next(self) -> None:
        assert plan([ONE, TWO], only="1").warnings == ()

    def test_goes_with_running_that_one_again(self) -> None:
        assert applied_by(plan([ONE, TWO], ledger_of(ONE), only="1", reapply="001")) == [ONE.name]

    @pytest.mark.parametrize(
        "typed",
        ["1", "9", "step", "٢", "9" * 5000, "-1", "002_step"],
        ids=["applied", "unknown", "a word", "Arabic", "huge", "negative", "without .sql"],
    )
    def test_is_refused_in_words(self, typed: str, snapshot: SnapshotAssertion) -> None:
        with pytest.raises(UsageError) as refused:
            plan([ONE, TWO, a_migration(20261122115500)], ledger_of(ONE), only=typed)
        assert (refused.value.message.replace("9" * 5000, "9…"), refused.value.hint) == snapshot


class TestReapply:
    def test_runs_an_edited_file_again(self) -> None:
        edited = a_migration(1, text="SELECT 3;")
        assert applied_by(plan([edited, TWO], ledger_of(ONE), reapply="1")) == names([edited, TWO])

    def test_runs_an_unedited_file_again(self) -> None:
        assert applied_by(plan([ONE], ledger_of(ONE), reapply="1")) == [ONE.name]

    def test_excuses_no_other_file(self) -> None:
        edited = a_migration(2, text="SELECT 3;")
        with pytest.raises(MigrationEdited, match=r"^002_step\.sql"):
            plan([ONE, edited], ledger_of(ONE, TWO), reapply="1")

    @pytest.mark.parametrize(
        ("edited", "reapply", "message", "numbers"),
        [
            ((2,), "", "002_step.sql was edited after it was applied", "002"),
            ((2,), "3", "002_step.sql was edited after it was applied", "002,003"),
            ((2, 3), "", "002_step.sql and 003_step.sql were edited after they were applied", "002,003"),
            ((2, 3), "2", "003_step.sql was edited after it was applied", "002,003"),
            ((1, 2, 3), "", "001_step.sql, 002_step.sql and 003_step.sql were edited", "001,002,003"),
            ((1, 2, 3, 4, 5), "", "001_step.sql, 002_step.sql, 003_step.sql and 2 more were", "001,002,003,004,005"),
        ],
    )
    def test_is_hinted_at_so_that_it_excuses_all(
        self, edited: tuple[int, ...], reapply: str, message: str, numbers: str
    ) -> None:
        """Taken at its word, the hint leads on, and not to the next refusal."""
        before = [a_migration(n) for n in range(1, 6)]
        found = [a_migration(m.number, text="SELECT 3;") if m.number in edited else m for m in before]
        with pytest.raises(MigrationEdited) as refused:
            plan(found, ledger_of(*before), reapply=reapply)
        assert refused.value.message.startswith(message)
        assert refused.value.hint.endswith(f"again with --reapply={numbers}")
        run = applied_by(plan(found, ledger_of(*before), reapply=numbers))
        assert run == [f"{n}_step.sql" for n in numbers.split(",")]

    @pytest.mark.parametrize("typed", ["2,3", "3,002", " 002_step.sql , 3,2"])
    def test_runs_several_in_number_order(self, typed: str) -> None:
        assert applied_by(plan([ONE, TWO, THREE], ledger_of(ONE, TWO, THREE), reapply=typed)) == names([TWO, THREE])

    @pytest.mark.parametrize(("typed", "word"), [("9", "9"), ("1,9", "9"), ("1,", ""), (",", "")])
    def test_names_a_file_that_is_here(self, typed: str, word: str) -> None:
        with pytest.raises(UsageError, match=f"^--reapply={word} names no migration"):
            plan([ONE], reapply=typed)

    @pytest.mark.parametrize("typed", ["2", "1,2"])
    def test_of_others_doesnt_go_with_only(self, typed: str) -> None:
        with pytest.raises(UsageError, match="name different migrations"):
            plan([ONE, TWO], ledger_of(ONE, TWO), only="1", reapply=typed)


class TestBaseline:
    def test_records_what_is_pending_up_to_a_number(self) -> None:
        decided = plan([ONE, TWO, THREE, FOUR], ledger_of(ONE), baseline="3")
        assert names(decided.baseline) == names([TWO, THREE])
        assert applied_by(decided) == [FOUR.name]

    def test_takes_a_backup_even_where_nothing_is_left_to_apply(self) -> None:
        assert plan([ONE], baseline="1").backup

    def test_may_record_late_files(self) -> None:
        """Nothing is run, so nothing is run in an order that nobody tested."""
        assert names(plan([ONE, TWO], ledger_of(TWO), baseline="1").baseline) == [ONE.name]

    def test_never_reads_what_it_only_records(self) -> None:
        assert plan([a_migration(1, text=b"\0")], baseline="1").pending == ()

    def test_names_a_file_that_is_here(self) -> None:
        with pytest.raises(UsageError, match="--baseline=9"):
            plan([ONE], baseline="9")


class TestALateFile:
    def test_is_applied_where_that_is_allowed(self) -> None:
        assert applied_by(plan([ONE, TWO, THREE], ledger_of(TWO), allow_late=True)) == names([ONE, THREE])

    def test_is_no_matter_where_only_another_is_applied(self) -> None:
        assert applied_by(plan([ONE, TWO, THREE], ledger_of(TWO), only="3")) == [THREE.name]


class TestReadingAFile:
    def test_leaves_every_byte_of_another_encoding_as_it_was(self) -> None:
        text = b"\\encoding WIN1251\nSELECT '\xe4\xf6\x85\xff';\n"
        pending = read_pending(a_migration(1, text=text))
        assert pending.text == text

    def test_takes_the_byte_order_mark_away(self) -> None:
        assert read_pending(a_migration(1, text=b"\xef\xbb\xbfSELECT 1;\n")).text == b"SELECT 1;\n"

    def test_says_how_it_can_be_run(self) -> None:
        assert read_pending(a_migration(1, text="VACUUM;")).reading.way is Way.OUTSIDE

    @given(st.binary(max_size=60))
    def test_either_keeps_its_bytes_or_refuses_them(self, content: bytes) -> None:
        try:
            pending = read_pending(a_migration(1, text=content))
        except (MigrationUnreadable, MigrationInvalid):
            return
        if pending.reading.way is not Way.OWN_BLOCK:
            assert pending.text == content.removeprefix(b"\xef\xbb\xbf")


NUMBERS = st.integers(1, 30) | st.integers(990, 1010)
FATES = st.sampled_from(["pending", "applied", "unfinished", "edited", "missing"])
HISTORIES = st.dictionaries(NUMBERS, FATES, min_size=1, max_size=10).filter(lambda f: set(f.values()) != {"missing"})
HEALTHY = st.dictionaries(NUMBERS, st.sampled_from(["pending", "applied", "unfinished"]), min_size=1, max_size=10)


def story(fates: dict[int, str]) -> tuple[list[Migration], Ledger]:
    """Make files in number order, and a ledger in another."""
    texts = {"edited": "SELECT 2;\n"}
    found = [a_migration(n, text=texts.get(fates[n], "SELECT 1;\n")) for n in sorted(fates) if fates[n] != "missing"]
    in_ledger = [a_migration(n) for n in fates if fates[n] in {"applied", "edited", "missing"}]
    return found, ledger_of(*in_ledger, unfinished=[a_migration(n) for n in fates if fates[n] == "unfinished"])


def numbers(fates: dict[int, str], *wanted: str) -> list[int]:
    return sorted(n for n, fate in fates.items() if fate in wanted)


class TestAnyReleasePlan:
    @given(HISTORIES, st.booleans(), st.sampled_from(["", "1", "5", "1,5"]), st.sampled_from(["", "1", "5", "12"]))
    def test_is_in_number_order_and_runs_nothing_twice_unasked(
        self, fates: dict[int, str], allow_late: bool, reapply: str, baseline: str
    ) -> None:
        found, ledger = story(fates)
        try:
            decided = plan(found, ledger, allow_late=allow_late, reapply=reapply, baseline=baseline)
        except DeployError:
            return
        run = [p.migration.number for p in decided.pending]
        done = set(numbers(fates, "applied"))
        assert run == sorted(set(run))
        assert [m.number for m in decided.baseline] == sorted({m.number for m in decided.baseline})
        assert not set(run) & done - set(map(int, filter(None, reapply.split(","))))

    @given(HEALTHY, st.data())
    def test_covers_every_file(self, fates: dict[int, str], data: st.DataObject) -> None:
        found, ledger = story(fates)
        up_to = data.draw(st.sampled_from(["", *(str(m.number) for m in found)]), label="baseline")
        decided = plan(found, ledger, allow_late=True, baseline=up_to)
        covered = {row.name for row in ledger.applied} | set(names(decided.baseline)) | set(applied_by(decided))
        assert covered == set(names(found))
        assert applied_by(decided) == [name for name in names(found) if name in applied_by(decided)]

    @given(HEALTHY, st.data())
    def test_for_one_file_runs_that_one_or_says_why_not(self, fates: dict[int, str], data: st.DataObject) -> None:
        found, ledger = story(fates)
        only = data.draw(st.sampled_from(found), label="only")
        try:
            assert applied_by(plan(found, ledger, allow_late=True, only=str(only.number))) == [only.name]
        except UsageError:
            assert fates[only.number] == "applied"

    @given(HISTORIES)
    def test_is_refused_exactly_where_history_and_files_contradict(self, fates: dict[int, str]) -> None:
        found, ledger = story(fates)
        highest = max((row.number for row in ledger.applied), default=0)
        contradicts = (
            numbers(fates, "edited") or numbers(fates, "missing") or any(n < highest for n in numbers(fates, "pending"))
        )
        try:
            plan(found, ledger)
        except (MigrationEdited, MigrationMissing, MigrationLate):
            assert contradicts
        else:
            assert not contradicts

    @given(HISTORIES)
    def test_is_the_same_whatever_the_order_of_the_ledger(self, fates: dict[int, str]) -> None:
        found, ledger = story(fates)
        backwards = replace(ledger, rows=ledger.rows[::-1])
        assert compare(found, ledger) == compare(found, backwards)

    @given(HISTORIES)
    def test_stands_on_a_comparison_in_number_order(self, fates: dict[int, str]) -> None:
        standing = compare(*story(fates))
        assert [int(n.split("_")[0]) for n in standing.applied] == numbers(fates, "applied", "edited", "missing")
        assert [m.number for m in standing.pending] == numbers(fates, "pending", "unfinished")
        assert [int(n.split("_")[0]) for n in standing.changed] == numbers(fates, "edited")
        assert [int(n.split("_")[0]) for n in standing.missing] == numbers(fates, "missing")
        assert [int(n.split("_")[0]) for n in standing.unfinished] == numbers(fates, "unfinished")
        assert {m.number for m in standing.late} <= set(numbers(fates, "pending"))
        assert not set(standing.gaps) & set(fates)
