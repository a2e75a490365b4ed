"""Where in a body PL/pgSQL's compiler has stopped, which postgast doesn't tell: found out by asking again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deploy.check.plpgsql import SQL_WORDS, parts_of, without_into
from deploy.check.splitter import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.check.parser import SyntaxProblem

__all__ = ["find_error"]

_NEAR = re.compile(r'at or near "(.*)"\Z', re.DOTALL)
_AT_END = re.compile(r"at end of input|unexpected end")
_NAMED = re.compile(r'"([^"]+)"')
_MISSING = re.compile(r'missing "([^"]+)"')
_ENDS = frozenset({";", "then", "else", "loop", "begin", "declare"})
_WAIT_FOR = {
    "if": "THEN",
    "elsif": "THEN",
    "elseif": "THEN",
    "when": "THEN",
    "while": "LOOP",
    "for": "LOOP",
    "foreach": "LOOP",
}
_BEFORE_EXPRESSION = frozenset({"if", "elsif", "elseif", "while", "perform", "return", "assert", "when", "execute"})
_NO_DECLARATION = frozenset(
    [
        "begin",
        "case",
        "close",
        "continue",
        "declare",
        "else",
        "end",
        "exception",
        "exit",
        "fetch",
        "for",
        "foreach",
        "get",
        "loop",
        "move",
        "null",
        "open",
        "raise",
        "then",
        "while",
    ]
)


def find_error(
    body: str, complaint: str, complain: Callable[[str], str | None], parse: Callable[[str], SyntaxProblem | None]
) -> int:
    """Return where in a body something is wrong, in characters: where psql has its caret, if it has one.

    Args:
        body: what stands between the quotes.
        complaint: what PL/pgSQL says about all of it.
        complain: what it says about another body in the same statement.
        parse: what SQL's grammar says about some SQL.
    """
    search = _Search(body, complaint, complain, parse)
    return search.place() if search.words else len(body)


class _Search:
    """One complaint about one body; the ways to find its place, the surest first."""

    def __init__(
        self,
        body: str,
        complaint: str,
        complain: Callable[[str], str | None],
        parse: Callable[[str], SyntaxProblem | None],
    ) -> None:
        self.body = body
        self.complaint = complaint
        self.parse = parse
        self.words = list(tokens(body))
        found = _NEAR.search(complaint)
        self.near = found[1] if found else ""
        self.read = self.words[: _shortest(self.words, body, lambda text: complain(text) == complaint)]

    def place(self) -> int:
        ways = (
            self.of_what_never_ends,
            self.of_a_word,
            self.of_a_statement,
            self.by_sql,
            self.by_chunks,
            self.of_near,
            self.of_missing,
        )
        return next((place for way in ways if (place := way()) is not None), self.of_what_is_meant())

    def of_what_never_ends(self) -> int | None:
        return len(self.body) - len(self.near) if self.complaint.startswith("unterminated") else None

    def of_a_word(self) -> int | None:
        """PL/pgSQL's own grammar stops at once; it asks SQL's only when it has read up to a semicolon."""
        last, start = self.read[-1]
        return start if self.near.lower() == last.lower() and last != ";" else None

    def of_a_statement(self) -> int | None:
        """The first word begins no statement."""
        said = self.parse(self.body[self.begin :])
        return self.begin if said and said.message == self.complaint and not said.offset else None

    def by_sql(self) -> int | None:
        for part in parts_of(self.body):
            said = self.parse(part.text) if part.kind == "sql" else None
            if said and said.message == self.complaint and said.offset < len(part.text):
                return part.start + said.offset
        return None

    def by_chunks(self) -> int | None:
        chunks = (*_chunks(self.words), *_chunks(self.words, frozenset({";"})))
        return next((place for chunk in chunks if (place := self.in_chunk(chunk)) is not None), None)

    def in_chunk(self, words: list[tuple[str, int]]) -> int | None:
        """Ask SQL's grammar where a statement, or an expression of PL/pgSQL's, is wrong in the same way."""
        inside = words[:-1] if words[-1][0].lower() in _ENDS else words
        prefix, begin = self.expression_in(inside)
        if not inside[begin:] or (prefix and not begin):
            return None
        start = inside[begin][1]
        last, last_start = inside[-1]
        said = self.parse(prefix + without_into(self.body[start : last_start + len(last)]))
        if said is None or said.message != self.complaint:
            return None
        return min(start + max(0, said.offset - len(prefix)), last_start + len(last))

    def expression_in(self, words: list[tuple[str, int]]) -> tuple[str, int]:
        """Return what makes an expression a statement, and with which word the expression begins."""
        first = words[0][0].lower() if words else ""
        if first in SQL_WORDS | {"select"}:
            return "", 0
        if first in _BEFORE_EXPRESSION:
            return "SELECT ", 1
        signs = {"when"} if first in {"exit", "continue"} else {":=", "="}
        begin = next((i + 1 for i, (word, _) in enumerate(words[:8]) if word.lower() in signs), 0)
        if not begin and len(words) > 1 and first not in _NO_DECLARATION and self.near:
            return "SELECT CAST(NULL AS ", 1
        return "SELECT ", begin

    def of_near(self) -> int | None:
        if not self.near:
            return None
        found = self.last_of(self.near)
        return found if found >= 0 else self.read[-1][1]

    def of_missing(self) -> int | None:
        missing = _MISSING.match(self.complaint)
        if not missing:
            return None
        place = _place_of_missing(self.words, missing[1])
        return self.read[-1][1] if place is None else place

    def of_what_is_meant(self) -> int:
        """What is well-formed and yet wrong: the name that the complaint has, or the statement."""
        if _AT_END.search(self.complaint):
            return len(self.body)
        if self.complaint.startswith("RETURN "):
            returns = max(i for i, (word, _) in enumerate(self.read) if word.lower() == "return")
            return self.read[min(returns + 1, len(self.read) - 1)][1]
        named = _NAMED.search(self.complaint)
        return max(self.begin, self.last_of(named[1])) if named else self.begin

    @property
    def begin(self) -> int:
        """Where the statement begins in which the compiler has stopped."""
        *_, statement = _chunks(self.read)
        return statement[0][1]

    def last_of(self, words: str) -> int:
        """Return where some words stand last in what the compiler has read; -1 if they don't."""
        edge = r"\b" if words[:1].isidentifier() else ""
        read = self.body[: self.read[-1][1] + len(self.read[-1][0])]
        found = [each.start() for each in re.finditer(rf"{edge}{re.escape(words)}{edge}", read, re.IGNORECASE)]
        return found[-1] if found else -1


def _place_of_missing(words: list[tuple[str, int]], wanted: str) -> int | None:
    """Return the semicolon at which a condition ends that waits for THEN or LOOP."""
    first = ""
    waits = False
    for word, start in ((word.upper(), start) for word, start in words):
        first = first or word
        if word == ";" and waits:
            return start
        if word == wanted:
            waits = False
        elif _WAIT_FOR.get(word.lower()) == wanted and first in {word, "CASE"}:
            waits = True
        if word.lower() in _ENDS or word == "EXCEPTION":
            first = ""
    return None


def _chunks(words: list[tuple[str, int]], ends: frozenset[str] = _ENDS) -> Iterator[list[tuple[str, int]]]:
    """Give the statements and expressions with the word that ends them."""
    chunk = []
    for word, start in words:
        chunk.append((word, start))
        if word.lower() in ends:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _shortest(words: list[tuple[str, int]], body: str, fails: Callable[[str], bool]) -> int:
    """Return how many words it takes until the complaint is the same."""
    low, high = 1, len(words)
    while low < high:
        middle = (low + high) // 2
        word, start = words[middle - 1]
        if fails(body[: start + len(word)]):
            high = middle
        else:
            low = middle + 1
    return high
