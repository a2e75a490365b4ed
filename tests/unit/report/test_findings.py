"""Findings as people, programs, GitHub and code scanners read them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from deploy.check.catalogue import Finding
from deploy.check.files import Checked
from deploy.report.findings import as_github, as_sarif, as_text, check_document

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

FOUND = Finding(
    "m/001_x.sql",
    2,
    9,
    "syntax-error",
    "syntax",
    "error",
    'syntax error at or near "é"',
    "100 % of it\nis, well: wrong",
    "Mend it.",
)
TEXTS = {"m/001_x.sql": "select 1;\n\tselect é;\r\n"}


class TestForPeople:
    def test_shows_the_line_and_a_caret(self, snapshot: SnapshotAssertion) -> None:
        warning = replace(FOUND, severity="warning", id="squawk-x", why="", rewrite="", line=1, column=1)
        hint = replace(FOUND, severity="info", line=9)
        checked = Checked((FOUND, warning, hint), (FOUND,), 2, 3)
        assert "\n".join(as_text(checked, TEXTS)) == snapshot

    def test_says_that_all_is_well(self) -> None:
        assert list(as_text(Checked((), (), 1, 0), {})) == ["✅ 1 file, 0 errors, 0 warnings"]

    def test_shows_no_line_for_a_name(self) -> None:
        named = replace(FOUND, category="naming")
        assert not any("^" in line for line in as_text(Checked((named,), (), 1, 0), TEXTS))


class TestForPrograms:
    def test_has_the_keys_of_the_contract(self) -> None:
        (document,) = check_document([FOUND])
        assert list(document)[:7] == ["file", "line", "column", "id", "category", "severity", "message"]


class TestForGithub:
    def test_escapes_what_would_end_a_command(self) -> None:
        assert list(as_github([replace(FOUND, file="m/a,b:c.sql")])) == [
            (
                "::error file=m/a%2Cb%3Ac.sql,line=2,col=9,title=syntax-error::"
                'syntax error at or near "é"%0A100 %25 of it%0Ais, well: wrong%0AMend it.'
            )
        ]


class TestSarif:
    def test_names_rules_and_places(self, snapshot: SnapshotAssertion) -> None:
        document = json.loads(as_sarif([FOUND, replace(FOUND, id="squawk-x", severity="info", file="m/ü b.sql")]))
        del document["runs"][0]["tool"]["driver"]["version"]
        assert document == snapshot
