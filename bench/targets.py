"""What was aimed at, and whether it was reached: decided by medians of what was measured within the same round."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench import backups, deploys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.measure import Record

TOOL, LIMIT, LOOP = "this tool", "the limit", "the guide's loop"

MOST_OVER_LIMIT = 1.3
MOST_OVER_CONNECTION_S = 0.6
LEAST_OVER_LOOP = 30.0
MOST_BACKUP = 0.4
MOST_VERIFIED_BACKUP = 0.55
MOST_MEMORY_MB = 120.0


@dataclass(frozen=True, slots=True)
class Target:
    """One aim. `measured` comes in `unit`; `low` says whether less is better."""

    what: str
    aim: float
    measured: float
    unit: str
    low: bool = True

    @property
    def met(self) -> bool:
        return self.measured <= self.aim if self.low else self.measured >= self.aim


def targets(record: Record) -> Iterator[Target]:
    """Give those for which there are samples."""
    for rtt_ms in (0, 100):
        yield from _of_deploys(record, rtt_ms)
    yield from _of_backups(record)
    for case in record.cases("memory"):
        found = record.find("memory", case, "MB")
        if found:
            yield Target(f"memory of the client: {case}", MOST_MEMORY_MB, max(found.values), "MB")


def _of_deploys(record: Record, rtt_ms: int) -> Iterator[Target]:
    files = files_of(record)
    new = deploys.case_of(deploys.NEW, 1000, rtt_ms)
    yield from _ratio(
        f"1000 new files at {rtt_ms} ms, against the limit",
        MOST_OVER_LIMIT,
        record.ratio("deploy", new, TOOL, LIMIT),
    )
    for many in sorted({files[0], files[-1]}):
        case = deploys.case_of(deploys.NOTHING, many, rtt_ms)
        ours, connection = (record.find("deploy", case, who) for who in (TOOL, deploys.CONNECTION))
        if ours and connection:
            over = median(a - b for a, b in zip(ours.values, connection.values, strict=True))
            yield Target(
                f"nothing pending among {many} at {rtt_ms} ms, over `ssh … true`", MOST_OVER_CONNECTION_S, over, "s"
            )
    if rtt_ms:
        ratios = record.ratio("deploy", deploys.case_of(deploys.NEW, 100, rtt_ms), LOOP, TOOL)
        yield from _ratio(
            f"100 new files at {rtt_ms} ms, the guide's loop against it", LEAST_OVER_LOOP, ratios, low=False
        )


def _of_backups(record: Record) -> Iterator[Target]:
    for case in record.cases("backup"):
        if case != backups.AIMED_AT:
            continue
        yield from _ratio(
            f"backup and its verification, {case}, against `{backups.GUIDE}`",
            MOST_VERIFIED_BACKUP,
            record.ratio("backup", case, TOOL, backups.GUIDE),
        )
        yield from _ratio(
            f"`{backups.BARE}` alone, {case}, against the same",
            MOST_BACKUP,
            record.ratio("backup", case, backups.BARE, backups.GUIDE),
        )


def _ratio(what: str, aim: float, ratios: Sequence[float], *, low: bool = True) -> Iterator[Target]:
    if ratios:
        yield Target(what, aim, median(ratios), "×", low)


def files_of(record: Record) -> list[int]:
    """Return the numbers of files that were deployed, in order."""
    return sorted({int(case.split(", ")[1].split()[0]) for case in record.cases("deploy")}) or [0]
