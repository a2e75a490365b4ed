"""Names for new migrations: the next number, and a description that makes a file name."""
# ruff: noqa: RUF001 - letters that look like Latin ones are what this is about

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from deploy.model.errors import UsageError
from deploy.model.migration import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LONGEST", "name_for", "next_number", "renumbered", "slug"]

LONGEST = 60
"""Characters of a description; file systems and ledger rows take more, people don't."""

_WIDTH = 3

_LETTERS = str.maketrans(
    {"а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "y"}
    | {"к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f"}
    | {"х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu"}
    | {"я": "ya", "і": "i", "ї": "yi", "ґ": "g", "є": "ye", "ў": "u", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj"}
    | {"ß": "ss", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "œ": "oe", "ı": "i"}
)
"""Cyrillic as passports have it, and the Latin letters that aren't one with an accent."""


def next_number(names: Iterable[str]) -> str:
    """Return the number after the highest that a migration has, as wide as the widest."""
    numbers = [found[1] for name in names if (found := NAME.fullmatch(name))]
    width = max(map(len, numbers), default=_WIDTH)
    return f"{max(map(int, numbers), default=0) + 1:0{width}}"


def name_for(description: str, names: Iterable[str]) -> str:
    """Return the file name of a new migration.

    Raises:
        UsageError: the description has nothing that could be a name.
    """
    return f"{next_number(names)}_{slug(description)}.sql"


def slug(description: str) -> str:
    """Make `add_user_preferences` of a description in any language that Latin letters can write.

    Raises:
        UsageError: it has no letters, or letters that have no Latin ones.
    """
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", description).lower().translate(_LETTERS))
    text = "".join(char for char in text if not unicodedata.combining(char))
    strange = sorted({char for char in text if char.isalnum() and not char.isascii()})
    if strange:
        raise UsageError(
            f"a file can't be named with {', '.join(strange[:5])}",
            hint='Describe it in English: fab new "add user preferences"',
        )
    words = re.findall(r"[a-z0-9]+", text)
    if not any(char.isalpha() for word in words for char in word):
        raise UsageError(
            f"{description!r} describes nothing" if description else "what is the migration to do?",
            hint='Describe it in a few words: fab new "add user preferences"',
        )
    name = "_".join(words)
    if len(name) > LONGEST:
        name = name[: LONGEST + 1].rpartition("_")[0] or name[:LONGEST]
    return name


def renumbered(name: str, names: Iterable[str]) -> str:
    """Return a migration's name with the next free number.

    Raises:
        UsageError: it isn't a migration's name.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name} isn't a migration's name", hint="It must be NNN_description.sql, in migrations_dir.")
    return f"{next_number(names)}_{name.split('_', 1)[1]}"
