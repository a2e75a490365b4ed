"""What squawk says about the same files, in our words; squawk-cli is an extra, and nothing is missing without it.

Source: squawk-cli 2.70, tried. Lines and columns in its JSON count from 0, columns in bytes.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import TYPE_CHECKING

from deploy.check.catalogue import Finding
from deploy.check.splitter import Lines, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.check.files import Checked

__all__ = ["CATEGORIES", "findings_of", "merged"]

CATEGORIES: Mapping[str, str] = {
    "adding-required-field": "lock",
    "ban-alter-domain-with-add-constraint": "lock",
    "ban-drop-column": "destructive",
    "ban-drop-database": "destructive",
    "ban-drop-table": "destructive",
    "ban-truncate-cascade": "destructive",
    "renaming-column": "destructive",
    "renaming-table": "destructive",
}
"""Its rules that add to ours. Left out are matters of taste; time-outs, which are the runner's; syntax, where PostgreSQL's own grammar has
the last word; idempotency, where squawk sees neither DO blocks nor what was dropped before; and locks for which there is a rule of ours,
which knows `t` for `s.t`, ON ONLY and columns without a value to check."""


def findings_of(output: str, files: Mapping[str, str]) -> list[Finding]:
    """Read squawk's JSON; what can't be read says nothing.

    Args:
        output: what `squawk --reporter json` printed.
        files: the text of each file, by the path that squawk was given.
    """
    try:
        reported = json.loads(output)
        return [_finding(each, files[each["file"]]) for each in reported if each["rule_name"] in CATEGORIES]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return []


def _finding(reported: Mapping[str, object], text: str) -> Finding:
    line, column = int(str(reported["line"])), int(str(reported["column"]))
    before = text.split("\n")[line].encode()[:column].decode(errors="ignore")
    rule = str(reported["rule_name"])
    return Finding(
        file=str(reported["file"]),
        line=line + 1,
        column=len(before) + 1,
        id=f"squawk-{rule}",
        category=CATEGORIES[rule],
        severity="warning",
        message=" ".join(str(reported["message"]).split()),
        rewrite=" ".join(str(reported.get("help") or "").split()),
    )


def merged(checked: Checked, theirs: Sequence[Finding], files: Mapping[str, str]) -> list[Finding]:
    """Add what squawk found and we didn't: a finding of ours about the same statement and category says the same, silenced or not."""
    texts = {finding.file: files[finding.file] for finding in theirs}
    starts = {}
    for file, text in texts.items():
        lines = Lines(text)
        starts[file] = [lines.place(statement.start)[0] for statement in split(text).statements]

    def about(finding: Finding) -> tuple[str, int, str]:
        return finding.file, bisect_right(starts[finding.file], finding.line), finding.category

    known = {about(finding) for finding in (*checked.findings, *checked.silenced) if finding.file in starts}
    return [*checked.findings, *(finding for finding in theirs if about(finding) not in known)]
