"""Two runs of the same play give the same page."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.transcripts import plays
from tests.transcripts.pages import PAGES, PICTURES, ROOT, lines_of, picture, scenes_shown, shown_in, written
from tests.transcripts.settle import settle

SCENES = set(re.findall(r'stage\.scene\("([\w-]+)"\)', inspect.getsource(plays)))


class TestWhatDiffersFromRunToRun:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("✅ prod: 3 migrations applied in 0.9 s", "✅ prod: 3 migrations applied in 12.0 s"),
            ("▶ job 20261122_145949_6f23c3ec", "▶ job 20270101_000000_00000000"),
            ("no connections for 33 ms", "no connections for 7 ms"),
            ("backup x, 0 s old, restored 3 s ago, 7 kB", "backup x, 12 min old, restored 1 min ago, 14 kB"),
            ("by anna since 2026-11-22 14:59:49Z", "by anna since 2027-01-01T00:00:00Z"),
            ("shop_1_replaced, 7.8 MB", "shop_1_replaced, 8 MB"),
            ("waits for pid 12", "waits for pid 4711"),
            ("x.sql: 31 ms, blocks reads of a for at most 31 ms", "x.sql: 1.2 s, blocks reads of a for 0:41"),
        ],
    )
    def test_is_evened_out(self, one: str, other: str) -> None:
        assert settle([one], {}) == settle([other], {})

    def test_is_told_apart_where_it_is_another(self) -> None:
        """A backup that is restored is the one that was taken, and an older one stays older, wherever it is named."""
        lines = ["second_20261122_150000 first_20261122_145900", "second_20261122_150000"]
        assert settle(lines, {}) == ["second_20261122_030400 first_20261122_030000", "second_20261122_030400"]

    def test_is_what_the_test_server_is_called(self) -> None:
        names = {"/home/x/deploy-test-1/7": "/opt/backtester", "backtester_1": "backtester"}
        assert settle(["backtester_1_side in /home/x/deploy-test-1/7", "backtester_12"], names) == [
            "backtester_side in /opt/backtester",
            "backtester_12",
        ]

    def test_keeps_what_it_counts(self) -> None:
        line = "4 tables, 842 rows; a backup needs about 18 kB, 0 kB are free; 2 migrations"
        assert settle([line], {}) == [line]

    def test_leaves_a_table_its_columns(self) -> None:
        table = ["said before  as it is", "   table     rows now", "   a.longer  5", "", "table for two"]
        assert settle(table, {"a.longer": "b"}) == [
            "said before  as it is",
            "   table  rows now",
            "   b      5",
            "",
            "table for two",
        ]


class TestAPage:
    PAGE = "# Title\n\n<!-- scenes: one, two -->\n\n```console\nold\n```\n\n<!-- scenes: other -->\n```console\nkept\n```\n"

    def test_gets_the_scenes_that_it_names_and_keeps_the_rest(self) -> None:
        assert written(self.PAGE, {"one": ["$ a", "b"], "two": ["$ c"]}) == (
            "# Title\n\n<!-- scenes: one, two -->\n```console\n$ a\nb\n\n$ c\n```\n\n"
            "<!-- scenes: other -->\n```console\nkept\n```\n"
        )

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_shows_only_scenes_that_are_played(self, page: object) -> None:
        assert set(scenes_shown(page.read_text("utf-8"))) <= SCENES  # type: ignore[attr-defined]

    def test_is_shown_each_scene_that_is_played(self) -> None:
        """A scene that nobody reads costs seconds in each run."""
        shown = {name for page in PAGES for name in scenes_shown(page.read_text("utf-8"))}
        assert shown == SCENES


class TestAPicture:
    def test_shows_every_line(self) -> None:
        lines = ["$ fab -H prod deploy", "▶ <prod> & 'more'", "   ✅ done", "❌ failed"]
        assert lines_of(picture(lines, "x")) == [" ".join(line.split()) for line in lines]

    @pytest.mark.parametrize("name", PICTURES)
    def test_is_of_what_the_pages_show(self, name: str) -> None:
        """Else `make pages` has to be run."""
        drawing = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text("utf-8")
        assert lines_of(drawing) == [" ".join(line.split()) for line in shown_in(PAGES, PICTURES[name])]

    def test_loads_nothing_from_elsewhere(self) -> None:
        drawing = picture(["$ fab"], "x")
        assert [url for url in re.findall(r"https?://[^\"')\s]+", drawing) if "w3.org" not in url] == []
