"""How the story is told: what is narrated, what is typed, and what is answered look different."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

from deploy.report.console import Console

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

WIDTH = 100


class Voice:
    """Tells the story on one stream, in colours where somebody sees them."""

    def __init__(self, stream: TextIO, variables: Mapping[str, str] = os.environ) -> None:
        self._console = Console(stream, variables)
        self._apart = True

    def chapter(self, number: int, of: int, title: str) -> None:
        """Begin a step of the story."""
        self._console.line()
        self._console.line(f"── {number}/{of}  {title}", style="bold")
        self._apart = True

    def tell(self, text: str) -> None:
        """Say what is going to be seen."""
        if not self._apart:
            self._console.line()
        for line in textwrap.wrap(text, min(WIDTH, self._console.width or WIDTH)):
            self._console.line(line, style="cyan")

    def typed(self, prompt: str, command: str) -> None:
        """Show a command as somebody would type it."""
        self._console.line()
        self._console.line(f"{prompt} {command}", style="bold")

    def answered(self, line: str) -> None:
        """Show a line that a command printed, as it is."""
        self._console.line(line)
        self._apart = False
