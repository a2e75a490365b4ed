"""The body of a DO block or a PL/pgSQL function, cut into the SQL statements that it runs, and what each of them depends on.

postgast's tree of a body has no places but line numbers, and is broken for trigger functions; so the words are followed here. A body
that PL/pgSQL's grammar refuses is followed as well, as far as its words make sense.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from deploy.check.splitter import tokens

__all__ = ["SQL_WORDS", "Body", "Part", "body_in", "parts_of", "without_into"]

SQL_WORDS = frozenset(
    {"alter", "analyze", "call", "cluster", "comment", "copy", "create", "delete", "drop", "grant", "import", "insert"}
    | {"lock", "merge", "reassign", "refresh", "reindex", "reset", "revoke", "security", "set", "truncate", "update"}
    | {"abort", "discard", "do", "release", "savepoint", "start", "vacuum", "with"}
)
_CHANGES_ROWS = frozenset({"delete", "insert", "merge", "update", "with"})
_INTO = re.compile(r"(?<!insert\s)(?<!merge\s)\binto\s+(?:strict\s+)?[\w.\[\]]+(?:\s*,\s*[\w.\[\]]+)*", re.IGNORECASE)
_LITERAL = re.compile(r"'((?:[^'\\]|'')*)'(?!')|(\$[A-Za-z_]*\$)(.*?)\2", re.DOTALL)


# Failures that say "it is so already"; what only catches others guards nothing.
_SAYS_DONE = re.compile(
    r"others|duplicate_|undefined_|unique_violation|exclusion_violation|integrity_constraint_violation|invalid_(?:table|object)_definition"
    r"|syntax_error_or_access_rule_violation|object_not_in_prerequisite_state|dependent_objects_still_exist|'(?:23|2B|42|55)"
)


@dataclass(frozen=True, slots=True)
class Body:
    """What stands between the quotes of a DO block or a function, and where in its statement.

    Args:
        start: offset in the statement; None where it is written with escapes, so that no place in it can be told.
    """

    text: str
    start: int | None
    doubles_quotes: bool = False

    def place(self, offset: int) -> int:
        """Turn an offset in the body into one in the statement."""
        if self.start is None:
            return 0
        return self.start + offset + (self.text.count("'", 0, offset) if self.doubles_quotes else 0)

    @property
    def quoting(self) -> tuple[str, str]:
        """What to write for what, so that another text can stand in its place."""
        return ("'", "''") if self.doubles_quotes else ("", "")


def body_in(sql: str, text: str) -> Body:
    """Find a body that the parse tree gave in its statement."""
    found = sql.find(text)
    if found >= 0:
        return Body(text, found)
    quoted = sql.find(f"'{text.replace(chr(39), chr(39) * 2)}'")
    return Body(text, quoted + 1 if quoted >= 0 else None, doubles_quotes=True)


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of a body.

    Args:
        kind: "sql"; "literal" for EXECUTE of a literal, "dynamic" for EXECUTE of anything else; "control" for COMMIT and ROLLBACK.
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

    def step(self, word: str) -> None:  # noqa: C901, PLR0912 - one line a word
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
            case "elsif" | "elseif":
                self.skip_to("then")
            case "when":
                self.when(self.skip_to("then"))
            case "case":
                self.frames.append(_Frame("case", depends=True))
                self.skip_to("when", keep=True)
            case "loop":
                self.frames.append(_Frame("loop"))
            case "while" | "for" | "foreach":
                self.loop()
            case "end":
                del self.frames[-2 if self.is_handling() else -1 :]
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
        if self.frames and self.frames[-1].kind == "begin":
            self.frames.append(_Frame("handlers", depends=True))

    def is_handling(self) -> bool:
        return bool(self.frames) and self.frames[-1].kind == "handlers"

    def when(self, conditions: list[str]) -> None:
        """Look at what a handler catches, and whether it only raises it again."""
        following = [word for word, _ in self.words[self.at : self.at + 2]]
        raises = following in (["raise", ";"], ["raise", "exception"])
        if self.is_handling() and not raises and any(_SAYS_DONE.match(word) for word in conditions):
            self.frames[-2].catches = True

    def loop(self) -> None:
        first = self.at
        header = self.skip_to("loop")
        if "execute" in header:
            self.note("dynamic", "", self.words[first - 1][1], self.words[first - 1][1])
        query = first + header.index("in") + 1 if "in" in header else len(self.words)
        if query < first + len(header) and self.words[query][0] in _CHANGES_ROWS:
            start = self.words[query][1]
            last, last_start = self.words[first + len(header) - 1]
            self.note("sql", self.body[start : last_start + len(last)], start, last_start + len(last))
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
        elif word in SQL_WORDS and words[1:2] not in ([":="], ["="]):
            self.note("sql", without_into(text), start, stop)
        elif word == "execute" and (literal := self.literal_in(self.words[first + 1 : self.at])) is not None:
            self.note("literal", literal, start, stop)
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


def without_into(text: str) -> str:
    """Blank INTO with its variables, which only PL/pgSQL understands."""
    return _INTO.sub(lambda found: " " * len(found[0]), text)
