"""Small files whose comments say what is to be found in them, and where; those that say nothing are clean."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.check.catalogue import CATALOGUE, CATEGORIES
from deploy.check.files import check_text

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.sql"))
EXPECTED = re.compile(r"^-- expect: ([a-z0-9-]+)@(\d+):(\d+)$", re.MULTILINE)
OF_NAMES_AND_BYTES = {
    "bad-name",
    "duplicate-number",
    "number-gap",
    "not-utf8",
    "nul-byte",
    "byte-order-mark",
    "carriage-returns",
}


def expected_of(text: str) -> list[tuple[str, int, int]]:
    return [(name, int(line), int(column)) for name, line, column in EXPECTED.findall(text)]


class TestTheCorpus:
    @pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
    def test_is_found_in_the_places_that_it_names(self, file: Path) -> None:
        text = file.read_text("utf-8")
        findings = check_text(file.name, text).findings
        assert [(found.id, found.line, found.column) for found in findings] == sorted(
            expected_of(text), key=lambda each: (each[1], each[2], each[0])
        )

    def test_has_every_finding(self) -> None:
        found = {name for file in CORPUS for name, _, _ in expected_of(file.read_text("utf-8"))}
        assert found | OF_NAMES_AND_BYTES == set(CATALOGUE)


class TestTheCatalogue:
    def test_has_a_section_of_the_documentation_for_each(self) -> None:
        page = (Path(__file__).parents[3] / "docs" / "findings.md").read_text("utf-8")
        sections = re.findall(r"^### ([a-z0-9-]+)\n\n\*(\w+)\.\* (.+)\n\nInstead: (.+)$", page, re.MULTILINE)
        assert sections == [
            (rule.id, rule.severity, rule.why, rule.rewrite)
            for category in CATEGORIES
            for rule in CATALOGUE.values()
            if rule.category == category
        ]

    def test_has_only_categories_of_the_contract(self) -> None:
        assert {rule.category for rule in CATALOGUE.values()} == set(CATEGORIES)
