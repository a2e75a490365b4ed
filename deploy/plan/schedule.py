"""The one line of ours in a crontab; every byte of the others stays."""

from __future__ import annotations

import re
import shlex

from deploy.model.errors import UsageError

LOG = "backup.log"
"""In remote_dir, beside `backups/`: whatever stands in there counts as a backup."""

MACROS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_PART = re.compile(r"(?:\*|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/[1-9][0-9]?)?")


def cron_time(typed: str) -> str:
    """Return when the backup runs, as a crontab has it.

    Raises:
        UsageError: neither five fields nor one of MACROS.
    """
    at = " ".join(typed.split())
    fields = at.split()
    if at in MACROS:
        return at
    if len(fields) != len(_FIELDS) or not typed.isascii():
        raise UsageError(
            f"--at={typed!a} is no time of a crontab",
            hint='Five fields such as "0 3 * * *" (minute, hour, day, month, day of the week, by the server\'s clock), or @daily.',
        )
    for text, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(part, low, high, names) for part in text.lower().split(",")):
            raise UsageError(
                f"--at={typed!a} has no {name} in {text!a}",
                hint=f"Write a number from {low} to {high}, *, a list (1,15), a range (1-5) or a step (*/2).",
            )
    return at


def _fits(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(part)
    ends = [end for end in match.groups() if end] if match else []
    numbers = [low + names.index(end) if end in names else int(end) if end.isdigit() else -1 for end in ends]
    return bool(match) and all(low <= n <= high for n in numbers) and numbers == sorted(numbers)


def mark_of(environment: str, remote_dir: str) -> str:
    """Return what ends our line: a comment to sh, and by it we know the line again."""
    return _escaped(f" # backtester-deploy {environment} {remote_dir}")


def cron_line(environment: str, remote_dir: str, at: str) -> str:
    r"""Return our line.

    Raises:
        UsageError: cron would read a backslash in the path as its own, in a way that depends on the cron.
    """
    if "\\" in remote_dir:
        raise UsageError(
            "remote_dir has a backslash, which a crontab can't hold", hint="Give it a path without one, such as a link."
        )
    command = f"cd {shlex.quote(remote_dir)} && ./backup-db.sh {environment} --wait >> {LOG} 2>&1"
    return f"{at} {_escaped(command)}{mark_of(environment, remote_dir)}"


def _escaped(text: str) -> str:
    r"""To cron, `%` is a line end unless it is written as `\%`."""
    return text.replace("%", "\\%")


def scheduled_line(crontab: bytes, mark: str) -> str | None:
    """Return the first line of ours. One that is commented out is its owner's own."""
    found = [line for line in crontab.split(b"\n") if _is_ours(line, mark)]
    return found[0].decode(errors="replace") if found else None


def merge(crontab: bytes, mark: str, line: str | None) -> bytes:
    """Put our line into a crontab, in place of what is there of ours; None takes it out.

    A new one goes to the top: what others set further down (SHELL, PATH, CRON_TZ, MAILTO) is theirs, and a last line that has no
    end stays so.
    """
    lines = crontab.split(b"\n")
    places = [number for number, each in enumerate(lines) if _is_ours(each, mark)]
    kept = [each for number, each in enumerate(lines) if number not in places]
    if line is not None:
        kept.insert(places[0] if places else 0, line.encode())
    return b"\n".join(kept)


def _is_ours(line: bytes, mark: str) -> bool:
    return line.endswith(mark.encode()) and not line.lstrip().startswith(b"#")
