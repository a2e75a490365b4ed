"""Axes that can be read, whatever stands on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.report.page_scales import (
    FEWEST_DAYS,
    MOST_BUCKETS,
    PERIODS,
    Span,
    Step,
    is_chartable,
    periods_of,
    round_ticks,
    span_of,
)
from tests.unit.values import NOW

spans = st.timedeltas(timedelta(0), timedelta(days=365 * 30))


class TestTicks:
    @pytest.mark.parametrize(
        ("highest", "ticks"),
        [
            (1, [0, 1]),
            (3, [0, 1, 2, 3]),
            (9, [0, 5, 10]),
            (40, [0, 10, 20, 30, 40]),
            (41, [0, 20, 40, 60]),
            (0, [0, 1]),
        ],
    )
    def test_are_round_numbers_from_zero(self, highest: float, ticks: list[float]) -> None:
        assert round_ticks(highest, least=1) == ticks

    @given(st.integers(min_value=0, max_value=2**53))
    def test_reach_the_highest_in_few_steps(self, highest: int) -> None:
        ticks = round_ticks(highest, least=1)
        assert ticks[0] == 0
        assert ticks[-1] >= highest * (1 - 1e-8)
        assert 2 <= len(ticks) <= 5


class TestAPeriod:
    @pytest.mark.parametrize(
        ("name", "begin"),
        [
            ("day", "2026-11-22"),
            ("week", "2026-11-16"),
            ("month", "2026-11-01"),
            ("quarter", "2026-10-01"),
            ("year", "2026-01-01"),
        ],
    )
    def test_begins_where_the_calendar_says(self, name: str, begin: str) -> None:
        """NOW is a Sunday."""
        step = next(step for step in PERIODS if step.name == name)
        assert step.floor(NOW) == datetime.fromisoformat(begin).replace(tzinfo=UTC)

    @given(st.sampled_from(PERIODS), st.datetimes(datetime(1990, 1, 1), datetime(2190, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - given UTC
    def test_holds_the_moment_it_is_asked_for(self, step: Step, moment: datetime) -> None:
        begin = step.floor(moment)
        assert begin <= moment < step.after(begin)
        assert step.floor(begin) == begin
        assert step.floor(step.after(begin)) == step.after(begin)

    @given(spans)
    def test_is_as_short_as_can_be_shown(self, ago: timedelta) -> None:
        step, begins = periods_of([NOW - ago], NOW)
        assert step.floor(NOW - ago) in begins
        assert step.floor(NOW) == begins[-1]
        assert len(begins) <= MOST_BUCKETS
        shorter = PERIODS[: PERIODS.index(step)]
        assert all(len(list(each.between(begins[0], NOW))) > MOST_BUCKETS for each in shorter)

    def test_of_a_short_history_is_a_day_of_two_weeks(self) -> None:
        step, begins = periods_of([NOW], NOW)
        assert step.name == "day"
        assert len(begins) == FEWEST_DAYS + 1


class TestAnAxisOfTime:
    @given(spans)
    def test_has_a_few_marks_in_order_on_it(self, ago: timedelta) -> None:
        marks = span_of([NOW - ago], NOW).marks(7)
        places = [place for place, _ in marks]
        assert 1 <= len(marks) <= 7
        assert places == sorted(places)
        assert all(0 <= place <= 100 for place in places)
        assert len(set(marks)) == len(marks)

    def test_ends_with_a_clock_that_runs_ahead(self) -> None:
        ahead = NOW + timedelta(hours=5)
        assert span_of([ahead], NOW).place(ahead) == 100

    @pytest.mark.parametrize(
        ("days", "labels"),
        [
            (5, ["18 Nov", "19 Nov", "20 Nov", "21 Nov", "22 Nov"]),
            (60, ["28 Sep", "12 Oct", "26 Oct", "9 Nov"]),
            (300, ["Apr", "Jul", "Oct"]),
            (900, ["Jul", "Jan 2025", "Jul", "Jan 2026", "Jul"]),
            (365 * 9, ["2018", "2020", "2022", "2024", "2026"]),
        ],
    )
    def test_is_marked_as_a_calendar_is(self, days: int, labels: list[str]) -> None:
        found = Span(NOW - timedelta(days=days), NOW).marks(5)
        assert [label for _, label in found] == labels

    def test_is_not_stretched_by_a_clock_that_was_wrong(self) -> None:
        assert is_chartable(NOW - timedelta(days=9000), NOW)
        assert not is_chartable(datetime(1970, 1, 1, tzinfo=UTC), NOW)
        assert not is_chartable(NOW + timedelta(days=2), NOW)
