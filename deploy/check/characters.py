"""Characters that only look right: they came with a copy from a document or a chat, and PostgreSQL takes them as letters of a name."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from deploy.check.splitter import inside_dollars, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["odd_characters"]

_ODD = re.compile(
    r"[\xa0\xad\u1680\u2000-\u201f\u2028-\u202f\u2032\u2033\u205f-\u206f\u2212\u3000\ufeff\uff01-\uff5e\ufffd]"
)
_MIXED = re.compile(r"[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]")
_WITH_CODE = re.compile(r"(?:do|create\s+(?:or\s+replace\s+)?(?:function|procedure))\b", re.IGNORECASE)


def odd_characters(sql: str) -> Iterator[tuple[int, str]]:
    """Give where in a statement such a character stands outside of strings, quoted names and comments, and its name."""
    if sql.isascii() or not (_ODD.search(sql) or _MIXED.search(sql)):
        return
    reads_bodies = _WITH_CODE.match(sql) is not None
    for token, start in tokens(sql):
        if reads_bodies and (quoted := inside_dollars(token)):
            body, inside = quoted
            yield from ((start + inside + at, what) for at, what in odd_characters(body))
        elif not token.startswith(("'", '"', "$")):
            yield from ((start + at, what) for at, what in _in_word(token))


def _in_word(word: str) -> Iterator[tuple[int, str]]:
    if found := _ODD.search(word):
        yield found.start(), f"{unicodedata.name(found[0], 'a character')} (U+{ord(found[0]):04X}) outside of quotes"
    elif found := _MIXED.search(word):
        yield found.start(), f"Latin and Cyrillic letters side by side in {word}"
