"""Findings as lines for people, as JSON, as GitHub's workflow commands and as SARIF."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

from deploy.check.catalogue import CATALOGUE
from deploy.report.github import workflow_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deploy.check.catalogue import Finding
    from deploy.check.files import Checked

_SIGNS = {"error": "❌", "warning": "⚠️ ", "info": "💡"}
_GITHUB = {"error": "error", "warning": "warning", "info": "notice"}
_SARIF = {"error": "error", "warning": "warning", "info": "note"}
_LONGEST_LINE = 160


def as_text(checked: Checked, texts: Mapping[str, str]) -> Iterator[str]:
    """Give the lines that people read: each finding with its source line and a caret, and one line at the end."""
    for found in checked.findings:
        yield f"{found.file}:{found.line}:{found.column}: {_SIGNS[found.severity]} {found.severity} {found.id}: {found.message}"
        yield from _source(found, texts.get(found.file, ""))
        if found.why:
            yield f"    why: {found.why}"
        if found.rewrite:
            yield f"    rewrite: {found.rewrite}"
    yield counted(checked)


def _source(found: Finding, text: str) -> Iterator[str]:
    lines = text.split("\n")
    line = lines[found.line - 1].rstrip("\r") if found.line <= len(lines) else ""
    if found.category != "naming" and line.strip() and found.column <= _LONGEST_LINE:
        before = "".join("\t" if char == "\t" else " " for char in line[: found.column - 1])
        printable = "".join(char if char.isprintable() or char == "\t" else "?" for char in line[:_LONGEST_LINE])
        yield f"    {printable}"
        yield f"    {before}^"


def counted(checked: Checked) -> str:
    """Return the line at the end: how many of each."""
    counts = {severity: sum(found.severity == severity for found in checked.findings) for severity in _SIGNS}
    parts = [_count(checked.files, "file")]
    parts += [_count(counts["error"], "error"), _count(counts["warning"], "warning")]
    if counts["info"]:
        parts.append(_count(counts["info"], "hint"))
    if checked.silenced:
        parts.append(f"{len(checked.silenced)} ignored")
    if checked.not_analysed:
        parts.append(f"{_count(checked.not_analysed, 'statement')} not analysed")
    sign = "❌" if counts["error"] else "⚠️ " if counts["warning"] else "✅"
    return f"{sign} {', '.join(parts)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def check_document(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """A list of what was found; the keys are the contract's, and `why` and `rewrite`."""
    return [asdict(found) for found in findings]


def as_github(findings: Sequence[Finding]) -> Iterator[str]:
    """Give GitHub's workflow commands, which become annotations."""
    for found in findings:
        said = "\n".join(filter(None, (found.message, found.why, found.rewrite)))
        yield workflow_command(
            _GITHUB[found.severity], said, file=found.file, line=found.line, col=found.column, title=found.id
        )


def as_sarif(findings: Sequence[Finding]) -> str:
    """Write SARIF 2.1.0, columns in Unicode code points."""
    rules = sorted({found.id for found in findings})
    run = {
        "tool": {
            "driver": {
                "name": "backtester-deploy",
                "version": metadata.version("backtester-deploy"),
                "rules": [_sarif_rule(name) for name in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(found, rules.index(found.id)) for found in findings],
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _sarif_rule(name: str) -> dict[str, Any]:
    if name not in CATALOGUE:
        return {"id": name}
    rule = CATALOGUE[name]
    return {
        "id": name,
        "shortDescription": {"text": name.replace("-", " ")},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.rewrite},
        "defaultConfiguration": {"level": _SARIF[rule.severity]},
        "properties": {"category": rule.category},
    }


def _sarif_result(found: Finding, index: int) -> dict[str, Any]:
    return {
        "ruleId": found.id,
        "ruleIndex": index,
        "level": _SARIF[found.severity],
        "message": {"text": found.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(found.file)},
                    "region": {"startLine": found.line, "startColumn": found.column},
                }
            }
        ],
    }


def _uri(path: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - only SARIF needs it

    return quote(path.replace("\\", "/"), errors="surrogateescape")
