"""What somebody sees: a terminal emulator that is fed what a program writes."""

from __future__ import annotations

import pyte


class Screen:
    """A terminal of a given size; `history` has what was scrolled out of it."""

    def __init__(self, columns: int, lines: int = 24) -> None:
        self._screen = pyte.HistoryScreen(columns, lines, history=2000, ratio=1)
        self._screen.set_mode(pyte.modes.LNM)  # a terminal's driver makes CR LF of LF
        self._stream = pyte.Stream(self._screen)

    def feed(self, text: str) -> None:
        """Show what a program writes; pyte drops what follows a variation selector, which a terminal does not."""
        self._stream.feed(text.replace("\ufe0f", ""))

    @property
    def lines(self) -> list[str]:
        """All lines from the first on, without the empty ones at the end."""
        scrolled = ["".join(row[x].data for x in range(self._screen.columns)) for row in self._screen.history.top]
        found = [line.rstrip() for line in (*scrolled, *self._screen.display)]
        while found and not found[-1]:
            found.pop()
        return found

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @property
    def shows_cursor(self) -> bool:
        """Is the cursor there to be seen?"""
        return not self._screen.cursor.hidden

    def colours(self) -> set[str]:
        """Every colour and style that something on the screen has."""
        return {
            style
            for row in self._screen.buffer.values()
            for char in row.values()
            for style in (char.fg, char.bg, "bold" if char.bold else "default")
        } - {"default"}
