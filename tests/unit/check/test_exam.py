"""How many of the defects that a careful reader would find are found, and how many clean files are flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.check.catalogue import CATEGORIES
from deploy.check.files import Source, check_files
from tests.unit.check.exam import examine

if TYPE_CHECKING:
    from deploy.check.catalogue import Finding
    from tests.unit.check.exam import Question, Result

ENOUGH = 0.95
TOO_MANY = 0.02


def our_findings(question: Question) -> list[Finding]:
    checked = check_files([Source(name, content) for name, content in question.files])
    return [found for found in checked.findings if found.file == question.files[-1][0]]


@pytest.fixture(scope="module")
def result() -> Result:
    return examine(our_findings)


class TestTheExamination:
    @pytest.mark.parametrize("category", CATEGORIES)
    def test_finds_the_defects_of_each_category_in_their_places(self, category: str, result: Result) -> None:
        """Prints what is missing, wherever it is."""
        assert result.recall(category) >= ENOUGH, "\n".join(result.misses)

    def test_leaves_clean_files_alone(self, result: Result) -> None:
        """Hints count as well."""
        assert result.flagged <= TOO_MANY * result.clean, "\n".join(result.alarms)

    def test_misses_and_flags_only_what_it_is_known_to(self, result: Result) -> None:
        """What is found today is found tomorrow, in the same place."""
        assert [miss.partition(": Place")[0] for miss in result.misses] == ["syntax: a key inside a table of MySQL"]
        assert [alarm.partition(": runs-")[0] for alarm in result.alarms] == [
            "clean: VACUUM",
            "clean: VACUUM of everything",
        ]

    def test_finds_nothing_else(self, result: Result) -> None:
        assert [extra for extra in result.extras if not extra.startswith("encoding: ")] == []

    def test_is_large_enough_to_say_something(self, result: Result) -> None:
        assert (result.asked.total() > 500, result.clean > 250) == (True, True)
