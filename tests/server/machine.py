"""Commands on the machine that the tests run on, as root where the machine asks for it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class CommandFailed(AssertionError):
    """A command that had to succeed did not; the message holds its own words."""


def as_root(*argv: str) -> list[str]:
    """Return the command as root runs it: as it is, or by sudo on a machine such as GitHub's."""
    return [*argv] if os.geteuid() == 0 else ["sudo", "-n", *argv]


def run(argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> bytes:
    """Return what the command printed.

    Raises:
        CommandFailed: it exited with another status than 0.
        subprocess.TimeoutExpired: it took longer than `timeout_s` and was killed.
    """
    done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip()
        raise CommandFailed(f"{' '.join(argv)} exited with {done.returncode}: {words}")
    return done.stdout


def succeeds(argv: Sequence[str], *, timeout_s: float = 60) -> bool:
    """Tell whether the command exists and exits with 0."""
    try:
        run(argv, timeout_s=timeout_s)
    except (CommandFailed, FileNotFoundError):
        return False
    return True
