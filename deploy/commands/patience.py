"""Ctrl-C while a job runs: the first says that it goes on without us, the second leaves."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


class Patience:
    """Takes the first Ctrl-C; the second is a KeyboardInterrupt.

    The handler itself says nothing: it may come in the middle of a write to the same stream. A thread does, on its word.
    """

    def __init__(self, say: Callable[[], None]) -> None:
        self._say = say
        self._asked = False
        self._hears, self._tells = os.pipe()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.resume()

    def resume(self) -> None:
        """Take the next Ctrl-C, unless there was one."""
        signal.signal(signal.SIGINT, self._handle)

    def pause(self) -> None:
        """Let the next Ctrl-C through: somebody is asked, and it is an answer."""
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def end(self) -> None:
        """Let every Ctrl-C through from now on."""
        self.pause()
        os.close(self._tells)
        self._listener.join()
        os.close(self._hears)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            signal.default_int_handler(number, frame)
        self._asked = True
        os.write(self._tells, b"!")

    def _listen(self) -> None:
        while os.read(self._hears, 1):
            self._say()


@contextmanager
def patient(say: Callable[[], None], *, somebody_is_there: bool) -> Iterator[Patience | None]:
    """Take the first Ctrl-C for as long as the context lasts.

    Args:
        say: what it says, from another thread.
        somebody_is_there: in a workflow, or where Ctrl-C was ignored from the start, there is nobody for a second one.
    """
    if not somebody_is_there or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield None
        return
    patience = Patience(say)
    try:
        yield patience
    finally:
        patience.end()
