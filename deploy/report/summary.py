"""What a command did, as Markdown for the summary of a GitHub step.

Whatever comes from the server or from a file's name is escaped: it is itself in the summary, and nothing else.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deploy.report.github import Document, FollowedJob

_PLAIN = re.compile(r"[\w.:@/+-]+(?:, [\w.:@/+-]+)*", re.ASCII)

MOST_ROWS = 200
"""Of a table; GitHub takes no summary of more than 1 MiB."""


def summary(document: Document, host: str, jobs: Sequence[FollowedJob]) -> str:
    """Render the step's summary in Markdown.

    Args:
        document: as `--json` has it; one of several hosts has `hosts`.
        host: what stands behind -H, for a document that doesn't say it.
        jobs: of which the events were seen: they say how long each migration took.
    """
    if isinstance(document, list):
        parts = [_findings(document)] if document and "severity" in document[0] else []
    elif "hosts" in document:
        parts = [_of_one_host(each, host, jobs) for each in document["hosts"] if isinstance(each, dict)]
    else:
        parts = [_of_one_host(document, host, jobs)] if document else []
    return "".join(f"{part}\n" for part in parts)


def _of_one_host(document: Mapping[str, Any], host: str, jobs: Sequence[FollowedJob]) -> str:
    host = str(document.get("host") or host)
    lines = [f"### {_headline(document, host)}", ""]
    lines += _error_lines(document.get("error"))
    lines += _table(("migration", "result", "took"), _migration_rows(document, jobs))
    lines += _table(("", ""), _facts(document))
    back = _way_back(document, host)
    if back:
        lines += ["The way back:", "", *_code(back)]
    return "\n".join(lines)


def _headline(document: Mapping[str, Any], host: str) -> str:
    sign = "❌" if document.get("error") else "✅"
    outcome = document.get("outcome")
    count = len(document.get("applied") or [])
    words = {
        "applied": f"{count} migration{'s' if count != 1 else ''} applied",
        "rolled_back": "rolled back",
        None: f"{count} applied, {len(document.get('pending') or [])} pending" if "pending" in document else "done",
    }
    said = words.get(outcome) or str(outcome).replace("_", " ")
    seconds = document.get("duration_s")
    return f"{sign} {_quoted(host)}: {_cell(said)}" + (f" in {seconds:.1f} s" if seconds else "")


def _error_lines(error: Mapping[str, Any] | None) -> list[str]:
    if not error:
        return []
    said = [str(error["message"]), *map(str, error["details"]), "", f"👉 {error['hint']}"]
    return [f"{_cell(str(error['name']))}, exit status {error['status']}:", "", *_code("\n".join(said))]


def _migration_rows(document: Mapping[str, Any], jobs: Sequence[FollowedJob]) -> Sequence[tuple[str, ...]]:
    took = _times(str(document.get("backup") or ""), jobs)
    applied, failed = document.get("applied") or [], document.get("failed")
    if "pending" in document:  # a rehearsal; or a status, which lists all that was ever applied
        tried = {str(file["file"]): file["ms"] for file in document.get("rehearsal") or []}
        words = {True: "ran on a copy", False: "pending"}
        return [(_quoted(name), words[name in tried], _duration(tried.get(name))) for name in document["pending"]]
    rows: list[tuple[str, ...]] = [(_quoted(name), "✅ applied", _duration(took.get(name))) for name in applied]
    plan = document.get("plan") if document.get("outcome") == "planned" else None
    rows += [(_quoted(name), "would be applied", "") for name in (plan or {}).get("pending", [])]
    return rows + ([(_quoted(failed), "❌ failed", "")] if failed and failed not in applied else [])


def _times(backup: str, jobs: Sequence[FollowedJob]) -> dict[str, int | None]:
    """Return how long each migration took in ms, by the job that took this backup."""
    for job in jobs:
        record = job.record
        if record.ended and backup == (record.backup.name if record.backup else ""):
            return {row.name: row.ms for row in record.ended.rows}
    return {}


def _duration(ms: int | None) -> str:
    return "" if ms is None else f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s"  # noqa: PLR2004 - a second


_FACTS = {
    "backup": "backup",
    "safety_backup": "safety backup",
    "replaced_database": "replaced database, kept",
    "pending_again": "pending again",
    "outage_ms": "no connections for",
    "changed": "edited",
    "missing": "missing",
    "late": "late",
    "unfinished": "started, not finished",
    "latest_backup": "newest backup",
    "path": "file",
}


def _facts(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    if document.get("rehearsed"):
        rows.append(("rehearsed on a copy", "yes"))
    for key, label in _FACTS.items():
        value = document.get(key)
        if isinstance(value, dict):
            value = value.get("name")
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if value not in (None, ""):
            rows.append((label, f"{value} ms" if key == "outage_ms" else _quoted(str(value))))
    return rows


def _way_back(document: Mapping[str, Any], host: str) -> str:
    if document.get("outcome") in ("rolled_back", "undone"):
        return f"fab -H {host} undo"
    unfinished = (document.get("error") or {}).get("name") == "MigrationUnfinished"
    if document.get("backup") and (document.get("applied") or unfinished):
        return f"fab -H {host} rollback --backup={document['backup']}"
    return ""


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (str(f["severity"]), f"{_quoted(str(f['file']))}:{f['line']}", _cell(str(f["id"])), _cell(str(f["message"])))
        for f in findings
    ]
    bad = sum(row[0] == "error" for row in rows)
    sign = "❌" if bad else "⚠️"
    lines = [f"### {sign} {len(rows)} finding{'s' if len(rows) != 1 else ''} in migrations", ""]
    return "\n".join(lines + _table(("severity", "place", "rule", "message"), rows))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay rows out; their cells are Markdown already."""
    if not rows:
        return []
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows[:MOST_ROWS]]]
    more = [f"and {len(rows) - MOST_ROWS} more", ""] if len(rows) > MOST_ROWS else []
    return [*lines, "", *more]


def _cell(text: str) -> str:
    """Return text that is itself and nothing else in a line of Markdown: no tag, link, mention, emphasis, new cell or new line."""
    return "".join(_escaped(" ".join(text.split())))


def _escaped(text: str) -> Iterator[str]:
    for char in text:
        yield html.escape(char) if char in "<>&\"'" else f"&#{ord(char)};" if char in "|`*_~[]()#!@\\" else char


def _quoted(text: str) -> str:
    """Return text in code type; by an element rather than backticks where it has what they can't hold, such as a | in a table."""
    return f"`{text}`" if _PLAIN.fullmatch(text) else f"<code>{_cell(text)}</code>"


def _code(text: str) -> list[str]:
    """Return a block of code that nothing in it can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *text.splitlines(), fence, ""]
