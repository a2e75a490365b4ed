"""An examination of the rules: many small files, and what a careful reader finds in each, by category and place.

The snippets stand in corpus/exam/*.sql. A line `==== category@line:column, …: title` begins each; those of clean.sql have nothing to find.
What is wrong with names and bytes is below, as it can't be written into such a file.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deploy.check.catalogue import Finding

HERE = Path(__file__).parent / "corpus" / "exam"
_HEAD = re.compile(r"^==== ([a-z]+(?:@\d+:\d+)?(?:, [a-z]+(?:@\d+:\d+)?)*): (.*)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """What is to be found, and where; line 0 is anywhere."""

    category: str
    line: int = 0
    column: int = 0

    def is_met_by(self, finding: Finding) -> bool:
        """Is this it?"""
        return (
            finding.category == self.category and self.line in {0, finding.line} and self.column in {0, finding.column}
        )


@dataclass(frozen=True, slots=True)
class Question:
    """A migrations directory, and what is to be found in its last file; nothing, if it is clean."""

    title: str
    files: tuple[tuple[str, bytes], ...]
    expected: tuple[Place, ...]


def questions() -> Iterator[Question]:
    for file in sorted(HERE.glob("*.sql")):
        pieces = _HEAD.split(file.read_text("utf-8"))
        for found, title, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
            places = () if found == "clean" else tuple(_place(each) for each in found.split(", "))
            yield Question(f"{file.stem}: {title}", (("001_exam.sql", text.encode()),), places)
    for names in BAD_NAMES:
        yield Question(f"naming: {names}", tuple((name, _FINE) for name in names), (Place("naming"),))
    for names in GOOD_NAMES:
        yield Question(f"clean names: {names}", tuple((name, _FINE) for name in names), ())
    for content, line, column in BAD_BYTES:
        places = (Place("encoding", line, column),)
        yield Question(f"encoding: {content!r}", (("001_exam.sql", content),), places)
    for content in GOOD_BYTES:
        yield Question(f"clean bytes: {content!r}", (("001_exam.sql", content),), ())


def _place(text: str) -> Place:
    category, _, where = text.partition("@")
    return Place(category, *map(int, where.split(":"))) if where else Place(category)


_FINE = b"CREATE TABLE IF NOT EXISTS app.a (id int);\n"
BAD_NAMES = [
    ["1_add.sql"],
    ["01_add.sql"],
    ["add_users.sql"],
    ["001.sql"],
    ["001_.sql"],
    ["001-add.sql"],
    ["001 add.sql"],
    ["001_add users.sql"],
    ["001_add.SQL"],
    ["V001__add.sql"],
    ["001_добавить.sql"],
    ["001__add.sql"],
    ["abc_add.sql"],
    ["001_add;drop.sql"],
    ["001_add$x.sql"],
    ["001_-add.sql"],
    ["00a_add.sql"],
    ["-001_add.sql"],
    ["\u0660\u0660\u0661_add.sql"],
    ["001_add.sql", "001_other.sql"],
    ["001_add.sql", "0001_other.sql"],
    ["007_a.sql", "007_b.sql", "007_c.sql"],
    ["001_add.sql", "003_other.sql"],
    ["010_add.sql", "020_other.sql"],
]
GOOD_NAMES = [
    ["001_add.sql"],
    ["001_add_user_preferences.sql"],
    ["042_Add-Index.v2.sql"],
    ["001_a.sql", "002_b.sql", "003_c.sql"],
    ["009_a.sql", "010_b.sql"],
    ["099_a.sql", "100_b.sql"],
    ["998_a.sql", "999_b.sql"],
    ["20240101120000_a.sql", "20240301120000_b.sql"],
]
BAD_BYTES = [
    ("SELECT 'ё';".encode("cp1251"), 1, 9),
    ("SELECT 1;\n-- комментарий\n".encode("koi8-r"), 2, 4),
    ("SELECT 'ü';".encode("latin-1"), 1, 9),
    ("SELECT 'привет';".encode("utf-16"), 1, 1),
    ("SELECT 1;".encode("utf-16-le"), 1, 2),
    ("SELECT 1;".encode("utf-32"), 1, 1),
    (b"SELECT 1;\nSELECT '\xd0';\n", 2, 9),
    (b"SELECT '\xc0\xaf';", 1, 9),
    (b"SELECT '\xed\xa0\x80';", 1, 9),
    (b"SELECT 1;\xff\n", 1, 10),
    (b"SELECT '\xd0\xbf\xd1", 1, 10),
    (b"\xef\xbb\xbfSELECT 1;\n", 1, 1),
    (b"SELECT 1;\r\nSELECT 2;\r\n", 1, 10),
    (b"SELECT 1;\nSELECT 2;\r\n", 2, 10),
    (b"SELECT 1;\rSELECT 2;\r", 1, 10),
    (b"SELECT '\0';", 1, 9),
    (b"SELECT 1;\n\0", 2, 1),
    (b"", 1, 1),
    (b"\n", 1, 1),
    (b"  \t\n \n", 1, 1),
    (b"-- nothing but words\n", 1, 1),
    (b"/* later */", 1, 1),
    ("SELECT\u00a01 AS a;".encode(), 1, 7),
    ("SELECT “1” AS a;".encode(), 1, 8),
    ("SELECT 1 AS a\u200b;".encode(), 1, 14),
    ("SELECT 1 AS \u0441ount;".encode(), 1, 13),
    ("SELECT 1 AS a\ufffdb;".encode(), 1, 14),
]
GOOD_BYTES = [
    "SELECT 'Готово — всё ✅ “да”' AS статус;\n".encode(),
    b"SELECT 1;",
    b"SELECT 1;\n\n\n",
    "\\encoding WIN1251\nSELECT 'ё';\n".encode("cp1251"),
    "SET client_encoding = 'LATIN1';\nSELECT 'ü';\n".encode("latin-1"),
    "-- слова\nCREATE TABLE IF NOT EXISTS app.таблица (id int, имя_en text);\n".encode(),
    b"SELECT 1;\t\n  SELECT 2;\n\f",
]


@dataclass(frozen=True, slots=True)
class Result:
    """How an examination went.

    Args:
        asked: how many defects there are in each category; `found`: how many of them were found there.
        misses: what wasn't found, in words; `alarms`: what was found in clean files; `extras`: errors and warnings that were found in the
            others, and that nobody expects there.
        clean: how many clean files there are; `flagged`: how many of them something was found in.
    """

    asked: Counter[str]
    found: Counter[str]
    misses: list[str]
    extras: list[str]
    clean: int
    flagged: int
    alarms: list[str]

    def recall(self, category: str) -> float:
        return self.found[category] / self.asked[category]


def examine(checker: Callable[[Question], Sequence[Finding]], *, places: bool = True) -> Result:
    """Ask all questions.

    Args:
        checker: returns what is wrong with the question's last file.
        places: whether the line and column count too, or only the category.
    """
    asked: Counter[str] = Counter()
    found: Counter[str] = Counter()
    misses: list[str] = []
    extras: list[str] = []
    alarms: list[str] = []
    clean = flagged = 0
    for question in questions():
        findings = list(checker(question))
        if not question.expected:
            clean += 1
            flagged += bool(findings)
            alarms += [f"{question.title}: {each.id} in line {each.line}" for each in findings]
        for place in question.expected:
            wanted = place if places else Place(place.category)
            asked[place.category] += 1
            met = next((each for each in findings if wanted.is_met_by(each)), None)
            if met is None:
                misses.append(f"{question.title}: {place}")
            else:
                findings.remove(met)
                found[place.category] += 1
        if question.expected:
            extras += [
                f"{question.title}: {each.id} in line {each.line}" for each in findings if each.severity != "info"
            ]
    return Result(asked, found, misses, extras, clean, flagged, alarms)
