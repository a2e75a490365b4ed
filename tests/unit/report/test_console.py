"""What the console does with words, whatever the terminal can show. Whole stories are in tests/unit/commands."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.errors import JobDied
from deploy.model.event import (
    ChangesShown,
    ConfirmationAwaited,
    ConnectionDropped,
    ConnectionRestored,
    Event,
    JobFailed,
    ServerSaid,
    StepStarted,
    event_from,
)
from deploy.report.console import SHOWN_STEPS, Console, for_host
from tests.unit.model.test_event import EXAMPLES

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion


def printed(*events: Event) -> str:
    stream = io.StringIO()
    console = Console(stream)
    for event in events:
        console.event(event)
    return stream.getvalue()


class TestTheConsole:
    def test_has_words_for_what_people_should_know(self, snapshot: SnapshotAssertion) -> None:
        events = [event_from(json.loads(written)) for written, _ in EXAMPLES]
        assert printed(*events, ConnectionDropped(60.0), ConnectionRestored()) == snapshot

    def test_names_the_steps_that_take_long(self, snapshot: SnapshotAssertion) -> None:
        assert printed(*(StepStarted(name) for name in SHOWN_STEPS)) == snapshot

    @pytest.mark.parametrize(
        "event",
        [ServerSaid("NOTICE"), StepStarted("tidy up"), JobFailed("a", "b"), ConfirmationAwaited()],
    )
    def test_keeps_the_rest_to_itself(self, event: Event) -> None:
        assert printed(event) == ""

    def test_prints_the_lines_that_people_grep_for(self) -> None:
        """The guide promised them before this tool was there."""
        said = printed(
            event_from({"event": "backing_up", "backup": "pre_deploy_20261122_120000.sql.gz"}),
            event_from({"event": "migration", "name": "001_step.sql"}),
            event_from({"event": "applied", "name": "001_step.sql"}),
        )
        assert said.splitlines() == [
            "🔒 Creating pre-deployment backup...",
            "📄 Applying migration: 001_step.sql",
            "  ✅ 001_step.sql applied successfully",
        ]

    def test_says_that_nothing_changes(self) -> None:
        assert printed(ChangesShown((), ())) == "   no table has another number of rows than now\n"

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "koi8-r"])
    def test_writes_what_a_poor_terminal_can_show(self, encoding: str) -> None:
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
        Console(stream).line("✅ größer")
        assert raw.getvalue().decode(encoding).startswith("ok gr")

    def test_asks_on_a_poor_terminal_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding="ascii")
        assert Console(stream).ask("Really?")
        assert raw.getvalue() == b"? Really? Type yes to go on: "

    def test_says_an_error_in_two_lines_with_its_details_between(self, snapshot: SnapshotAssertion) -> None:
        stream = io.StringIO()
        error = JobDied(
            "it died at `fab -H … x`", hint="Look at `fab -H … status`.", details=("LINE 1: x", "        ^")
        )
        Console(stream).error(error, "prod")
        assert stream.getvalue() == snapshot

    def test_says_what_goes_on(self) -> None:
        stream = io.StringIO()
        Console(stream).note("cancelling")
        assert stream.getvalue() == "▶ cancelling\n"

    @given(
        st.integers(1, 4).flatmap(
            lambda n: st.lists(st.lists(st.text("abc ", max_size=5), min_size=n, max_size=n), min_size=1)
        )
    )
    def test_prints_columns_below_each_other(self, rows: list[list[str]]) -> None:
        stream = io.StringIO()
        Console(stream).table(rows)
        lines = stream.getvalue().split("\n")[:-1]
        assert len(lines) == len(rows)
        start = 0
        for column in range(len(rows[0])):
            for row, line in zip(rows, lines, strict=True):
                assert line[start:].startswith(row[column].rstrip())
            start += max(len(row[column]) for row in rows) + 2


class TestACommandThatIsNamed:
    @pytest.mark.parametrize(
        ("text", "host", "shown"),
        [
            ("`fab -H … status`", "prod", "`fab -H prod status`"),
            ("`fab -H … status`", "local", "`fab status`"),
            ("`fab -H local status`", "local", "`fab status`"),
            ("fab -H db1 follow", "prod", "fab -H db1 follow"),
        ],
    )
    def test_can_be_typed_as_it_is_shown(self, text: str, host: str, shown: str) -> None:
        assert for_host(text, host) == shown
