"""A terminal: lines that stay, and below them one that moves. Imported only where there is one, because rich takes its time."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.text import Text

from deploy.job.runner import printable
from deploy.report.characters import STAND_INS, encodable, in_ascii
from deploy.report.progress import Work, describe

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import ConsoleOptions, RenderResult

TIMES_A_SECOND = 5

ROOM_FOR_CTRL_C = 5
"""Columns that the moving line leaves free: the terminal writes ^C where the cursor is."""

NARROWEST = 8
USUAL = 80
"""Columns; what says that it has fewer than NARROWEST doesn't know."""

STYLES = {"✅": "green", "❌": "bold red", "⚠️": "yellow", "❓": "bold", "▶": "bold"}
"""Of a line by the mark that it begins with; after ✅ only the mark has it."""

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
POOR_SPINNER = "-\\|/"

_WORD = re.compile(r"\s*(?:`[^`]*`\S*|\S+)")
_BEGINNING = re.compile(rf"\s*(?:(?:{'|'.join(map(re.escape, {*STAND_INS, *STAND_INS.values()}))})\s+)?(?:\w+ {{2,}})?")
"""Of a line: its indentation, its mark or a label with the space after it."""


class _Screen(Console):
    """rich hides the cursor while a line moves, and a client that is killed would leave it hidden."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002 - the interface
        return False


class Terminal:
    """Writes to a terminal, as wide as it is at that moment."""

    def __init__(self, stream: TextIO, *, unicode: bool, coloured: bool) -> None:
        self._screen = _Screen(
            file=stream,
            force_terminal=True,
            color_system="standard" if coloured else None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        if self._screen.width < NARROWEST:  # COLUMNS=0, on which nothing could be read
            self._screen.width = USUAL
        self._encoding = stream.encoding or "utf-8"
        self._unicode = unicode
        self._live: Live | None = None
        self._moving = _Moving(self._encoding, unicode=unicode)

    @property
    def width(self) -> int:
        """Columns."""
        return self._screen.width

    def line(self, text: str, *, style: str = "", took: str = "", end: str = "\n") -> None:
        """Print a line that stays, in the style of its mark if none is given; `took` stands behind it in grey, where there is room."""
        mark = next((mark for mark in STYLES if text.lstrip().startswith(mark)), "")
        style = style or STYLES.get(mark, "")
        if not self._unicode:
            text, mark = encodable(in_ascii(text), self._encoding), in_ascii(mark)
        *rows, last = fold(text, self.width)
        for row in rows:
            self._print(_styled(row, mark, style))
        shown = _styled(last, mark, style)
        if took and cell_len(last) + 2 + len(took) <= self.width:
            shown.append(f"  {took}", "dim")
        self._print(shown, end=end)

    def show(self, work: Work | None) -> None:
        """Let the moving line say this; None takes it away."""
        if work is None:
            if self._live:
                self._live.stop()
                self._live = None
            return
        self._moving.work = work
        if self._live is None:
            self._live = Live(
                self._moving,
                console=self._screen,
                transient=True,
                refresh_per_second=TIMES_A_SECOND,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _print(self, text: Text, *, end: str = "\n") -> None:
        self._screen.print(text, end=end, soft_wrap=True)


def _styled(row: str, mark: str, style: str) -> Text:
    done = style == STYLES["✅"]
    shown = Text(row, style="" if done else style, no_wrap=True, overflow="ignore")
    shown.highlight_regex(r"`[^`]+`", "bold")
    if done and row.lstrip().startswith(mark):
        shown.stylize(style, row.index(mark), row.index(mark) + len(mark))
    return shown


class _Moving:
    """What goes on, put into words whenever rich asks for it."""

    def __init__(self, encoding: str, *, unicode: bool) -> None:
        self.work = Work("", 0.0)
        self._encoding = encoding
        self._unicode = unicode

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = time.monotonic()
        spinner = SPINNER if self._unicode else POOR_SPINNER
        turn = spinner[int(now * TIMES_A_SECOND * 2) % len(spinner)]
        width = max(1, options.max_width - ROOM_FOR_CTRL_C - 4)
        said = printable(describe(self.work, now=now, width=width, block="█" if self._unicode else "#"))
        line = f"  {turn} {said if self._unicode else encodable(in_ascii(said), self._encoding)}"
        yield Text(line, no_wrap=True, overflow="crop", style="cyan", end="")


def fold(line: str, width: int) -> list[str]:
    """Break a line between words, so that those after the first begin below its text; a command in backticks stays whole.

    What has no end within the width is left to the terminal: a name that is copied must not have a line end in it.
    """
    if cell_len(line) <= width:
        return [line]
    beginning = _BEGINNING.match(line)
    indent = " " * min(cell_len(beginning[0]) if beginning else 0, width // 3)
    rows = [""]
    for word in _WORD.findall(line):
        if rows[-1].strip() and cell_len(rows[-1] + word) > width:
            rows.append(indent + word.lstrip())
        else:
            rows[-1] += word
    rows[-1] += line[len(line.rstrip()) :]
    return rows
