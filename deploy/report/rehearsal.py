"""What a file did to the copy, in words; only what somebody would want to know before it happens to production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.plan.backup import megabytes
from deploy.report.progress import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.job.outcome import FileTried
    from deploy.model.event import HeldLock

BLOCKS = {
    "AccessExclusiveLock": "blocks reads and writes of",
    "ExclusiveLock": "blocks writes to",
    "ShareRowExclusiveLock": "blocks writes to",
    "ShareLock": "blocks writes to",
}
"""What others can't do meanwhile; weaker locks stand in the way of other migrations alone."""

LONG_MS = 1000
"""A file that takes longer is worth a line by itself."""

UNSEEN_MS = 100
"""A lock that the watcher missed was shorter than this."""


def lines_about(files: Sequence[FileTried]) -> Iterator[str]:
    """Give a line for each file that is worth one, and one that sums up the rest."""
    quiet = 0
    for file in files:
        facts = list(_facts(file))
        if facts or file.ms >= LONG_MS:
            yield f"{file.name}: {', '.join([milliseconds(file.ms), *facts])}"
        else:
            quiet += 1
    if quiet:
        others = "file" if quiet == 1 else "files"
        yield f"{quiet} {'other ' if quiet < len(files) else ''}{others}: no table that was there is blocked or rewritten"


def _facts(file: FileTried) -> Iterator[str]:
    for lock in file.locks:
        if lock.mode in BLOCKS:
            yield f"{BLOCKS[lock.mode]} {lock.table} for {_held(lock, file.ms)}"
    for table in file.rewritten:
        yield f"rewrites {table.name} ({megabytes(table.bytes)})"
    for index in file.indexes:
        yield f"builds {index.name} ({megabytes(index.bytes)})"
    for rows in file.written:
        counts = ((rows.inserted, "inserted"), (rows.updated, "updated"), (rows.deleted, "deleted"))
        yield f"{rows.table}: {', '.join(f'{count} rows {what}' for count, what in counts if count)}"


def _held(lock: HeldLock, whole_ms: int) -> str:
    """How long, where it was watched; else it was there at most as long as the file."""
    return milliseconds(lock.ms) if lock.ms is not None else f"at most {milliseconds(min(whole_ms, UNSEEN_MS))}"


def milliseconds(ms: int) -> str:
    """Say a duration as people do."""
    return f"{ms} ms" if ms < LONG_MS else duration(ms / 1000)
