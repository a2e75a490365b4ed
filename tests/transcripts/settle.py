"""Put fixed values in the place of those that differ from run to run, so that two runs can be compared."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NIGHT = datetime(2026, 11, 22, 3, 0, 0, tzinfo=UTC)
BETWEEN = timedelta(minutes=4)

STAMP = re.compile(r"(?<!\d)20\d{6}_\d{6}(?!\d)")
TABLES = ("name ", "table ", "when (UTC) ", "host ")
"""How the header of a table begins."""

TOOK = r"(?:\d+ ms|\d+(?:\.\d+)? s|\d+:\d\d)"

EVENED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(▶ (?:job|cancelling) \d{8}_\d{6})_[0-9a-f]{8}\b"), r"\1_1f6b3c0e"),
    (re.compile(r"\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d"), "2026-11-22 03:00:41"),
    (re.compile(rf"(?<=\.sql: ){TOOK}(?=,|$)"), "31 ms"),
    (re.compile(rf"\bfor (?:at most )?{TOOK}(?=,|$)"), "for 31 ms"),
    (re.compile(r"\b\d+\.\d s\b"), "1.4 s"),
    (re.compile(r"\b\d+ (?:s|min) (old|ago)\b"), r"9 min \1"),
    (re.compile(r"\bback for \d+ s\b"), "back for 60 s"),
    (re.compile(r"\b\d+ ms\b"), "31 ms"),
    (re.compile(r"\bpid \d+\b"), "pid 4711"),
    (re.compile(r"\b\d+(?:\.\d)? MB\b"), "8.4 MB"),
    (re.compile(r"(?<!about )\b[1-9]\d* kB\b"), "12 kB"),
    (re.compile(r"\b\d+(?:\.\d)? GB\b"), "41.0 GB"),
)


def settle(lines: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Even out what a play has printed.

    Args:
        lines: all of one play: the stamps in them get fixed times, in the order in which they were.
        names: what this run's server called things, and what the reader's is called; the first that fits is taken.
    """
    found = sorted({stamp for line in lines for stamp in STAMP.findall(line)})
    fixed = {stamp: (NIGHT + BETWEEN * n).strftime("%Y%m%d_%H%M%S") for n, stamp in enumerate(found)}
    settled = []
    for line in lines:
        text = line
        for mine, yours in names.items():
            text = re.sub(re.escape(mine) + r"(?!\d)", yours, text)
        text = STAMP.sub(lambda stamp: fixed[stamp[0]], text)
        for pattern, value in EVENED:
            text = pattern.sub(value, text)
        settled.append(text.rstrip())
    return aligned(settled)


def aligned(lines: Sequence[str]) -> list[str]:
    """Give each table the column widths of what stands in it now."""
    done: list[str] = []
    table: list[str] = []
    for line in [*lines, ""]:
        if table and _is_row(line, table[0]):
            table.append(line)
            continue
        done += _columns(table)
        table = [line] if line.lstrip().startswith(TABLES) and "  " in line.strip() else []
        if not table:
            done.append(line)
    return done[:-1]


def _is_row(line: str, header: str) -> bool:
    return len(_cells(line)) == len(_cells(header)) and _indent(line) == _indent(header)


def _columns(table: Sequence[str]) -> list[str]:
    rows = [_cells(line) for line in table]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    indent = _indent(table[0]) if table else ""
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def _cells(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
