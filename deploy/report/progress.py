"""What goes on right now, and how far it is: the facts and the words of the line that moves on a terminal."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from deploy.model.event import (
    BackupStarted,
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
from deploy.plan.backup import megabytes

if TYPE_CHECKING:
    from collections.abc import Callable

WIDEST = 100
"""Columns; however wide the terminal is, nobody reads a line from one edge to the other."""

BAR = 16

DUMPING = "dumping"

ALMOST = 0.99
"""A size that is only expected may be passed: it is over when the server says so."""

SOONEST_S = 0.1
"""Before this, a rate means nothing."""

WORTH_GUESSING = 0.05
"""Before this share of the way, what is left is anybody's guess."""


@dataclass(frozen=True, slots=True)
class Work:
    """One thing that goes on. Times are seconds of one clock.

    `counted_from` is when counting began, and how many bytes there were; `counted_at` when they were counted last.
    """

    what: str
    since: float
    done: int | None = None
    total: int | None = None
    counted_from: tuple[float, int] | None = None
    counted_at: float = 0.0

    def counted(self, done: int, total: int | None, now: float) -> Work:
        """Return it with so many bytes done."""
        return replace(self, done=done, total=total, counted_from=self.counted_from or (now, done), counted_at=now)


def work_after(work: Work | None, event: Event, now: float) -> Work | None:  # noqa: C901, PLR0911, PLR0912 - a line for each kind of event
    """Return what goes on once a job has said this; None while there is nothing to wait for."""
    match event:
        case JobBegun():
            return Work("beginning", now)
        case StepStarted(name):
            return Work(name, now)
        case MigrationStarted(name, run):
            return Work(f"rehearsing {name}" if run else name, now)
        case BackupStarted():
            # counted from here on: the first news of its size comes when there is some already
            return Work(DUMPING, now, counted_from=(now, 0))
        case Progressed(None):
            # the time goes on: a backup is read back, a restored database analyzed
            what = "reading the backup back" if work is None or work.what == DUMPING else work.what
            return Work(what, work.since if work else now)
        case Progressed(done, total) if work and done is not None:
            return work.counted(done, total, now)
        case MigrationApplied(_, run):
            return Work("rehearsing" if run else "applying", now)
        case Waiting(pid) if work:
            return replace(work, what=f"{work.what.partition(' waits ')[0]} waits for pid {pid}")
        case Retrying(in_s):
            return Work(f"trying again in {in_s} s", now)
        case ConnectionDropped():
            return Work("connecting again", now)
        case ConnectionRestored():
            return Work("following", now)
        case ConfirmationAwaited():
            return Work("waiting for an answer", now)
        case JobEnded():
            return None
        case _:
            return work


class Progress:
    """A transfer that tells how far it is: called with the bytes that are done; the first call says how many were there before."""

    def __init__(self, what: str, total: int, show: Callable[[Work | None], None]) -> None:
        self._work = Work(what, time.monotonic())
        self._total = total
        self._show = show

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._show(None)

    def __call__(self, done: int) -> None:
        self._work = self._work.counted(done, self._total, time.monotonic())
        self._show(self._work)


def describe(work: Work, *, now: float, width: int, block: str = "█") -> str:
    """Put it into one line no longer than `width`: what is least wanted goes first where there is no room.

    Such as `dumping  0:41  1.2 GB of 3.0 GB  31.0 MB/s  ██████████                40 %  about 0:58 left`.
    """
    width = min(width, WIDEST)
    elapsed = clock(now - work.since)
    said = f"{work.what[: max(0, width - len(elapsed) - 2)]}  {elapsed}"[:width]
    for part in (_amount(work), _speed(work), _way(work, block), _left(work, now)):
        if not part or len(said) + 2 + len(part) > width:
            break
        said += f"  {part}"
    return said


def _amount(work: Work) -> str:
    if work.done is None:
        return ""
    return f"{megabytes(work.done)} of {megabytes(work.total)}" if work.total else megabytes(work.done)


def _speed(work: Work) -> str:
    return f"{megabytes(int(_rate(work)))}/s"


def _way(work: Work, block: str) -> str:
    if not work.total:
        return ""
    share = _share(work)
    return f"{bar(share, BAR, block).ljust(BAR)} {int(share * 100):3} %"


def _left(work: Work, now: float) -> str:
    rate = _rate(work)
    if not rate or not work.total or work.done is None or _share(work) < WORTH_GUESSING or work.done >= work.total:
        return ""
    return f"about {clock((work.total - work.done) / rate - (now - work.counted_at))} left"


def _share(work: Work) -> float:
    return min((work.done or 0) / (work.total or 1), ALMOST)


def _rate(work: Work) -> float:
    """Bytes a second, from when counting began to when they were counted last."""
    if work.done is None or work.counted_from is None or work.counted_at - work.counted_from[0] < SOONEST_S:
        return 0.0
    return (work.done - work.counted_from[1]) / (work.counted_at - work.counted_from[0])


def bar(share: float, length: int, block: str = "█") -> str:
    """Draw a share of 1 in blocks, at least one where there is anything."""
    return block * max(1 if share > 0 else 0, min(length, round(share * length)))


def clock(seconds: float) -> str:
    """Say how long: `0:03`, `12:41`, `1:02:03`."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def duration(seconds: float) -> str:
    """Say how long something took: `0.3 s`, `42 s`, `12:41`."""
    if seconds < 10:  # noqa: PLR2004 - where a tenth is still felt
        return f"{max(0.0, seconds):.1f} s"
    return f"{seconds:.0f} s" if seconds < 60 else clock(seconds)  # noqa: PLR2004 - seconds in a minute
