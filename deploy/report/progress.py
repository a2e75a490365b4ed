"""A transfer as one line that moves, where there is a terminal; elsewhere nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from deploy.plan.backup import megabytes

if TYPE_CHECKING:
    from typing import TextIO

PERIOD_S = 0.2
"""At most five times a second."""


class Progress:
    """Called with the bytes that are done; the first call says how many were there before."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream = stream
        self._total = total
        self._live = stream.isatty()
        self._began: tuple[float, int] | None = None
        self._shown_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._shown_at:
            self._write("\r\x1b[K")

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        self._began = self._began or (now, done)
        if self._live and now - self._shown_at >= PERIOD_S:
            self._shown_at = now
            self._write(f"\r\x1b[K{describe(done, self._total, since=self._began, now=now)}")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def describe(done: int, total: int, *, since: tuple[float, int], now: float) -> str:
    """Put it into words, such as `  40 %  1.2 GB of 3.0 GB  31.0 MB/s`.

    Args:
        done: bytes.
        total: bytes.
        since: when it began, in seconds, and how many bytes there were then.
        now: in seconds, by the same clock.
    """
    seconds = now - since[0]
    rate = f"  {megabytes(int((done - since[1]) / seconds))}/s" if seconds > 0 else ""
    return f"  {done * 100 // max(total, 1):3} %  {megabytes(done)} of {megabytes(total)}{rate}"
