"""Each threat in docs/security.md names the tests that show what is done about it, and these tests exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`((?:\w+/)+test_\w+\.py(?:::\w+)+)`", PAGE)))


@cache
def names_in(file: str) -> set[str]:
    """Return `Class::test` and `test` of all tests in a file."""
    found = set()
    for node in ast.parse((TESTS / file).read_text("utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + each.name for each in inner if isinstance(each, ast.FunctionDef)}
    return found


class TestTheThreatModel:
    @pytest.mark.parametrize("test", NAMED)
    def test_names_tests_that_exist(self, test: str) -> None:
        file, _, name = test.partition("::")
        assert name in names_in(file)

    def test_has_a_test_for_every_threat(self) -> None:
        rows = [line for line in PAGE.splitlines() if line.startswith("| ") and line.count(" | ") == 2]
        threats = [row for row in rows if not row.startswith(("| threat ", "| who ")) and "/test_" in row]
        assert len(threats) >= 25
        sections = PAGE.split("\n## ")
        for section in sections:
            if "| threat |" in section:
                lines = [
                    line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| threat |")
                ]
                assert [line for line in lines if "/test_" not in line] == []

    def test_names_them_so_that_pytest_takes_them(self) -> None:
        assert set(re.findall(r"`([^`]*test_[^`]*)`", PAGE)) == set(NAMED)
