"""The tables of docs/scale.md: what the measured rates come to for more than was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import backups, deploys
from bench.render import NOT_YET, number, seconds, table
from bench.targets import TOOL, files_of

if TYPE_CHECKING:
    from bench.measure import Record

SIZES_GB = (2, 10, 50, 100, 1000)
WINDOWS_MIN = (5, 30, 120)
SERVERS = 200


def render(record: Record) -> str:
    if not record:
        return NOT_YET
    parts = []
    if record.cases("backup"):
        parts += [_sizes(record), _windows(record)]
    if record.cases("many"):
        parts.append(
            table(["files", "seconds"], [[c, seconds(record.find("many", c, "seconds"))] for c in record.cases("many")])
        )
    if record.cases("deploy"):
        parts.append(_servers(record))
    return "\n".join(parts)


def rates_mb_s(record: Record) -> dict[str, float]:
    """Return megabytes of database a second, of the largest that was measured."""
    case = record.cases("backup")[-1]
    size = record.find("size", case, "database, MB")
    found = {
        "backup, verified": record.find("backup", case, TOOL),
        f"`{backups.GUIDE}`": record.find("backup", case, backups.GUIDE),
        "`fab rollback`, safety backup and all": record.find("restore", case, TOOL),
        "copy of the files": record.find("backup", case, backups.COPY),
    }
    return {name: size.middle / samples.middle for name, samples in found.items() if samples and size}


def _sizes(record: Record) -> str:
    rates = rates_mb_s(record)
    rows = [[f"measured on {record.cases('backup')[-1]}", *(f"{rate:.0f} MB/s" for rate in rates.values())]]
    for size in SIZES_GB:
        named = f"{size} GB" if size < 1000 else f"{size // 1000} TB"
        rows.append([named, *(duration(size * 1000 / rate) for rate in rates.values())])
    return table(["database", *rates], rows)


def _windows(record: Record) -> str:
    rate = rates_mb_s(record)["backup, verified"]
    rows = [[f"{minutes} min", f"{number(rate * minutes * 60 / 1000)} GB"] for minutes in WINDOWS_MIN]
    return table(["a backup within", "is one of a database of at most"], rows)


def _servers(record: Record) -> str:
    files = files_of(record)[-1]
    rows = []
    for rtt_ms in (0, 100):
        for state in (deploys.NOTHING, deploys.ONE):
            one = record.find("deploy", deploys.case_of(state, files, rtt_ms), TOOL)
            if one:
                rows.append(
                    [f"{state} among {files}, {rtt_ms} ms", f"{number(one.middle)} s", duration(one.middle * SERVERS)]
                )
    return table(["", "one server", f"{SERVERS} servers, one after the other"], rows)


def duration(seconds: float) -> str:
    """Render seconds as people say them."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
