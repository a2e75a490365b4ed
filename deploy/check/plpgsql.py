"""The body of a DO block or a PL/pgSQL function, cut into the SQL statements that it runs, and what each of them depends on.

postgast's tree of a body has no places but line numbers, and is broken for trigger functions; so the words are followed here. A body
that PL/pgSQL's grammar refuses is followed as well, as far as its words make sense.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy.check.splitter import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.check.parser import SyntaxProblem

__all__ = ["Part", "find_error", "parts_of"]

_SQL_WORDS = frozenset(
    {"alter", "analyze", "call", "cluster", "comment", "copy", "create", "delete", "drop", "grant", "import", "insert"}
    | {"lock", "merge", "reassign", "refresh", "reindex", "reset", "revoke", "security", "set", "truncate", "update"}
    | {"vacuum", "with"}
)
_INTO = re.compile(r"(?<!insert\s)(?<!merge\s)\binto\s+(?:strict\s+)?[\w.\[\]]+(?:\s*,\s*[\w.\[\]]+)*", re.IGNORECASE)
_LITERAL = re.compile(r"'((?:[^'\\]|'')*)'(?!')|(\$[A-Za-z_]*\$)(.*?)\2", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of a body.

    Args:
        kind: "sql"; "dynamic" for EXECUTE of what isn't a literal; "control" for COMMIT and ROLLBACK.
        text: its SQL, without what only PL/pgSQL understands; for EXECUTE of a literal, that literal's SQL.
        start: offset in the body.
        stop: offset after its last character.
        guarded: whether it runs only if something is found to be so (IF, CASE, a loop over a query), or its failure is caught.
        conditional: the same, but for what is caught: whether it is uncertain that it is reached.
    """

    kind: str
    text: str
    start: int
    stop: int
    guarded: bool
    conditional: bool


@dataclass(slots=True)
class _Frame:
    kind: str
    depends: bool = False
    catches: bool = False


@dataclass(slots=True)
class _Draft:
    kind: str
    text: str
    start: int
    stop: int
    frames: tuple[_Frame, ...]
    may_have_returned: bool

    def finished(self) -> Part:
        conditional = self.may_have_returned or any(frame.depends for frame in self.frames)
        catches = any(frame.catches for frame in self.frames)
        return Part(self.kind, self.text, self.start, self.stop, conditional or catches, conditional)


def parts_of(body: str) -> list[Part]:
    """Cut a PL/pgSQL body into the statements of SQL that it runs, in its order."""
    return _Walk(body).parts()


@dataclass(slots=True)
class _Walk:
    """PL/pgSQL's structure, followed from word to word."""

    body: str
    words: list[tuple[str, int]] = field(init=False)
    at: int = 0
    frames: list[_Frame] = field(default_factory=list)
    drafts: list[_Draft] = field(default_factory=list)
    may_have_returned: bool = False

    def __post_init__(self) -> None:
        self.words = [(token.lower(), start) for token, start in tokens(self.body)]

    def parts(self) -> list[Part]:
        while self.at < len(self.words):
            self.step(self.words[self.at][0])
        return [draft.finished() for draft in self.drafts]

    def step(self, word: str) -> None:  # noqa: C901 - one line a word
        self.at += 1
        match word:
            case ";" | "else" | "then":
                pass
            case "<<":
                self.skip_to(">>")
            case "declare":
                self.skip_to("begin", keep=True)
            case "begin":
                self.frames.append(_Frame("begin"))
            case "exception":
                self.handle()
            case "if":
                self.frames.append(_Frame("if", depends=True))
                self.skip_to("then")
            case "elsif" | "elseif" | "when":
                self.skip_to("then")
            case "case":
                self.frames.append(_Frame("case", depends=True))
                self.skip_to("when", keep=True)
            case "loop":
                self.frames.append(_Frame("loop"))
            case "while" | "for" | "foreach":
                self.loop()
            case "end":
                del self.frames[-1:]
                self.skip_to(";")
            case _:
                self.at -= 1
                self.statement(word)

    def skip_to(self, wanted: str, *, keep: bool = False) -> list[str]:
        """Step over what comes before a word, and over the word unless it is to be kept; CASE … END within belongs to it."""
        cases = 0
        seen = []
        while self.at < len(self.words):
            word = self.words[self.at][0]
            if word == wanted and not cases:
                self.at += not keep
                break
            cases += {"case": 1, "end": -1}.get(word, 0) if cases or word == "case" else 0
            seen.append(word)
            self.at += 1
        return seen

    def handle(self) -> None:
        block = next((frame for frame in reversed(self.frames) if frame.kind == "begin"), None)
        if block:
            block.catches = True

    def loop(self) -> None:
        start = self.words[self.at - 1][1]
        header = self.skip_to("loop")
        if "execute" in header:
            self.note("dynamic", "", start, start)
        self.frames.append(_Frame("loop", depends=not any(".." in word for word in header)))

    def statement(self, word: str) -> None:
        first = self.at
        while self.at < len(self.words) and self.words[self.at][0] != ";":
            self.at += 1
        start = self.words[first][1]
        last, last_start = self.words[self.at - 1]
        stop = last_start + len(last)
        words = [each for each, _ in self.words[first : self.at]]
        text = self.body[start:stop]
        if word in {"commit", "rollback"}:
            self.note("control", text, start, stop)
        elif word in _SQL_WORDS and words[1:2] not in ([":="], ["="]):
            self.note("sql", _without_into(text), start, stop)
        elif word == "execute" and (literal := self.literal_in(self.words[first + 1 : self.at])) is not None:
            self.note("sql", literal, start, stop)
        elif "execute" in words and word in {"execute", "open", "return"}:
            self.note("dynamic", text, start, stop)
        elif word in {"return", "exit", "continue"} and any(frame.depends for frame in self.frames):
            self.may_have_returned = True

    def literal_in(self, words: list[tuple[str, int]]) -> str | None:
        """Return the SQL that EXECUTE has as a literal, and not as something to be put together."""
        found = _LITERAL.match(self.body, words[0][1]) if words else None
        if not found or next((word for word, start in words if start >= found.end()), "using") not in {"using", "into"}:
            return None
        return found[3] if found[2] else found[1].replace("''", "'")

    def note(self, kind: str, text: str, start: int, stop: int) -> None:
        self.drafts.append(_Draft(kind, text, start, stop, tuple(self.frames), self.may_have_returned))


def _without_into(text: str) -> str:
    """Blank INTO with its variables, which only PL/pgSQL understands."""
    return _INTO.sub(lambda found: " " * len(found[0]), text)


# Where PL/pgSQL's grammar, which gives no place, has stopped

_NEAR = re.compile(r'at or near "(.*)"\Z', re.DOTALL)
_MISSING = re.compile(r'missing "(THEN|LOOP)"')
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


def find_error(
    body: str, complaint: str, complain: Callable[[str], str | None], parse: Callable[[str], SyntaxProblem | None]
) -> int:
    """Return where in a body a syntax error is, in characters.

    Args:
        body: what stands between the quotes.
        complaint: what PL/pgSQL's grammar says about all of it.
        complain: what it says about another body in the same statement.
        parse: what SQL's grammar says about some SQL.
    """
    words = list(tokens(body))
    missing = _MISSING.match(complaint)
    for chunk in _chunks(words):
        first, last = chunk[0][0].lower(), chunk[-1]
        if missing and _WAIT_FOR.get(first) == missing[1] and last[0] == ";":
            return last[1]
        found = _place_in(body, chunk, complaint, parse)
        if found is not None:
            return found
    near = _NEAR.search(complaint)
    if not near or not words:
        return len(body)
    read = words[: _shortest(words, body, lambda text: complain(text) == complaint)]
    return next((start for word, start in reversed(read) if word.lower() == near[1].lower()), read[-1][1])


def _chunks(words: list[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    """Give the statements and expressions with the word that ends them."""
    chunk = []
    for word, start in words:
        chunk.append((word, start))
        if word.lower() in _ENDS:
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


def _place_in(
    body: str, words: list[tuple[str, int]], complaint: str, parse: Callable[[str], SyntaxProblem | None]
) -> int | None:
    """Ask SQL's grammar where a statement, or an expression of PL/pgSQL's, is wrong in the same way."""
    first = words[0][0].lower()
    inside = words[:-1] if words[-1][0].lower() in _ENDS else words
    if first in _SQL_WORDS | {"select"}:
        prefix, begin = "", 0
    else:
        prefix = "SELECT "
        begin = next((i + 1 for i, (word, _) in enumerate(inside[:8]) if word in {":=", "="}), 0)
        begin = 1 if first in _BEFORE_EXPRESSION else begin
    if not inside[begin:] or (prefix and not begin):
        return None
    start = inside[begin][1]
    last, last_start = inside[-1]
    found = parse(prefix + _without_into(body[start : last_start + len(last)]))
    if found is None or found.message != complaint:
        return None
    return min(start + max(0, found.offset - len(prefix)), last_start + len(last))
