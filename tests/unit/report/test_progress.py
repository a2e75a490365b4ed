"""What goes on, in one line that fits."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.event import (
    BackupsPruned,
    BackupStarted,
    BackupTaken,
    ConfirmationAwaited,
    ConnectionDropped,
    ConnectionRestored,
    Event,
    JobBegun,
    JobEnded,
    MigrationApplied,
    MigrationStarted,
    Progressed,
    Retrying,
    StepStarted,
    Waiting,
)
from deploy.report.progress import WIDEST, Progress, Work, bar, clock, describe, duration, work_after

HALF = Work("dumping", 0.0).counted(0, 3_000_000_000, 10.0).counted(1_200_000_000, 3_000_000_000, 20.0)


class TestTheLine:
    def test_says_what_and_how_long_where_nothing_can_be_counted(self) -> None:
        assert describe(Work("001_step.sql", 10.0), now=75.5, width=80) == "001_step.sql  1:05"

    def test_says_bytes_rate_and_share_and_what_is_left(self) -> None:
        assert describe(HALF, now=20.0, width=100) == (
            "dumping  0:20  1.2 GB of 3.0 GB  120.0 MB/s  ██████            40 %  about 0:15 left"
        )

    def test_has_no_bar_where_the_end_isnt_known(self) -> None:
        work = Work("dumping", 0.0, counted_from=(0.0, 0)).counted(50_000_000, None, 10.0)
        assert describe(work, now=10.0, width=80) == "dumping  0:10  50.0 MB  5.0 MB/s"

    @pytest.mark.parametrize(
        ("width", "said"),
        [
            (80, "dumping  0:20  1.2 GB of 3.0 GB  120.0 MB/s  ██████            40 %"),
            (60, "dumping  0:20  1.2 GB of 3.0 GB  120.0 MB/s"),
            (40, "dumping  0:20  1.2 GB of 3.0 GB"),
            (20, "dumping  0:20"),
            (10, "dump  0:20"),
            (3, "  0"),
        ],
    )
    def test_leaves_out_what_is_wanted_least(self, width: int, said: str) -> None:
        assert describe(HALF, now=20.0, width=width) == said

    @given(
        what=st.text("abc ", max_size=150),
        done=st.none() | st.integers(0, 10**13),
        total=st.none() | st.integers(0, 10**13),
        seconds=st.floats(0, 10**6),
        width=st.integers(0, 400),
    )
    def test_is_never_longer_than_it_may_be(
        self, what: str, done: int | None, total: int | None, seconds: float, width: int
    ) -> None:
        work = Work(what, 0.0) if done is None else Work(what, 0.0).counted(0, total, 0.0).counted(done, total, seconds)
        assert len(describe(work, now=seconds, width=width)) <= min(width, WIDEST)

    def test_keeps_its_rate_until_there_is_news(self) -> None:
        """News come once a second or two, and a rate that falls in between would say nothing but that."""
        assert describe(HALF, now=21.5, width=100) == (
            "dumping  0:21  1.2 GB of 3.0 GB  120.0 MB/s  ██████            40 %  about 0:13 left"
        )
        assert describe(HALF, now=90.0, width=100).endswith("about 0:00 left")

    def test_never_says_that_all_is_done_while_it_goes_on(self) -> None:
        """What a backup comes to is only a guess: the one before had so much."""
        over = Work("dumping", 0.0).counted(0, 100, 0.0).counted(250, 100, 1.0)
        assert " 99 %" in describe(over, now=1.0, width=100)
        assert "left" not in describe(over, now=1.0, width=100)

    def test_counts_what_was_there_before_as_done_but_not_as_fast(self) -> None:
        resumed = Work("fetching", 0.0).counted(900_000, 1_000_000, 1.0).counted(900_000, 1_000_000, 2.0)
        assert "0 kB/s  ██████████████    90 %" in describe(resumed, now=2.0, width=100)

    def test_is_drawn_in_other_blocks_where_these_are_lacking(self) -> None:
        assert "######            40 %" in describe(HALF, now=20.0, width=100, block="#")


class TestWork:
    @pytest.mark.parametrize(
        ("event", "what"),
        [
            (JobBegun("j", "deploy"), "beginning"),
            (StepStarted("lock the database"), "lock the database"),
            (BackupStarted("b.sql.gz"), "dumping"),
            (Progressed(None, None), "reading the backup back"),
            (MigrationStarted("001_a.sql"), "001_a.sql"),
            (MigrationApplied("001_a.sql"), "applying"),
            (Retrying(4, 2, 5), "trying again in 4 s"),
            (ConnectionDropped(60.0), "connecting again"),
            (ConnectionRestored(), "following"),
            (ConfirmationAwaited(), "waiting for an answer"),
        ],
    )
    def test_begins_with_what_a_job_says(self, event: Event, what: str) -> None:
        assert work_after(None, event, 5.0) == Work(what, 5.0, counted_from=(5.0, 0) if what == "dumping" else None)

    def test_is_over_when_the_job_is(self) -> None:
        assert work_after(HALF, JobEnded("done", ""), 5.0) is None

    def test_goes_on_where_a_job_says_something_else(self) -> None:
        assert work_after(HALF, BackupsPruned(2), 5.0) == HALF
        assert work_after(None, BackupTaken("b", 1, "", 1, 1), 5.0) is None

    def test_says_who_is_in_the_way_once(self) -> None:
        waiting = Waiting(7, "", "u", "active", "now", "SELECT 1")
        work = work_after(Work("001_a.sql", 1.0), waiting, 2.0)
        assert work == work_after(work, waiting, 3.0) == Work("001_a.sql waits for pid 7", 1.0)
        assert work_after(None, waiting, 2.0) is None

    def test_of_a_backup_goes_on_while_it_is_read_back(self) -> None:
        assert work_after(HALF, Progressed(None, None), 30.0) == Work("reading the backup back", 0.0)

    def test_of_a_restore_goes_on_when_all_is_read(self) -> None:
        work = work_after(Work("restore", 1.0), Progressed(5_000_000, 9_000_000), 4.0)
        assert work
        assert work.done == 5_000_000
        assert work_after(work, Progressed(None, None), 9.0) == Work("restore", 1.0)

    def test_counts_a_dump_from_its_beginning(self) -> None:
        work = work_after(None, BackupStarted("b.sql.gz"), 10.0)
        work = work_after(work, Progressed(30_000_000, 90_000_000), 13.0)
        assert work
        assert "30.0 MB of 90.0 MB  10.0 MB/s" in describe(work, now=13.0, width=80)


class TestProgress:
    def test_shows_how_far_a_transfer_is_and_goes_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        shown: list[Work | None] = []
        with Progress("fetching", 1000, shown.append) as progress:
            progress(100)
            now[0] += 2.0
            progress(300)
        assert shown == [
            Work("fetching", 100.0, 100, 1000, (100.0, 100), 100.0),
            Work("fetching", 100.0, 300, 1000, (100.0, 100), 102.0),
            None,
        ]


class TestABar:
    @pytest.mark.parametrize(("share", "drawn"), [(0.0, ""), (0.001, "█"), (0.5, "█████"), (1.0, "██████████")])
    def test_has_something_where_there_is_something(self, share: float, drawn: str) -> None:
        assert bar(share, 10) == drawn


class TestATime:
    @pytest.mark.parametrize(
        ("seconds", "said"),
        [(-1.0, "0:00"), (0.9, "0:00"), (59.9, "0:59"), (61.0, "1:01"), (3599.0, "59:59"), (3723.0, "1:02:03")],
    )
    def test_runs_as_a_clock(self, seconds: float, said: str) -> None:
        assert clock(seconds) == said

    @pytest.mark.parametrize(
        ("seconds", "said"), [(-1.0, "0.0 s"), (0.26, "0.3 s"), (9.94, "9.9 s"), (42.4, "42 s"), (125.0, "2:05")]
    )
    def test_is_said_as_exactly_as_it_is_felt(self, seconds: float, said: str) -> None:
        assert duration(seconds) == said
