"""Tables that fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.report.table import columns

ROWS = [
    ("when", "by", "what", "commit"),
    ("2026-11-22 09:00", "alice (laptop)", "001_add_optimizer_tables.sql", "c0ffee00"),
    ("2026-11-21 09:00", "cron", "-", "-"),
]
NARROW = {"by": 6, "what": 12}


class TestATable:
    def test_is_as_wide_as_it_has_to_be_where_there_is_no_terminal(self) -> None:
        assert columns(ROWS, dropped=["commit"], cut=NARROW) == [
            "when              by              what                          commit",
            "2026-11-22 09:00  alice (laptop)  001_add_optimizer_tables.sql  c0ffee00",
            "2026-11-21 09:00  cron            -                             -",
        ]

    @pytest.mark.parametrize(
        ("width", "row"),
        [
            (72, "2026-11-22 09:00  alice (laptop)  001_add_optimizer_tables.sql  c0ffee00"),
            (60, "2026-11-22 09:00  alice (laptop)  001_add_optimiz…  c0ffee00"),
            (50, "2026-11-22 09:00  alice (…  001_add_opt…  c0ffee00"),
            (40, "2026-11-22 09:00  alice (…  001_add_opt…"),
            (20, "2026-11-22 09:00  alice (laptop)  001_add_optimizer_tables.sql"),
        ],
    )
    def test_cuts_and_leaves_out_what_is_wanted_least(self, width: int, row: str) -> None:
        """Where nothing helps, it is left to the terminal."""
        assert columns(ROWS, width, dropped=["commit"], cut=NARROW)[1] == row

    def test_says_in_ascii_that_something_was_cut(self) -> None:
        assert columns([("a",), ("bcdef",)], 4, cut={"a": 2}, more="~") == ["a", "bcd~"]

    @given(
        st.integers(1, 4).flatmap(
            lambda n: st.lists(st.lists(st.text("abc ", max_size=9), min_size=n, max_size=n), min_size=1)
        ),
        st.integers(1, 60),
    )
    def test_keeps_its_columns_below_each_other(self, rows: list[list[str]], width: int) -> None:
        headers = [f"h{number}" for number in range(len(rows[0]))]
        cut = dict.fromkeys(headers, 1)
        lines = columns([headers, *rows], width, dropped=headers[1:], cut=cut)
        assert len(lines) == len(rows) + 1
        assert all(len(line) <= max(width, 1) for line in lines)
