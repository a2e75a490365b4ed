"""What a file did to the copy, in words."""

from __future__ import annotations

from deploy.job.outcome import FileTried, tried
from deploy.model.event import FileMeasured, FileTimed, HeldLock, Stored, WrittenRows
from deploy.report.rehearsal import lines_about

OPEN = True


class TestAFileThatWasTried:
    def test_is_told_with_what_it_blocks_and_for_how_long(self) -> None:
        file = FileTried(
            "004_add.sql",
            1234,
            (HeldLock("public.trades", "AccessExclusiveLock", 1200), HeldLock("public.notes", "ShareLock")),
            (WrittenRows("public.trades", 0, 5, 2),),
            (Stored("public.trades", 12_000_000),),
            (Stored("public.by_symbol", 4_000_000),),
        )
        assert list(lines_about([file])) == [
            (
                "004_add.sql: 1.2 s, blocks reads and writes of public.trades for 1.2 s, blocks writes to public.notes for at most 100 ms,"
                " rewrites public.trades (12.0 MB), builds public.by_symbol (4.0 MB), public.trades: 5 rows updated, 2 rows deleted"
            )
        ]

    def test_is_worth_a_line_if_it_blocks_somebody_or_takes_long(self) -> None:
        quiet = FileTried("001_a.sql", 3, (HeldLock("public.t", "ShareUpdateExclusiveLock", 2),))
        slow = FileTried("002_b.sql", 1000)
        assert list(lines_about([quiet, slow, quiet])) == [
            "002_b.sql: 1.0 s",
            "2 other files: no table that was there is blocked or rewritten",
        ]
        assert list(lines_about([quiet])) == ["1 file: no table that was there is blocked or rewritten"]
        assert list(lines_about([])) == []

    def test_held_its_locks_as_long_as_the_watcher_saw(self) -> None:
        timed = FileTimed("001_a.sql", 50, (HeldLock("t", "ShareLock", 40),))
        locks = (HeldLock("t", "ShareLock"), HeldLock("u", "ShareLock"))
        measured = FileMeasured("001_a.sql", OPEN, (), locks, (), (), ())
        assert tried(timed, measured).locks == (HeldLock("t", "ShareLock", 40), HeldLock("u", "ShareLock"))

    def test_outside_a_transaction_held_what_the_watcher_saw(self) -> None:
        """At its end it has given everything back; what it made itself is in nobody's way."""
        old = HeldLock("t", "ShareUpdateExclusiveLock", 40)
        timed = FileTimed("001_a.sql", 50, (old, HeldLock("new", "AccessExclusiveLock", 1)))
        measured = FileMeasured("001_a.sql", not OPEN, ("new",), (), (), (), (Stored("i", 1),))
        assert tried(timed, measured).locks == (old,)
        assert tried(timed, None).locks == timed.held
