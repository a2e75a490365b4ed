"""The benchmark's own arithmetic, and that the documents show what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import deploys, scale
from bench.measure import Record, load
from bench.render import BEGIN, END, gap_table, number, render, table
from bench.targets import targets

ROOT = Path(__file__).parent.parent.parent


def a_record() -> Record:
    record = Record()
    for ours, limit in ((2.0, 1.0), (6.0, 5.0), (3.0, 1.0)):
        for files in (1, 1000):
            for rtt_ms in (0, 100):
                record.add("deploy", deploys.case_of(deploys.NEW, files, rtt_ms), "this tool", ours, turns=20)
                record.add("deploy", deploys.case_of(deploys.NEW, files, rtt_ms), "the limit", limit, turns=12)
    return record


class TestATarget:
    def test_is_decided_by_ratios_within_a_round(self) -> None:
        """The medians are 3 and 1; the median of the ratios is 2."""
        first = next(iter(targets(a_record())))
        assert (first.what, first.measured, first.met) == ("1000 new files at 0 ms, against the limit", 2.0, False)

    def test_may_be_one_where_more_is_better(self) -> None:
        record = a_record()
        record.add("deploy", deploys.case_of(deploys.NEW, 100, 100), "this tool", 1.0)
        record.add("deploy", deploys.case_of(deploys.NEW, 100, 100), "the guide's loop", 31.0)
        assert [target.met for target in targets(record) if "loop" in target.what] == [True]

    def test_of_memory_is_missed_by_the_worst_round(self) -> None:
        record = Record()
        for megabytes in (50, 121, 50):
            record.add("memory", "fetch", "MB", megabytes)
        assert [target.met for target in targets(record)] == [False]


class TestATable:
    def test_says_how_often_packets_had_to_cross(self) -> None:
        assert "| 1000 | new | 3.00 (2.00–6.00) | 1.00 (1.00–5.00) | 2.00 × |  |  | 10, 6 |" in render({}, a_record())

    def test_tells_what_is_done_once_from_what_is_done_for_every_file(self) -> None:
        record = Record()
        for files, ours, limit in ((1, 1.5, 0.5), (1001, 5.5, 2.5)):
            record.add("deploy", deploys.case_of(deploys.NEW, files, 0), "this tool", ours)
            record.add("deploy", deploys.case_of(deploys.NEW, files, 0), "the limit", limit)
        assert "| 0 ms | 1.00 s | 2.00 ms |" in gap_table(record)

    def test_escapes_what_would_end_a_cell(self) -> None:
        assert table(["`a | b`"], []) == "| `a \\| b` |\n| --- |\n"

    @pytest.mark.parametrize(("value", "shown"), [(0.123, "0.12"), (12.34, "12.3"), (123.4, "123")])
    def test_has_three_digits(self, value: float, shown: str) -> None:
        assert number(value) == shown


def test_samples_survive_being_written_down() -> None:
    assert Record.from_json(a_record().to_json()).to_json() == a_record().to_json()


@pytest.mark.parametrize("name", ["benchmarks.md", "scale.md"])
def test_a_document_shows_what_was_measured_last(name: str) -> None:
    about, record = load(ROOT / "bench" / "results.json")
    shown = (ROOT / "docs" / name).read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == (render(about, record) if name == "benchmarks.md" else scale.render(record)).strip()


def test_a_part_that_is_measured_anew_takes_the_place_of_what_it_measured_before() -> None:
    before, anew = a_record(), Record()
    before.add("client", "fab --list", "seconds", 1.0)
    anew.add("client", "fab --list", "seconds", 2.0)
    after = before.renewed(anew)
    assert after.find("client", "fab --list", "seconds").values == [2.0]  # type: ignore[union-attr]  # it was added above
    assert after.cases("deploy") == before.cases("deploy")
