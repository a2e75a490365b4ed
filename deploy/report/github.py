"""Events and results in the words of GitHub Actions: workflow commands, annotations and a step's outputs.

Source: GitHub's runner, ActionCommand.cs and FileCommandManager.cs; its toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from deploy.job.outcome import Record
from deploy.report.console import for_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.model.errors import DeployError

Document = dict[str, Any] | list[Any]

LONGEST_OUTPUT = 400_000
"""Characters; GitHub refuses an output of more than 1 MB, which it counts in UTF-16."""


@dataclass(slots=True)
class FollowedJob:
    """A job of which this command saw the events. `command` is its own: `follow` watches deploys and rollbacks."""

    id: str = ""
    command: str = ""
    record: Record = field(default_factory=Record)


# workflow commands


def workflow_command(name: str, text: str = "", **properties: str | int) -> str:
    """Render one line that GitHub's runner acts on; properties that are empty or 0 are left out."""
    given = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value)
    return f"::{name}{' ' if given else ''}{given}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("##[", "# #[").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def harmless(line: str) -> str:
    """Return a line that the runner takes for no command, whoever wrote it: `::` at its beginning, or `##[` anywhere, get a space."""
    line = line.replace("##[", "# #[")
    words = line.lstrip()
    return line[: -len(words)] + ": :" + words[2:] if words.startswith("::") else line


# annotations


@dataclass(frozen=True, slots=True)
class Place:
    """A migration that an error is about; 0 stands for no line or no column."""

    name: str
    line: int = 0
    column: int = 0


_PLACE = re.compile(r"(?<![\w./-])(?:[\w.-]+/)*([0-9]{3,}_[A-Za-z0-9._-]+?\.sql)(?::([0-9]{1,9}))?(?::([0-9]{1,9}))?\b")


def place_of(error: DeployError) -> Place | None:
    """Return the first migration that an error names."""
    match = _PLACE.search(error.message)
    return Place(match[1], int(match[2] or 0), int(match[3] or 0)) if match else None


_EXCERPT = re.compile(r"(LINE [0-9]+: )(\.\.\.)?(.*?)(\.\.\.)?")


def sharpened(place: Place, details: Sequence[str], text: str) -> Place:
    """Lead to what psql's excerpt points at: its line number is that of the statement's end.

    Args:
        place: what the error's message names.
        details: the error's own, among them perhaps `LINE 2: …` and its caret.
        text: the migration.
    """
    lines = text.replace("\t", " ").split("\n")[: place.line]
    for excerpt, caret in pairwise(details):
        match = _EXCERPT.fullmatch(excerpt)
        if not match or caret.strip() != "^" or not match[3].strip():
            continue
        for number in range(len(lines), 0, -1):
            found = lines[number - 1].find(match[3])
            if found >= 0:
                before = len(match[1]) + len(match[2] or "")
                return Place(place.name, number, found + caret.index("^") - before + 1)
    return place


def annotation(error: DeployError, host: str, *, file: str = "", place: Place | None = None) -> str:
    """Render an error, at its file where it has one."""
    line, column = (place.line, place.column) if place and file else (0, 0)
    said = f"{error.message}\n{error.hint}"
    title = f"{type(error).__name__} ({error.status})"
    return workflow_command("error", for_host(said, host), file=file, line=line, col=column, title=title)


# the files that a step writes


def file_command(name: str, value: str, delimiter: str) -> str:
    """Render what GITHUB_OUTPUT takes; nobody who writes the value may know the delimiter."""
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def outputs(document: Document, error: DeployError | None) -> dict[str, str]:
    """Return the step's outputs: `outcome`, `backup`, `applied` (a JSON list) and `report` (the JSON document)."""
    found = document if isinstance(document, dict) else {}
    report = json.dumps(document, ensure_ascii=False)
    return {
        "outcome": str(found.get("outcome") or ("failed" if error else "ok")),
        "backup": str(found.get("backup") or ""),
        "applied": json.dumps(found.get("applied") or []),
        "report": report if len(report) <= LONGEST_OUTPUT else "",
    }


def document_of(documents: Sequence[Document], jobs: Sequence[FollowedJob], error: DeployError | None) -> Document:
    """Return the one document of a command; one that only followed a job has that job's end for its own."""
    told = [document for document in documents if not _only_refused(document)]
    if not told and jobs and jobs[-1].record.ended:
        return _document_of_job(jobs[-1], documents, error)
    if len(documents) == 1:
        return documents[0]
    first_bad = next((d for d in documents if isinstance(d, dict) and d.get("error")), None)
    outcome = (first_bad or (documents[0] if documents and isinstance(documents[0], dict) else {})).get("outcome")
    return {"outcome": outcome, "hosts": list(documents)} if documents else {}


def _only_refused(document: Document) -> bool:
    return isinstance(document, dict) and document.keys() == {"host", "outcome", "error"}


_DONE = {"deploy": "applied", "rollback": "rolled_back", "undo": "undone"}


def _document_of_job(job: FollowedJob, documents: Sequence[Document], error: DeployError | None) -> Document:
    record = job.record
    said = documents[0] if documents and isinstance(documents[0], dict) else {}
    return {
        "host": said.get("host"),
        "job": job.id,
        "command": job.command,
        "outcome": error.outcome if error else _DONE.get(job.command, "ok"),
        "applied": [row.name for row in record.ended.rows if row.finished] if record.ended else [],
        "failed": record.at_work if error else None,
        "backup": record.backup.name if record.backup else None,
        "error": said.get("error"),
    }
