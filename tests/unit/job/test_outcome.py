"""How a job ended, in words that the operator can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.job.outcome import _REASONS, COPY, EXCHANGES, KEPT_LINES, Record, explain, find_psql_error, tried
from deploy.model.errors import DeployError, JobDied, OutcomeUnknown
from deploy.model.event import (
    BackupProven,
    BackupsPruned,
    BackupStarted,
    BackupTaken,
    ChangesShown,
    ConfirmationAwaited,
    ConnectionDropped,
    ConnectionRestored,
    CopyRestored,
    DatabaseForgotten,
    Event,
    FileMeasured,
    FileTimed,
    HeldLock,
    InvalidIndexes,
    JobBegun,
    JobEnded,
    JobFailed,
    JobNotStarted,
    LockRefused,
    MigrationApplied,
    MigrationStarted,
    RehearsalStarted,
    RehearsalTimed,
    Rehearsed,
    Retrying,
    RowSettled,
    ServerSaid,
    StepStarted,
    TableChange,
    Waiting,
    Warned,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syrupy.assertion import SnapshotAssertion

TAKEN = BackupTaken("pre_deploy_20261122_120000.sql.gz", 4_200_000, "0a", 4, 9000)
BLOCKER = Waiting(4711, "billing", "app", "idle in transaction", "2026-11-22 11:58:02+00", "UPDATE orders SET paid = 1")
SYNTAX = (
    'psql:/tmp/deploy.1/migrations/002_step.sql:7: ERROR:  42601: syntax error at or near "SELEKT"',
    "LINE 1: SELEKT 1;",
    "        ^",
    "LOCATION:  scanner_yyerror, scan.l:1244",
)
UNIQUE = (
    'psql:/tmp/deploy.1/migrations/002_step.sql:3: ERROR:  23505: could not create unique index "i"',
    "DETAIL:  Key (a)=(1) is duplicated.",
    "CONTEXT:  parallel worker",
    "SCHEMA NAME:  public",
    "TABLE NAME:  t",
    "CONSTRAINT NAME:  i",
    "LOCATION:  comparetup_index_btree_tiebreak, tuplesortvariants.c:1420",
)


def record_of(events: Iterable[Event]) -> Record:
    record = Record()
    for event in events:
        record.take(event)
    return record


def said(*lines: str) -> list[Event]:
    return [ServerSaid(line) for line in lines]


def second_of_two(*lines: str, reason: str = "migration", detail: str = "psql ended with status 3") -> list[Event]:
    """Fail in the second file."""
    return [
        JobBegun("20261122_120000_c0ffee00", "deploy"),
        StepStarted("back up"),
        BackupStarted(TAKEN.name),
        TAKEN,
        StepStarted("apply"),
        MigrationStarted("001_step.sql"),
        MigrationApplied("001_step.sql"),
        MigrationStarted("002_step.sql"),
        *said(*lines),
        JobFailed(reason, detail),
    ]


def settled(**finished: bool) -> tuple[RowSettled, ...]:
    return tuple(RowSettled(f"{name[1:]}_step.sql", done, 12 if done else None) for name, done in finished.items())


def failed(reason: str = "migration", rows: tuple[RowSettled, ...] = ()) -> JobEnded:
    return JobEnded("failed", reason, rows)


def rehearsed(run: int, *lines: str) -> list[Event]:
    """Fail on the copy, in the second file of one of the two runs."""
    return [
        StepStarted("back up"),
        BackupStarted(TAKEN.name),
        TAKEN,
        StepStarted(COPY),
        CopyRestored(2, 9),
        StepStarted("rehearse"),
        RehearsalStarted(run),
        MigrationStarted("001_step.sql", run),
        MigrationApplied("001_step.sql", run),
        MigrationStarted("002_step.sql", run),
        *said(*lines),
        JobFailed("rehearsal_run", "psql ended with status 3"),
        failed("rehearsal_run"),
    ]


STORIES: dict[str, list[Event]] = {
    "a statement failed on the copy": rehearsed(1, *SYNTAX),
    "a file can't be repeated": rehearsed(2, *SYNTAX),
    "psql went away on the copy": rehearsed(1, "Killed"),
    "the backup doesn't restore": [
        StepStarted(COPY),
        *said("psql:<stdin>:7: ERROR:  42P01: relation is missing"),
        JobFailed("restore_failed", "psql ended with status 3"),
        failed("restore_failed"),
    ],
    "the backup can't be used": [
        StepStarted(COPY),
        JobFailed("backup_unusable", "it could not be read twice"),
        failed("backup_unusable"),
    ],
    "a statement failed": [*second_of_two(*SYNTAX), failed()],
    "a statement failed, and the ledger knows what stands": [
        *second_of_two(*UNIQUE),
        failed(rows=settled(_001=True)),
    ],
    "a statement failed without a backup": [
        StepStarted("apply"),
        MigrationStarted("002_step.sql"),
        *said(*SYNTAX),
        JobFailed("migration", "psql ended with status 3"),
        failed(),
    ],
    "the first statement failed, so that there is nothing to go back from": [
        TAKEN,
        StepStarted("apply"),
        MigrationStarted("002_step.sql"),
        *said(*SYNTAX),
        JobFailed("migration", "psql ended with status 3"),
        failed(),
    ],
    "many were applied before": [
        *[MigrationApplied(f"{n:03}_step.sql") for n in range(1, 8)],
        MigrationStarted("008_step.sql"),
        *said("psql:/tmp/d/migrations/008_step.sql:1: ERROR:  22012: division by zero"),
        JobFailed("migration", "psql ended with status 3"),
        failed(),
    ],
    "psql itself complains": [
        *second_of_two("psql:/tmp/d/migrations/002_step.sql:4: error: invalid command \\frobnicate"),
        failed(),
    ],
    "the error came at the end of the file": [
        *second_of_two("psql:/tmp/d/sql/finish_transaction.sql:3: ERROR:  23503: insert or update on table violates"),
        failed(),
    ],
    "the file ended its transaction itself": [
        *second_of_two("psql:/tmp/d/sql/finish_transaction.sql:3: ERROR:  DP001: the file ended its transaction"),
        failed(),
    ],
    "a procedure wanted to commit": [
        *second_of_two("psql:/tmp/d/migrations/002_step.sql:3: ERROR:  2D000: invalid transaction termination"),
        failed(),
    ],
    "an index was left invalid": [
        *second_of_two()[:-1],
        InvalidIndexes(("public.i",)),
        *said("psql:/tmp/d/sql/check_indexes.sql:3: ERROR:  DP002: invalid indexes"),
        JobFailed("migration", "psql ended with status 3"),
        failed(rows=settled(_001=True, _002=False)),
    ],
    "an index was left invalid before": [
        *second_of_two()[:-1],
        InvalidIndexes(("public.i",)),
        *said("psql:/tmp/d/sql/check_indexes.sql:3: ERROR:  DP002: invalid indexes"),
        JobFailed("migration", "psql ended with status 3"),
        failed(rows=settled(_001=True)),
    ],
    "a transaction was left open": [
        *second_of_two("psql:/tmp/d/sql/finish_outside.sql:3: ERROR:  DP004: a transaction is open"),
        failed(rows=settled(_001=True, _002=False)),
    ],
    "a lock was not had outside a transaction": [
        *second_of_two()[:-1],
        BLOCKER,
        *said("psql:/tmp/d/migrations/002_step.sql:1: ERROR:  55P03: canceling statement due to lock timeout"),
        JobFailed("migration", "psql ended with status 3"),
        failed(rows=settled(_001=True, _002=False)),
    ],
    "a file outside a transaction stopped half-way": [
        *second_of_two("psql:/tmp/d/migrations/002_step.sql:9: ERROR:  22012: division by zero"),
        failed(rows=settled(_001=True, _002=False)),
    ],
    "the connection broke": [
        *second_of_two(
            "psql:/tmp/d/migrations/002_step.sql:5: FATAL:  57P01: terminating connection due to administrator command"
        ),
        failed(rows=settled(_001=True)),
    ],
    "the connection broke outside a transaction": [
        *second_of_two("psql:/tmp/d/migrations/002_step.sql:5: error: connection to server was lost"),
        failed(rows=settled(_002=False)),
    ],
    "psql was killed": [
        *second_of_two("Killed", detail="psql ended with status 137"),
        failed(rows=settled(_001=True)),
    ],
    "nothing was begun": [
        StepStarted("apply"),
        *said("psql: error: could not open file"),
        JobFailed("migration", "psql ended with status 1"),
        failed(),
    ],
    "somebody was in the way": [
        *second_of_two()[:-1],
        BLOCKER,
        Retrying(2, 2, 5),
        JobFailed("database_busy", ""),
        failed("database_busy", settled(_001=True)),
    ],
    "somebody unknown was in the way": [StepStarted("apply"), JobFailed("database_busy", ""), failed("database_busy")],
    "it was cancelled": [
        *second_of_two(reason="cancelled", detail=""),
        JobEnded("cancelled", "cancelled", settled(_001=True)),
    ],
    "it was killed": [JobBegun("j", "deploy"), StepStarted("back up"), *said("one", "two", "three", "four")],
    "it was killed at once": [],
    "it was killed while it failed": [StepStarted("apply"), JobFailed("migration", "psql ended with status 3")],
    "it never began": [JobNotStarted("upload")],
    "it had no directory": [JobNotStarted("directory")],
    "another was at work": [LockRefused("alice", "laptop", "deploy", "2026-11-22T11:55:00Z", "apply")],
    "another had just begun": [LockRefused("unknown", "unknown", "unknown", "unknown", "")],
    "it failed in a way that isn't known here": [JobFailed("solar_flare", "bits were flipped"), failed("solar_flare")],
}

TEXT = st.text().map(lambda text: "".join(c for c in text if c.isprintable() and c != ";"))
"""What LogReader lets through; without a semicolon, so that ours can be told."""
COUNT = st.integers(0)
FILE = st.sampled_from(["001_step.sql", "002_step.sql", "003_step.sql"])
REASON = st.sampled_from(["migration", "database_busy", "cancelled", *_REASONS]) | TEXT
SQLSTATE = st.sampled_from(["DP001", "DP002", "DP004", "2D000", "57P01", "55P03", "42601", "23505"])
PSQL_ERROR = st.builds(
    "psql:/tmp/d/migrations/{}:{}: {}:  {}: {}".format,
    FILE,
    COUNT,
    st.sampled_from(["ERROR", "FATAL", "PANIC", "NOTICE"]),
    SQLSTATE,
    TEXT,
)
LOCKS = st.lists(st.builds(HeldLock, TEXT, TEXT, st.none() | COUNT), max_size=2).map(tuple)
EVENTS = st.one_of(
    st.builds(JobBegun, TEXT, TEXT),
    st.builds(StepStarted, TEXT),
    st.builds(BackupStarted, TEXT),
    st.builds(BackupTaken, TEXT, COUNT, TEXT, COUNT, COUNT),
    st.builds(MigrationStarted, FILE, st.integers(0, 2)),
    st.builds(MigrationApplied, FILE, st.integers(0, 2)),
    st.builds(CopyRestored, COUNT, COUNT),
    st.builds(RehearsalStarted, COUNT),
    st.builds(FileMeasured, FILE, st.booleans(), st.just(()), LOCKS, st.just(()), st.just(()), st.just(())),
    st.builds(RehearsalTimed, st.lists(st.builds(FileTimed, FILE, COUNT, LOCKS), max_size=2).map(tuple)),
    st.builds(Rehearsed),
    st.builds(InvalidIndexes, st.lists(TEXT, max_size=3).map(tuple)),
    st.builds(Waiting, COUNT, TEXT, TEXT, TEXT, TEXT, TEXT),
    st.builds(Retrying, COUNT, COUNT, COUNT),
    st.builds(
        ChangesShown,
        st.lists(st.builds(TableChange, TEXT, st.none() | COUNT, st.none() | COUNT), max_size=2).map(tuple),
        st.lists(FILE, max_size=2).map(tuple),
    ),
    st.builds(ConfirmationAwaited),
    st.builds(BackupsPruned, COUNT),
    st.builds(DatabaseForgotten, TEXT),
    st.builds(BackupProven, TEXT, TEXT),
    st.builds(Warned, TEXT),
    st.builds(JobFailed, REASON, TEXT),
    st.builds(
        JobEnded,
        st.sampled_from(["done", "failed", "cancelled"]) | TEXT,
        TEXT,
        st.lists(st.builds(RowSettled, FILE, st.booleans(), st.none() | COUNT), max_size=3).map(tuple),
    ),
    st.builds(JobNotStarted, TEXT),
    st.builds(LockRefused, TEXT, TEXT, TEXT, TEXT, TEXT),
    st.builds(ServerSaid, TEXT | PSQL_ERROR),
    st.builds(ConnectionDropped, st.just(60.0)),
    st.builds(ConnectionRestored),
)
FAILURES = st.builds(
    lambda events, failure, end: [*events, failure, end],
    st.lists(EVENTS, max_size=6),
    st.builds(JobFailed, REASON, TEXT),
    st.builds(JobEnded, st.sampled_from(["failed", "cancelled"]), TEXT),
)


class TestAJobThatDidntEndWell:
    @pytest.mark.parametrize("events", STORIES.values(), ids=STORIES)
    def test_is_explained_in_words(self, events: list[Event], snapshot: SnapshotAssertion) -> None:
        error = explain(record_of(events), "prod")
        assert error
        assert (type(error).__name__, error.message, error.details, error.hint) == snapshot

    @pytest.mark.parametrize("reason", sorted(_REASONS))
    @pytest.mark.parametrize("detail", ["what it said", ""])
    def test_is_explained_by_its_reason(self, reason: str, detail: str, snapshot: SnapshotAssertion) -> None:
        events = [StepStarted("a step"), *said("a line"), JobFailed(reason, detail), failed(reason)]
        error = explain(record_of(events), "prod")
        assert error
        assert (type(error).__name__, error.message, error.details, error.hint) == snapshot

    def test_is_unknown_only_where_the_job_says_so_itself(self) -> None:
        """59 must never stand for a job that failed."""
        unknown = [reason for reason, (kind, _, _) in _REASONS.items() if kind is OutcomeUnknown]
        assert unknown == ["outcome_unknown", "swap_unknown"]

    def test_quotes_no_more_than_a_few_lines(self) -> None:
        events = second_of_two(*(f"psql:/tmp/d/migrations/002_step.sql:{n}: NOTICE:  00000: n" for n in range(900)))
        error = explain(record_of([*events, failed()]), "prod")
        assert error
        assert len(error.details) <= 6

    @given(st.lists(EVENTS, max_size=12) | FAILURES)
    def test_is_told_in_one_line_each_whatever_happened(self, events: list[Event]) -> None:
        error = explain(record_of(events), "prod")
        if error is None:
            return
        assert isinstance(error, DeployError)
        for line in (error.message, error.hint, *error.details):
            assert line.isprintable()
        assert error.message.strip()
        assert ": ;" not in error.message
        assert error.hint.strip()

    @given(st.lists(EVENTS, max_size=12) | FAILURES)
    def test_is_every_job_but_one_that_says_that_it_is_done(self, events: list[Event]) -> None:
        record = record_of(events)
        done = record.ended is not None and record.ended.outcome == "done" and record.refused is None
        assert (explain(record, "prod") is None) == done

    @given(st.lists(EVENTS.filter(lambda event: not isinstance(event, JobEnded | JobNotStarted | LockRefused))))
    def test_has_died_where_its_last_word_is_missing(self, events: list[Event]) -> None:
        record = record_of(events)
        assert isinstance(explain(record, "prod"), OutcomeUnknown if record.step in EXCHANGES else JobDied)

    @pytest.mark.parametrize("step", EXCHANGES)
    def test_may_have_exchanged_the_databases_where_that_was_at_hand(self, step: str) -> None:
        """What it began in the database goes on when the job is killed."""
        assert isinstance(explain(record_of([StepStarted(step)]), "prod"), OutcomeUnknown)


class TestARecord:
    def test_of_a_rehearsal_has_applied_nothing(self) -> None:
        timed = FileTimed("001_step.sql", 7, ())
        record = record_of([*rehearsed(1, *SYNTAX)[:9], RehearsalTimed((timed,)), Rehearsed()])
        assert record.applied == []
        assert record.rehearsed
        assert record.tried == (tried(timed, None),)

    def test_adds_up_to_what_was_done(self) -> None:
        changes = ChangesShown((), ())
        record = record_of([*second_of_two("a"), changes, InvalidIndexes(("i",)), BLOCKER])
        assert (record.backup, record.applied, record.at_work) == (TAKEN, ["001_step.sql"], "002_step.sql")
        assert (record.step, record.said, record.changes) == ("apply", ["a"], changes)
        assert (record.waiting, record.invalid) == (BLOCKER, InvalidIndexes(("i",)))

    def test_keeps_what_was_said_of_the_file_at_work_and_of_no_other(self) -> None:
        record = record_of([StepStarted("apply"), *said("a"), MigrationStarted("001_step.sql"), *said("b")])
        assert record.said == ["b"]

    def test_keeps_no_more_than_it_needs_of_a_program_that_never_stops(self) -> None:
        record = record_of(said(*(str(n) for n in range(1000))))
        assert record.said == [str(n) for n in range(1000 - KEPT_LINES, 1000)]


class TestPsqlsError:
    def test_is_the_first_with_what_explains_it(self) -> None:
        error = find_psql_error(["psql:a/001_a.sql:1: NOTICE:  00000: hm", *SYNTAX, *UNIQUE])
        assert error
        assert (error.file, error.line, error.sqlstate) == ("002_step.sql", 7, "42601")
        assert error.message == 'syntax error at or near "SELEKT"'
        assert error.excerpt == ("LINE 1: SELEKT 1;", "        ^")

    def test_may_be_psqls_own(self) -> None:
        error = find_psql_error(["psql:001_a.sql:2: error: \\i: no such file"])
        assert error
        assert (error.file, error.line, error.sqlstate, error.message) == ("001_a.sql", 2, None, "\\i: no such file")

    @pytest.mark.parametrize(
        "line", ["", "ERROR:  42601: no", "psql:001_a.sql:1: WARNING:  01000: no", "xpsql:a:1: error: b"]
    )
    def test_is_nothing_else_that_it_says(self, line: str) -> None:
        assert find_psql_error([line]) is None

    def test_in_an_impossible_line_is_none(self) -> None:
        assert find_psql_error([f"psql:001_a.sql:{'9' * 5000}: error: a"]) is None

    @given(st.lists(TEXT | PSQL_ERROR))
    def test_is_looked_for_in_any_words(self, lines: list[str]) -> None:
        error = find_psql_error(lines)
        assert error is None or len(error.excerpt) <= 4
