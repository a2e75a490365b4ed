"""What a file asks of the deploy in its comments: `-- deploy: …`, on lines of their own.

All of them stand before the first statement, but for `ignore`: it silences one kind of finding on the statement that follows it, or on
the one behind which it stands in the same line; and in the whole file if it stands in the header, with an empty line between it and the
first statement.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy.check.catalogue import CATALOGUE
from deploy.check.splitter import inside_dollars, tokens
from deploy.model.settings import duration_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.check.splitter import Script

__all__ = ["Directives", "Silence", "Wrong", "read_directives"]

NEVER_SILENT = frozenset(
    {"begin-without-commit", "changes-database", "fails-in-transaction", "never-ends", "quits-early"}
    | {"duplicate-number", "bad-name", "nul-byte", "not-utf8"}
)
"""What no reason makes good: the deploy would fail, or not know what it did."""


@dataclass(frozen=True, slots=True)
class Silence:
    """An `ignore` or `allow`: which finding is wanted as it is, and whether in the whole file, or before or after `offset` only."""

    id: str
    offset: int
    whole_file: bool
    is_behind: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """A directive that can't be followed; `id` stands in the catalogue."""

    id: str
    offset: int
    message: str


@dataclass(slots=True)
class Directives:
    """What the directives of one file say.

    Args:
        no_transaction: where the file asks to run outside a transaction, in characters; None if it doesn't.
        lock_timeout_ms: milliseconds, 0 for none; None leaves the setting as it is. `statement_timeout_ms` likewise.
        repeatable: run again whenever the text changes.
        requires_extensions: names that the server must have to offer.
        silences: what `ignore` and `allow` name.
    """

    no_transaction: int | None = None
    lock_timeout_ms: int | None = None
    statement_timeout_ms: int | None = None
    repeatable: bool = False
    requires_extensions: tuple[str, ...] = ()
    silences: tuple[Silence, ...] = ()
    wrong: list[Wrong] = field(default_factory=list)

    @property
    def allows(self) -> tuple[str, ...]:
        """The ids that are wanted in the whole file."""
        return tuple(silence.id for silence in self.silences if silence.whole_file)


_DIRECTIVE = re.compile(r"^[ \t]*(--[ \t]*deploy:[ \t]*([^\s,]*)[ \t,]*([^\r\n]*))", re.MULTILINE)
_ELSEWHERE = re.compile(
    r"((--[ \t]*deploy:|/\*[ \t]*deploy:)[ \t]*(ignore|allow|no-transaction|lock-timeout|statement-timeout|repeatable|requires-extension)\b"
    r"[ \t,]*([^\r\n]*))",
    re.IGNORECASE,
)
_EMPTY_LINE = re.compile(r"\n[ \t\r]*\n")
_EXTENSION = re.compile(r'"?([A-Za-z0-9_][A-Za-z0-9_-]{0,62})"?')


def read_directives(text: str, script: Script) -> Directives:
    """Read a file's directives; what is wrong with them is in `wrong`, never raised."""
    read = Directives()
    if "deploy:" in text.lower():
        starts = [statement.start for statement in script.statements[:1]]
        starts += [command.start for command in script.commands[:1]]
        first = min(starts, default=len(text))
        own_lines = {found.start(1): found for found in _DIRECTIVE.finditer(text)}
        for found in own_lines.values():
            if _is_comment(text, found.start(1), script):
                _read(read, text, first, found)
        for found in _ELSEWHERE.finditer(text):
            if found.start(1) not in own_lines and _is_comment(text, found.start(1), script):
                _read_elsewhere(read, found)
    return read


def _is_comment(text: str, offset: int, script: Script) -> bool:
    """Tell a comment from what looks like one in a string or in COPY data."""
    following = bisect_right(script.statements, offset, key=lambda statement: statement.start)
    for statement in script.statements[max(0, following - 1) : following]:
        if offset < statement.stop:
            return not _is_in_token(statement.text, offset - statement.start)
        between = text[statement.stop : offset]
        return "\n" not in between or statement.sql[:4].lower() != "copy" or "\n\\." in between
    return True


def _is_in_token(sql: str, offset: int) -> bool:
    for token, start in tokens(sql):
        if start <= offset < start + len(token):
            quoted = inside_dollars(token)
            return quoted is None or _is_in_token(quoted[0], offset - start - quoted[1])
    return False


def _read_elsewhere(read: Directives, found: re.Match[str]) -> None:
    """Read what stands behind something else in its line, or is written in another way; only `ignore` may do the first."""
    offset, mark, name, argument = found.start(1), found[2], found[3], found[4].strip()
    if "".join(mark.split()) != "--deploy:" or name != name.lower():
        message = f"{name}: write it as `-- deploy: {name.lower()}`"
        read.wrong.append(Wrong("malformed-directive", offset, message))
        return
    if name != "ignore":
        read.wrong.append(Wrong("misplaced-directive", offset, f"{name} stands behind something else in its line"))
        return
    try:
        read.silences += (Silence(_silenced(argument), offset, whole_file=False, is_behind=True),)
    except ValueError as error:
        read.wrong.append(Wrong("malformed-directive", offset, f"{name}: {error}"))


def _read(read: Directives, text: str, first: int, found: re.Match[str]) -> None:
    offset, name, argument = found.start(1), found[2], found[3].strip()
    in_header = offset < first
    try:
        if name == "ignore":
            whole_file = in_header and _EMPTY_LINE.search(text, offset, first) is not None
            read.silences += (Silence(_silenced(argument), offset, whole_file),)
        elif name not in _READERS:
            read.wrong.append(Wrong("unknown-directive", offset, f"there is no directive {name!r}"))
        elif not in_header:
            read.wrong.append(Wrong("misplaced-directive", offset, f"{name} stands behind the first statement"))
        else:
            _READERS[name](read, argument, offset)
    except ValueError as error:
        read.wrong.append(Wrong("malformed-directive", offset, f"{name}: {error}"))


def _silenced(argument: str) -> str:
    written, _, reason = argument.partition(" ")
    name = written.rstrip(",:")
    others = reason.split(maxsplit=1)
    if others and others[0].rstrip(",") in CATALOGUE and (written.endswith(",") or len(others) == 1):
        raise ValueError("name one finding, and the reason; another one takes a line of its own")
    if name not in CATALOGUE:
        raise ValueError(f"there is no finding {name!r}" if name else "name a finding, and the reason")
    if not reason.strip():
        raise ValueError(f"say behind {name} why it is right here")
    if name in NEVER_SILENT:
        raise ValueError(f"{name} can't be silenced: the deploy would go wrong")
    return name


def _no_transaction(read: Directives, _argument: str, offset: int) -> None:
    read.no_transaction = offset


def _repeatable(read: Directives, _argument: str, _offset: int) -> None:
    read.repeatable = True


def _lock_timeout(read: Directives, argument: str, _offset: int) -> None:
    read.lock_timeout_ms = _once(read.lock_timeout_ms, argument)


def _statement_timeout(read: Directives, argument: str, _offset: int) -> None:
    read.statement_timeout_ms = _once(read.statement_timeout_ms, argument)


def _once(before: int | None, argument: str) -> int:
    if before is not None:
        raise ValueError("is there twice")
    return duration_ms(argument)


def _requires_extension(read: Directives, argument: str, _offset: int) -> None:
    found = _EXTENSION.fullmatch(argument)
    if not found:
        raise ValueError("must name one extension")
    read.requires_extensions += (found[1],)


def _allow(read: Directives, argument: str, offset: int) -> None:
    name = _silenced(argument)
    if CATALOGUE[name].category != "destructive":
        raise ValueError(f"is for what destroys data; `ignore {name}` silences this")
    read.silences += (Silence(name, offset, whole_file=True),)


_READERS: dict[str, Callable[[Directives, str, int], None]] = {
    "no-transaction": _no_transaction,
    "repeatable": _repeatable,
    "lock-timeout": _lock_timeout,
    "statement-timeout": _statement_timeout,
    "requires-extension": _requires_extension,
    "allow": _allow,
}
