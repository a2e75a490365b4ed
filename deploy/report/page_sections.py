"""The four parts that a server has on the page: deploys, migrations, backups, and the database's size."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from deploy.plan.backup import age, megabytes, whose
from deploy.report.page_charts import Point, Series, bar, columns, dot, dots, levels, square
from deploy.report.page_html import Html, tag
from deploy.report.page_parts import (
    Cell,
    breakable,
    day,
    duration,
    figure,
    folded,
    moment_of,
    round_bytes,
    sign,
    table,
    time_tag,
)
from deploy.report.page_scales import is_chartable, periods_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.commands.look import Entry
    from deploy.commands.report import Report
    from deploy.model.backup import Backup
    from deploy.model.ledger import LedgerRow
    from deploy.model.observation import Observation

SHOWN_FIRST = 10
"""Rows of a table that are seen at once; the others are unfolded."""

SHOWN_JOBS = 200
CHANGING = ("deploy", "rollback", "undo")
"""The commands that change a database; backups have a section of their own."""

_WORDS = {"done": ("good", "done"), "failed": ("bad", "failed"), "cancelled": ("other", "cancelled")}
_PROOFS = {
    "restored": ("good", "restored completely, for proof"),
    "read": ("read", "read back when it was taken"),
    "none": ("bad", "not verified"),
}

_JOB = {"When": "", "Command": "", "Outcome": "", "Took": "number", "By": "", "Migrations": "names"}
_MIGRATION = {"Migration": "names", "Took": "number", "": "bar", "Applied": "", "How": ""}
_BACKUP = {"Backup": "names", "Age": "number", "Size": "number", "Rows": "number", "Up to": "names", "Proof": ""}
"""The columns of each table, with the class of their cells."""


def _section(heading: str, title: str, *parts: Html) -> Html:
    return tag("section", tag(heading, title), parts)


def deploys(report: Report, heading: str) -> Html:
    jobs = [job for job in report.jobs if job.command in CHANGING]
    if not jobs:
        return _section(heading, "Deploys", tag("p", "Nothing was deployed yet."))
    rows = [_job(job, report.seen) for job in jobs[:SHOWN_JOBS]]
    parts = [
        _timeline(jobs, report.seen.time),
        table("The newest deploys, rollbacks and undos", _JOB, rows[:SHOWN_FIRST]),
    ]
    if len(rows) > SHOWN_FIRST:
        every = f"The newest {len(rows)} of {len(jobs)}" if len(rows) < len(jobs) else f"All {len(rows)}"
        parts.append(folded(every, table("Deploys, rollbacks and undos, newest first", _JOB, rows)))
    if not report.complete:
        parts.append(tag("p", "The audit has older ones, which are not on this page.", class_="note"))
    return _section(heading, "Deploys", *parts)


def _timeline(jobs: Sequence[Entry], now: datetime) -> Html:
    dated = [(at, _kind(job)) for job in jobs if (at := moment_of(job.started_at)) and is_chartable(at, now)]
    if not dated:
        return Html()
    step, begins = periods_of([at for at, _ in dated], now)
    counts = Counter((step.floor(at), kind) for at, kind in dated)
    names = {"good": "deployed", "back": "rolled back or undone", "bad": "failed", "other": "cancelled or not known"}
    series = [Series(kind, name, [counts[begin, kind] for begin in begins]) for kind, name in names.items()]
    series = [each for each in series if any(each.counts)]
    label = f"Deploys by {step.name} since {day(begins[0])}"
    return figure(label, columns(label, step, begins, series), [(square(each.kind), each.name) for each in series])


def _kind(job: Entry) -> str:
    if job.outcome == "done":
        return "good" if job.command == "deploy" else "back"
    return "bad" if job.outcome == "failed" else "other"


def _job(job: Entry, seen: Observation) -> list[Cell]:
    running = job.outcome is None and seen.holder is not None and seen.holder.job == job.job
    who = tag("small", ", ".join(filter(None, (job.source, (job.commit or "")[:8]))))
    names = [tag("div", breakable(name)) for name in job.rows]
    if not names and job.command == "rollback" and job.plan.get("backup"):
        names = [tag("div", "to ", breakable(str(job.plan["backup"])))]
    return [
        Cell(time_tag(job.started_at), job.started_at),
        Cell(job.command),
        Cell(sign("other", "at work") if running else outcome_sign(job)),
        Cell(duration(job.seconds * 1000) if job.seconds is not None else "", job.seconds),
        Cell(tag("div", job.by, " ", who), job.by),
        Cell(tag("div", names) if names else ""),
    ]


def outcome_sign(job: Entry) -> Html:
    kind, word = _WORDS.get(str(job.outcome), ("other", job.outcome or "not known"))
    return sign(kind, f"{word}: {job.reason.replace('_', ' ')}" if job.reason and kind == "bad" else word)


def migrations(seen: Observation, heading: str) -> Html:
    rows = sorted(seen.ledger.rows, key=lambda row: (row.number, row.name), reverse=True)
    if not rows:
        return _section(heading, "Migrations", tag("p", "The ledger has none."))
    ran = sorted((row for row in rows if _ran(row)), key=lambda row: row.duration_ms or 0, reverse=True)
    longest = max((row.duration_ms or 0 for row in ran), default=0)
    parts = []
    if ran:
        total = duration(sum(row.duration_ms or 0 for row in ran))
        caption = (
            f"The slowest of {len(ran)} that ran, in {total} altogether"
            if len(ran) > SHOWN_FIRST
            else f"By duration: {total} altogether"
        )
        parts.append(table(caption, _MIGRATION, [_migration(row, longest) for row in ran[:SHOWN_FIRST]]))
    if len(rows) > min(len(ran), SHOWN_FIRST):
        every = table(
            "All migrations, the highest number first", _MIGRATION, [_migration(row, longest) for row in rows]
        )
        parts.append(folded(f"All {len(rows)}", every))
    return _section(heading, "Migrations", *parts)


def _ran(row: LedgerRow) -> bool:
    return row.duration_ms is not None and row.way != "baseline"


def _migration(row: LedgerRow, longest: int) -> list[Cell]:
    took = row.duration_ms or 0
    ways = {"transaction": "in a transaction", "outside": "outside a transaction", "baseline": "recorded, not run"}
    how = Cell(ways.get(row.way, row.way)) if row.finished_at else Cell(sign("bad", "not finished"))
    ran = [Cell(duration(took), took), Cell(bar(took, longest), took)] if _ran(row) else [Cell("", -1), Cell("", -1)]
    return [
        Cell(breakable(row.name), row.name),
        *ran,
        Cell(time_tag(row.finished_at or row.started_at), row.started_at),
        how,
    ]


def backups(seen: Observation, heading: str) -> Html:
    found = sorted(seen.backups, key=lambda b: (b.taken_at, b.name), reverse=True)
    if not found:
        return _section(heading, "Backups", tag("p", "There is none."))
    dated = [b for b in found if is_chartable(b.taken_at, seen.time)]
    points = [
        Point(
            b.taken_at,
            b.bytes,
            f"{b.name}: {megabytes(b.bytes)}, {day(b.taken_at)}, {_PROOFS[proof_of(b)][1]}",
            _PROOFS[proof_of(b)][0],
        )
        for b in reversed(dated)
    ]
    legend = [
        (dot(kind), words) for proof, (kind, words) in _PROOFS.items() if any(proof_of(b) == proof for b in dated)
    ]
    label = "Backups by size, compressed, and by when they were taken"
    chart = figure(label, dots(label, points, seen.time, round_bytes), legend) if points else Html()
    rows = [_backup(b, seen) for b in found]
    parts = [chart, table("The newest backups", _BACKUP, rows[:SHOWN_FIRST])]
    if len(rows) > SHOWN_FIRST:
        parts.append(folded(f"All {len(rows)}", table("Backups, newest first", _BACKUP, rows)))
    return _section(heading, "Backups", *parts)


def _backup(found: Backup, seen: Observation) -> list[Cell]:
    now, other = seen.time, whose(found, seen.here)
    rows = sum(found.manifest.rows.values()) if found.manifest else None
    kind, words = _PROOFS[proof_of(found)]
    restored = found.manifest.restored_at if found.manifest else None
    if restored:
        words = f"restored {age(now, datetime.fromisoformat(restored))} ago"
    elif found.verified:
        words = "read back"
    migration = found.manifest.migration if found.manifest else None
    return [
        Cell(breakable(f"{found.name} (of {other})" if other else found.name), found.name),
        Cell(age(now, found.taken_at), (now - found.taken_at).total_seconds()),
        Cell(megabytes(found.bytes), found.bytes),
        Cell(f"{rows:,}".replace(",", " ") if rows is not None else "", rows),
        Cell(breakable(migration or ""), migration),
        Cell(sign(kind, words)),
    ]


def proof_of(backup: Backup) -> str:
    if backup.manifest and backup.manifest.restored_at:
        return "restored"
    return "read" if backup.verified else "none"


def sizes(report: Report) -> list[Point]:
    """Return how big the database was when each job began, and is now, the oldest first."""
    now = report.seen.time
    found = [
        Point(at, job.database_bytes, f"{day(at)}: {megabytes(job.database_bytes)}, before {job.command}")
        for job in reversed(report.jobs)
        if job.database_bytes is not None and (at := moment_of(job.started_at)) and is_chartable(at, now)
    ]
    if report.seen.database:
        found.append(Point(now, report.seen.database.bytes, f"now: {megabytes(report.seen.database.bytes)}"))
    return sorted(found, key=lambda point: point.at)


def database_size(report: Report, heading: str) -> Html:
    points = sizes(report)
    if len(points) < 2:  # noqa: PLR2004 - one point is no line
        return _section(
            heading,
            "Database size",
            tag("p", "Each job writes down how big the database is when it begins; there is no such job yet."),
        )
    label = f"Size of the database on disk since {day(points[0].at)}, known whenever a job began"
    return _section(heading, "Database size", figure(label, levels(label, points, report.seen.time, round_bytes), ()))
