"""What was executed, when and with what end: for whoever has to send a bug report. Without secrets, as far as one can know them."""

from __future__ import annotations

import logging
import re
import shlex
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

log = logging.getLogger("deploy")

LONGEST_WORD = 80
"""Characters; a longer one is a script of ours, which the report's reader has."""

NOISY = ("invoke", "fabric")
"""What `fab -d` would print too: all of fab's configuration, with a password that was typed for it."""

_SECRETS = (
    (
        re.compile(
            r"(?i)\b([\w-]*(?:password|passwd|passphrase|secret|token)[\w-]*\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|\S+)"
        ),
        r"\1[REDACTED]",
    ),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), r"\1[REDACTED]@"),
)


def begin(stream: TextIO) -> None:
    """Write every line of the trace to a stream from now on, with the seconds since now."""
    import platform  # noqa: PLC0415 - most of the time nobody asks
    from importlib import metadata  # noqa: PLC0415

    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Line(time.monotonic()))
    for name, level in ((log.name, logging.DEBUG), ("paramiko", logging.INFO)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("backtester-deploy", "fabric", "paramiko", "invoke")
    )
    log.debug("%s, Python %s, %s", versions, platform.python_version(), platform.platform())


def words(argv: Sequence[str]) -> str:
    """Show a command as it could be typed, but for the scripts in it."""
    return " ".join(shlex.quote(word) if _is_short(word) else f"<{len(word)} characters of sh>" for word in argv)


def redacted(text: str) -> str:
    """Take away what looks like a secret."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _is_short(word: str) -> bool:
    return len(word) <= LONGEST_WORD and word.isprintable()


class _Line(logging.Formatter):
    """`debug  0.412 s  prod: runs …`; every line of a traceback begins so too."""

    def __init__(self, began: float) -> None:
        super().__init__("%(message)s")
        self._began = began

    def format(self, record: logging.LogRecord) -> str:
        start = f"debug {time.monotonic() - self._began:7.3f} s  "
        said = redacted(super().format(record))
        return "\n".join(start + "".join(c if c.isprintable() else "�" for c in line) for line in said.split("\n"))
