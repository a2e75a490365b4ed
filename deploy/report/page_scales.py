"""Axes: round numbers to read a value by, and the days, weeks or months that a moment falls into."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_BUCKETS = 60
FEWEST_DAYS = 14
"""A history of an hour is shown on an axis of two weeks: less would say nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """A length of calendar time: days or months."""

    name: str
    days: int = 0
    months: int = 0

    def floor(self, moment: datetime) -> datetime:
        """Return where the step begins that a moment lies in; weeks begin on Mondays."""
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.days:
            return midnight - timedelta(days=(midnight.toordinal() - 1) % self.days)
        return _month((midnight.year * 12 + midnight.month - 1) // self.months * self.months)

    def after(self, begin: datetime) -> datetime:
        """Return where the step after this one begins."""
        if self.months:
            return _month(begin.year * 12 + begin.month - 1 + self.months)
        return begin + timedelta(days=self.days)

    def label(self, begin: datetime) -> str:
        """Name a step as short as it can be told."""
        if self.days:
            return f"{begin.day} {begin:%b}"
        if self.months % 12:
            return f"{begin:%b %Y}" if begin.month == 1 else f"{begin:%b}"
        return f"{begin:%Y}"

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """Give where each step begins, from the one that the first moment lies in."""
        begin = self.floor(first)
        while begin <= last:
            yield begin
            begin = self.after(begin)


def _month(count: int) -> datetime:
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)


PERIODS = (
    Step("day", days=1),
    Step("week", days=7),
    Step("month", months=1),
    Step("quarter", months=3),
    Step("year", months=12),
)
_MARKS = (
    *(Step("days", days=count) for count in (1, 2, 7, 14)),
    *(Step("months", months=count) for count in (1, 3, 6, 12, 24, 60, 120)),
)


@dataclass(frozen=True, slots=True)
class Span:
    """The time that an axis covers."""

    first: datetime
    last: datetime

    def place(self, moment: datetime) -> float:
        """Return where a moment stands, in percent of the axis."""
        return (moment - self.first) / (self.last - self.first) * 100

    def marks(self, most: int) -> list[tuple[float, str]]:
        """Return where to write what below the axis."""
        for step in _MARKS:
            begins = islice(step.between(self.first, self.last), most + 2)
            found = [begin for begin in begins if begin >= self.first]
            if len(found) <= most:
                break
        return [(self.place(begin), step.label(begin)) for begin in found]


def span_of(moments: Sequence[datetime], now: datetime) -> Span:
    """Return an axis from the first of these moments until now, or a bit later where a clock runs ahead."""
    return Span(min([*moments, now - timedelta(days=FEWEST_DAYS)]), max([*moments, now]))


def periods_of(moments: Sequence[datetime], now: datetime) -> tuple[Step, list[datetime]]:
    """Return the shortest period by which what happened can be counted, and where each begins, up to the one of now."""
    span = span_of(moments, now)
    for step in PERIODS:
        begins = list(islice(step.between(span.first, span.last), MOST_BUCKETS + 1))
        if len(begins) <= MOST_BUCKETS:
            break
    return step, begins


def is_chartable(moment: datetime, now: datetime) -> bool:
    """A clock that was wrong must not stretch an axis over a century."""
    return now - timedelta(days=365 * 30) <= moment <= now + timedelta(days=1)


def round_ticks(highest: float, most: int = 4, *, least: float = 0) -> list[float]:
    """Return the round numbers from 0 to the first that is not below the highest; no step is smaller than `least`."""
    step = max(highest / most, least, 1e-9)
    power = 10.0 ** math.floor(math.log10(step))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
    return [step * count for count in range(max(1, math.ceil(highest / step - 1e-9)) + 1)]
