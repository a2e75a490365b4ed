"""A line that moves on a terminal, and nothing elsewhere."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from deploy.report.progress import Progress, describe

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestProgress:
    def test_says_percent_bytes_and_rate(self) -> None:
        said = describe(1_200_000_000, 3_000_000_000, since=(10.0, 0), now=20.0)
        assert said == "   40 %  1.2 GB of 3.0 GB  120.0 MB/s"

    def test_counts_what_was_there_before_as_done_but_not_as_fast(self) -> None:
        assert describe(90, 100, since=(1.0, 90), now=2.0).endswith("  0 kB/s")

    def test_knows_an_empty_file(self) -> None:
        assert "  0 %" in describe(0, 0, since=(1.0, 0), now=1.0)

    def test_moves_at_most_five_times_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        stream = Terminal()
        with Progress(stream, 1000) as progress:
            for done in range(1000):
                now[0] += 0.002
                progress(done)
        assert 9 <= stream.getvalue().count(" %") <= 11
        assert stream.getvalue().endswith("\r\x1b[K"), "the line is gone at the end"

    def test_is_silent_without_a_terminal(self) -> None:
        stream = io.StringIO()
        with Progress(stream, 10) as progress:
            progress(5)
        assert not stream.getvalue()
