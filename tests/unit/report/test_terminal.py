"""What stands on the screen of a terminal, wide or narrow, with colours and UTF-8 or without."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deploy
from deploy.model.errors import JobDied
from deploy.model.event import (
    BackupStarted,
    BackupTaken,
    Event,
    JobBegun,
    JobEnded,
    MigrationApplied,
    MigrationStarted,
    Progressed,
    ServerSaid,
    StepStarted,
    Warned,
)
from deploy.report.characters import STAND_INS, in_ascii, speaks_unicode
from deploy.report.console import Console
from deploy.report.terminal import fold
from tests.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UTF8 = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
POOR = {"TERM": "vt100", "LC_ALL": "C", "NO_COLOR": "1"}


class Tty(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.raw_bytes = io.BytesIO()
        super().__init__(self.raw_bytes, encoding=encoding, newline="\n", write_through=True)

    def isatty(self) -> bool:
        return True

    def written(self) -> str:
        return self.raw_bytes.getvalue().decode(self.encoding)


@pytest.fixture(autouse=True)
def _no_sizes_but_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINES", raising=False)


def a_console(
    monkeypatch: pytest.MonkeyPatch, columns: int = 80, variables: Mapping[str, str] = UTF8, *, encoding: str = "utf-8"
) -> tuple[Console, Tty]:
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Tty(encoding)
    return Console(stream, variables), stream


def seen(stream: Tty, columns: int = 80) -> Screen:
    screen = Screen(columns)
    screen.feed(stream.written())
    return screen


def without_times(screen: Screen) -> list[str]:
    """On a busy machine everything takes longer."""
    return [re.sub(r"  \d+(\.\d)? s$", "  TOOK", line) for line in screen.lines]


def moving(stream: Tty, what: str, how_far: str = "") -> list[str]:
    """Wait until the moving line says this, whatever the time, and return all that is on the screen by then."""
    deadline = time.monotonic() + 10
    pattern = rf"{re.escape(what)}  \d:\d\d{re.escape(how_far)}"
    while not re.search(pattern, str(screen := seen(stream))):
        assert time.monotonic() < deadline, f"{what!r} didn't come:\n{screen}"
        time.sleep(0.02)
    return screen.lines


DEPLOY: Sequence[Event] = [
    JobBegun("20261122_120000_c0ffee00", "deploy"),
    StepStarted("back up"),
    BackupStarted("pre_deploy_20261122_120000.sql.gz"),
    Progressed(1_000_000, 4_000_000),
    Progressed(None, None),
    BackupTaken("pre_deploy_20261122_120000.sql.gz", 4_200_000, "0a", 4, 9000),
    StepStarted("apply"),
    MigrationStarted("001_step.sql"),
    ServerSaid("NOTICE"),
    MigrationApplied("001_step.sql"),
    JobEnded("done", ""),
]


class TestATerminal:
    def test_keeps_the_lines_of_the_guide_with_the_time_that_each_took(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console, stream = a_console(monkeypatch)
        with console.following():
            for event in DEPLOY:
                console.event(event)
        screen = seen(stream)
        assert without_times(screen) == [
            "▶ job 20261122_120000_c0ffee00",
            "🔒 Creating pre-deployment backup...",
            "  ✅ pre_deploy_20261122_120000.sql.gz: 4.2 MB, 4 tables, 9000 rows, verified",
            "📄 Applying migration: 001_step.sql",
            "  ✅ 001_step.sql applied successfully  TOOK",
        ]
        assert screen.shows_cursor

    def test_shows_what_goes_on_in_a_line_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console, stream = a_console(monkeypatch)
        with console.following():
            console.event(JobBegun("j", "deploy"))
            console.event(BackupStarted("pre_deploy_20261122_120000.sql.gz"))
            console.event(Progressed(1_000_000, 4_000_000))
            live = moving(stream, "dumping", "  1.0 MB of 4.0 MB")
            assert live[:-1] == ["▶ job j", "🔒 Creating pre-deployment backup..."]
        assert seen(stream).lines == live[:-1], "it is gone at the end"

    def test_says_a_step_when_it_is_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console, stream = a_console(monkeypatch)
        with console.following():
            console.event(StepStarted("restore"))
            assert "Restoring" not in str(moving(stream, "restore"))
            console.event(Warned("a sequence is behind"))
            console.event(StepStarted("compare"))
            console.event(StepStarted("swap"))
        assert without_times(seen(stream)) == [
            "📦 Restoring into a side database...",
            "⚠  a sequence is behind",
            "🔎 Comparing rows per table...  TOOK",
            "🔁 Swapping the databases...",
        ]

    def test_is_left_as_it_was_when_something_goes_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console, stream = a_console(monkeypatch)
        with pytest.raises(JobDied), console.following():  # noqa: PT012 - what is seen is the point
            console.event(StepStarted("restore"))
            raise JobDied("gone", hint="Look.")
        console.error(JobDied("gone", hint="Look."), "prod")
        screen = seen(stream)
        assert screen.lines == ["📦 Restoring into a side database...", "❌ gone", "   👉 Look."]
        assert screen.shows_cursor
        assert "\033[?25l" not in stream.written(), "a client that is killed would leave it hidden"

    def test_shows_a_transfer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console, stream = a_console(monkeypatch)
        with console.progress(2_000_000, "fetching") as progress:
            progress(0)
            progress(1_000_000)
            moving(stream, "fetching", "  1.0 MB of 2.0 MB")
        assert seen(stream).lines == []

    def test_shows_what_it_waits_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console, stream = a_console(monkeypatch)
        with console.busy("connecting to prod"):
            moving(stream, "connecting to prod")
        assert seen(stream).lines == []

    def test_takes_the_moving_line_away_before_it_asks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
        console, stream = a_console(monkeypatch)
        with console.following():
            console.event(StepStarted("ask"))
            assert console.ask("Really?")
            assert seen(stream).lines == ["❓ Really? Type yes to go on:"]

    def test_keeps_what_is_to_be_typed_in_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
        console, stream = a_console(monkeypatch)
        console.ask("Put pre_deploy_20261122_120000.sql.gz in place of backtester_of_all_shops?")
        assert stream.written().endswith("\n   Type yes to go on: ")

    def test_has_colours_for_good_and_bad(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console, stream = a_console(monkeypatch)
        console.line("✅ done")
        console.error(JobDied("gone", hint="Look at `fab status`."), "prod")
        console.line("⚠️  careful")
        assert seen(stream).colours() == {"green", "red", "brown", "bold"}

    @pytest.mark.parametrize("variables", [{**UTF8, "TERM": term} for term in ("dumb", "unknown", "")])
    def test_that_can_do_nothing_gets_plain_lines(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        console, stream = a_console(monkeypatch, 40, variables)
        with console.following():
            for event in DEPLOY:
                console.event(event)
        assert stream.written().splitlines()[-1] == "  ✅ 001_step.sql applied successfully"
        assert "\033" not in stream.written()

    @pytest.mark.parametrize("columns", [0, 1, 7])
    def test_that_knows_no_width_is_taken_for_a_usual_one(self, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
        console, stream = a_console(monkeypatch, columns)
        console.line("x" * 30 + " " + "y" * 60)
        assert seen(stream).lines == ["x" * 30, "y" * 60]


class TestAStreamThatIsGone:
    def test_from_the_beginning_takes_everything(self) -> None:
        console = Console(None, UTF8)
        console.line("✅ done")
        console.document("{}")

    def test_has_nobody_to_ask(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", None)
        assert not Console(None).can_ask

    def test_loses_words_but_no_document(self) -> None:
        """On a full disk: what goes on goes on, but a program that waits for a document must learn that there is none."""
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            with pytest.raises(OSError, match="No space"):
                Console(full).document("{}")
            Console(full).line("✅ done")

    def test_goes_silent_for_a_reader_that_left(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "w", encoding="utf-8") as pipe:  # noqa: PTH123 - a descriptor
            console = Console(pipe)
            console.document("{}")
            console.line("✅ done")
            console.line("✅ done")


class TestAPoorTerminal:
    @pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
    def test_of_80_columns_shows_everything_in_ascii(self, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
        console, stream = a_console(monkeypatch, 80, POOR, encoding=encoding)
        with console.following():
            for event in DEPLOY:
                console.event(event)
        console.error(JobDied("it died at `fab -H … x`: größer", hint="Look at `fab -H … status`."), "prod")
        screen = seen(stream)
        said = stream.written().replace("größer", "gr??er")
        assert said.isascii()
        assert "\033[3" not in said
        assert "\033[1m" not in said
        assert [line.replace("größer", "gr??er") for line in without_times(screen)] == [
            "> job 20261122_120000_c0ffee00",
            "* Creating pre-deployment backup...",
            "  ok pre_deploy_20261122_120000.sql.gz: 4.2 MB, 4 tables, 9000 rows, verified",
            "* Applying migration: 001_step.sql",
            "  ok 001_step.sql applied successfully  TOOK",
            "ERROR it died at `fab -H prod x`: gr??er",
            "   -> Look at `fab -H prod status`.",
        ]

    def test_moves_its_line_in_ascii_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console, stream = a_console(monkeypatch, 80, POOR, encoding="ascii")
        with console.progress(2_000_000, "fetching") as progress:
            progress(1_500_000)
            moving(stream, "fetching", "  1.5 MB of 2.0 MB  0 kB/s  ############      75 %")

    def test_has_a_stand_in_for_every_mark_of_ours(self) -> None:
        for mark, stand_in in STAND_INS.items():
            assert not mark.isascii()
            assert stand_in.isascii()
            assert in_ascii(f"{mark} x") == f"{stand_in} x"

    def test_has_no_character_of_ours_without_one(self) -> None:
        """Whoever adds a mark to a message adds its stand-in."""
        ours = Path(deploy.__file__).parent
        used = {
            char
            for source in ours.rglob("*.py")
            if source.name not in {"characters.py", "terminal.py"} and "demo" not in source.parts
            for char in source.read_text("utf-8")
            if not char.isascii() and not char.isalpha()
        }
        assert used <= set("".join(STAND_INS)) | {"�"}

    @pytest.mark.parametrize(
        ("variables", "tty", "encoding", "expected"),
        [
            ({"LANG": "en_US.UTF-8"}, True, "utf-8", True),
            ({"LANG": "de_DE.utf8"}, True, "UTF8", True),
            ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True, "utf-8", False),
            ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True, "utf-8", True),
            ({}, True, "utf-8", False),
            ({}, False, "utf-8", True),
            ({"LC_ALL": "C"}, False, "utf-8", True),
            ({"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}, True, "utf-8", True),
            ({"LC_ALL": "C", "PYTHONUTF8": "1"}, True, "utf-8", True),
            ({"LANG": "en_US.UTF-8"}, True, "ascii", False),
            ({"LANG": "en_US.UTF-8"}, False, "latin-1", False),
        ],
    )
    def test_is_told_from_one_that_speaks_utf8(
        self, variables: dict[str, str], tty: bool, encoding: str, expected: bool
    ) -> None:
        """Python writes UTF-8 in the locale C; a file takes it, so what people grep for stays there."""
        stream: io.TextIOWrapper = Tty(encoding) if tty else io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        assert speaks_unicode(stream, variables) is expected


HINT = "   👉 Mend 002_step.sql and deploy again, or go back: `fab -H prod rollback --backup=pre_deploy_20261122_120000.sql.gz`"


class TestALongLine:
    @pytest.mark.parametrize("columns", [60, 80, 200])
    def test_is_broken_between_words_and_leaves_a_command_whole(
        self, monkeypatch: pytest.MonkeyPatch, columns: int
    ) -> None:
        console, stream = a_console(monkeypatch, columns)
        console.line(HINT)
        written = stream.written()
        assert "`fab -H prod rollback --backup=pre_deploy_20261122_120000.sql.gz`" in written.replace(
            "\033[1m", ""
        ).replace("\033[0m", "")
        assert (
            " ".join(str(seen(stream, columns)).split()).replace("` ", "`") == " ".join(HINT.split()) or columns == 60
        )

    def test_begins_again_below_its_text(self) -> None:
        assert fold("   👉 Look at the server, and at what its log says of it.", 30) == [
            "   👉 Look at the server, and",
            "      at what its log says of",
            "      it.",
        ]
        assert fold("  pending  12: 001_a.sql, 002_b.sql, 003_c.sql", 34) == [
            "  pending  12: 001_a.sql,",
            "           002_b.sql, 003_c.sql",
        ]
        assert fold("a bcd ", 4) == ["a", "bcd "]

    @given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=200), st.integers(1, 120))
    def test_loses_nothing_but_spaces(self, line: str, width: int) -> None:
        assert "".join("".join(fold(line, width)).split()) == "".join(line.split())


class TestWhatAServerSays:
    HOSTILE = "\033]0;owned\007\033[2J\x9b31mred\u202egnp\r\b"

    @pytest.mark.parametrize("variables", [UTF8, POOR])
    def test_never_commands_the_terminal(self, monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
        """What comes from a server is made harmless where it is read; this is the last gate, for what was forgotten."""
        console, stream = a_console(monkeypatch, 80, variables)
        console.line(self.HOSTILE)
        console.event(Warned(self.HOSTILE))
        console.error(JobDied(self.HOSTILE, hint=self.HOSTILE, details=(self.HOSTILE,)), "prod")
        console.table([["name"], [self.HOSTILE]])
        for control in ("\033]", "\033[2J", "\x9b", "\007", "\b", "\u202e"):
            assert control not in stream.written()

    def test_moves_nothing_either(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console, stream = a_console(monkeypatch)
        with console.following():
            console.event(MigrationStarted(self.HOSTILE))
            console.event(StepStarted(self.HOSTILE))
            moving(stream, "")
        for control in ("\033]", "\033[2J", "\x9b", "\007", "\b", "\u202e"):
            assert control not in stream.written()

    def test_stays_exact_in_a_document_but_harmless(self) -> None:
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding="utf-8", newline="\n", write_through=True)
        Console(stream).document('{"a":\n "ä\x9b\u202e\u00a0😀"}')
        assert raw.getvalue().decode() == '{"a":\n "ä\\u009b\\u202e\\u00a0😀"}\n'

    def test_stays_a_document_without_utf8(self) -> None:
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n", write_through=True)
        Console(stream).document('"ä😀"')
        assert raw.getvalue() == b'"\\u00e4\\ud83d\\ude00"\n'


class TestStartingUp:
    def test_imports_rich_only_where_a_terminal_is_written_to(self) -> None:
        """`fab --list` and every pipe do without it."""
        code = """
import io, sys
import deploy.tasks
late = {name for name in sys.modules if name.startswith(("deploy.report", "deploy.job", "deploy.plan", "deploy.commands", "rich"))}
assert not late, late
from deploy.report.console import Console
console = Console(io.StringIO())
console.line("x")
assert "rich" not in sys.modules
"""
        subprocess.run([sys.executable, "-c", code], check=True)
