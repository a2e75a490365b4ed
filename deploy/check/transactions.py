r"""Whether a migration file can share one transaction with its ledger row, and what is certain to go wrong with it.

A false refusal is worse than a miss: the server has the last word on everything that isn't certain. A file that is hard to tell, such as
one with BEGIN in a branch of an `\if`, is run as it stands.

`\set AUTOCOMMIT off` decides nothing by itself. Within our transaction it has no effect, and a file that has it for its own COMMIT is
run as it stands because of that COMMIT.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.check.directives import Directives, read_directives
from deploy.check.splitter import is_placeholder, line_and_column, skeleton, split
from deploy.check.traits import columns_of, look_into

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.check.splitter import MetaCommand, Statement
    from deploy.check.traits import Traits

__all__ = ["File", "Problem", "Reading", "Step", "Way", "read_script"]


class Way(enum.Enum):
    """How a file is run."""

    TRANSACTION = "transaction"
    """In one transaction with its ledger row."""

    OWN_BLOCK = "own block"
    """The same, in place of the file's only BEGIN and COMMIT."""

    OUTSIDE = "outside"
    """As it stands; the ledger marks its start and its end."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that is certain to go wrong; its `id` stands in the catalogue, `offset` is in characters."""

    id: str
    offset: int
    message: str


@dataclass(frozen=True, slots=True)
class Reading:
    r"""What a file's text says about running it.

    Args:
        reason: for OUTSIDE, the line and the statement that demand it, as people read it.
        begin: the BEGIN to send, with the options of the file's own.
        execution_text: the text to run: without byte-order mark, its own BEGIN and COMMIT blank.
        indexes: (schema or None, name) of each index that the file creates by name.
        concurrent_indexes: those of them that are built CONCURRENTLY, and may be left invalid.
        variables: psql variables that the file sets, as far as its text tells. psql's own are among them: where the runner relies on one
            (ON_ERROR_STOP, AUTOCOMMIT), it has to set it again, for to unset it means off or the default.
        has_client_encoding: whether the file says itself in which encoding it is.
        calls: whether it calls procedures, which may want to commit.
        directives: what the file's `-- deploy:` lines ask for.
    """

    way: Way
    reason: str | None
    begin: str
    execution_text: str
    indexes: tuple[tuple[str | None, str], ...]
    concurrent_indexes: tuple[tuple[str | None, str], ...]
    variables: tuple[str, ...]
    has_client_encoding: bool
    calls: bool
    directives: Directives


def read_script(text: str) -> Reading:
    """Read one file's text as psql will."""
    file = File(text.removeprefix("\ufeff"))
    reason = next(file.objections(), None)
    block = file.blocks[0] if file.blocks and reason is None else None
    indexes = [step.traits.index for step in file.steps if step.traits.index]
    return Reading(
        way=_way(reason, block),
        reason=reason,
        begin=f"BEGIN {block.options.upper()}".strip() if block else "BEGIN",
        execution_text=file.without(block) if block else file.text,
        indexes=tuple((index.schema, index.name) for index in indexes),
        concurrent_indexes=tuple((index.schema, index.name) for index in indexes if index.concurrent),
        variables=tuple(dict.fromkeys(file.variables())),
        has_client_encoding=file.has_client_encoding(),
        calls=any(step.traits.calls for step in file.steps),
        directives=file.directives,
    )


def _way(reason: str | None, block: _Block | None) -> Way:
    if reason:
        return Way.OUTSIDE
    return Way.OWN_BLOCK if block else Way.TRANSACTION


# Statements of transaction control, without comments, in lower case and single spaces

_CONTROL_WORD = re.compile(r"(?:abort|begin|commit|end|prepare|rollback|start)\b", re.IGNORECASE)
_BEGIN = re.compile(
    r"(?:begin(?: work| transaction)?|start transaction)((?: (?:isolation|read|not|deferrable|v+)\b.*)?)"
)
_COMMIT = re.compile(r"(?:commit|end)(?: work| transaction)?(?: and no chain)?")
_OTHER_END = re.compile(
    r"(?:commit|end|rollback|abort)(?: work| transaction)? and chain"
    r"|(?:rollback|abort)(?: work| transaction)?(?: and no chain)?"
    r"|prepare transaction ''"
)
_BEGIN_OPTION = r"(?:isolation level (?:serializable|repeatable read|read committed|read uncommitted)|read write|(?:not )?deferrable)"
_BEGIN_OPTIONS = re.compile(rf"(?:{_BEGIN_OPTION}(?: ?,? ?{_BEGIN_OPTION})*)?")

# What may stand outside of a block that becomes ours: it does the same inside.

_NEUTRAL_STATEMENT = re.compile(
    r"(?:set|reset) (?>(?:session )?)(?!local\b|constraints\b|characteristics\b|transaction|default_transaction).*"
    r"|show .*"
    r"|select (?!.*(?:[()]|\b(?:from|into)\b)).*"
)
_NEUTRAL_COMMANDS = (
    frozenset({"a", "C", "echo", "f", "H", "pset", "qecho", "t", "T", "timing", "warn", "x"})
    | frozenset({"getenv", "prompt", "set", "setenv", "unset"})
    | frozenset({"conninfo", "elif", "else", "encoding", "endif", "errverbose", "if", "q", "quit"})
)

_CLIENT_ENCODING = re.compile(r"set (?:session |local )?(?:client_encoding|names)\b")
_VARIABLE_NAME = re.compile(r"[A-Za-z_0-9\x80-\U0010ffff]+")

_SEMICOLONS = frozenset({";", "\\;", ""})
_CONNECT_COMMANDS = frozenset({"c", "connect"})
_QUIT_COMMANDS = frozenset({"q", "quit"})
_HIDING_COMMANDS = frozenset({"gexec", "i", "if", "include", "include_relative", "ir"})

_CERTAINLY_WRONG = frozenset({"string", "quoted identifier", "dollar quote", "comment", "parenthesis"})


@dataclass(frozen=True, slots=True)
class _Block:
    """A transaction of the file's own.

    Args:
        options: of its BEGIN, in lower case, such as `isolation level serializable`.
        end: the statement that ends it; None if nothing does.
        is_plain: whether that is a COMMIT, and neither ROLLBACK nor PREPARE TRANSACTION nor COMMIT AND CHAIN.
    """

    begin: Statement
    options: str
    end: Statement | None = None
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A statement, what its parse tree says, and which of the file's own transactions is open when it runs."""

    statement: Statement
    traits: Traits
    block: int | None

    @property
    def in_block(self) -> bool:
        """Has the file a transaction of its own open here?"""
        return self.block is not None


class File:
    """One file's text, followed from statement to statement."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.script = split(text)
        self.directives = read_directives(text, self.script)
        self.has_other_strings = "standard_conforming_strings" in text.lower()
        self.steps: list[Step] = []
        self.blocks: list[_Block] = []
        self.strays: list[tuple[Statement, str]] = []  # a BEGIN within a block, a COMMIT outside of one
        self.is_open = False
        self.branches: list[tuple[int, int]] = []  # where an `if` or `endif` stands, and how deep it is from there
        for command in self.script.commands:
            if command.name in {"if", "endif"}:
                depth = self.branches[-1][1] if self.branches else 0
                self.branches.append((command.start, depth + (1 if command.name == "if" else -1)))
        for statement in self.script.statements:
            block = len(self.blocks) - 1 if self.is_open else None
            self.steps.append(Step(statement, look_into(statement), block))
            if _CONTROL_WORD.match(statement.sql):
                self.follow(statement, _words(statement))

    def follow(self, statement: Statement, words: str) -> None:
        begin = _BEGIN.fullmatch(words)
        is_end = bool(_COMMIT.fullmatch(words) or _OTHER_END.fullmatch(words))
        if begin and not self.is_open:
            self.blocks.append(_Block(statement, begin[1].strip()))
            self.is_open = True
        elif begin:
            self.strays.append((statement, "several transactions of its own"))
        elif is_end and self.is_open:
            block = self.blocks[-1]
            self.blocks[-1] = _Block(block.begin, block.options, statement, is_plain=bool(_COMMIT.fullmatch(words)))
            self.is_open = words.endswith(" and chain")
            if self.is_open:
                self.blocks.append(_Block(statement, ""))
        elif is_end:
            self.strays.append((statement, f"{words.split(maxsplit=1)[0].upper()} without BEGIN"))

    # Why it can't be one transaction of ours, the weightiest reason first

    def objections(self) -> Iterator[str]:
        yield from self.wishes()
        yield from self.demands()
        yield from self.uses_of_new_enum_values()
        yield from self.control_of_its_own()

    def wishes(self) -> Iterator[str]:
        if self.directives.no_transaction is not None:
            yield self.at(self.directives.no_transaction, "-- deploy: no-transaction")

    def demands(self) -> Iterator[str]:
        for step in self.steps:
            if step.traits.demand and not step.in_block:
                yield self.at(step.statement.start, f"{step.traits.demand.what} can't run in a transaction")

    def uses_of_new_enum_values(self) -> Iterator[str]:
        for step, value, in_block in self.enum_uses():
            if not in_block:
                yield self.at(
                    step.statement.start, f"{value!r} can't be used in the transaction that adds it to its type"
                )

    def enum_uses(self) -> Iterator[tuple[Step, str, bool]]:
        """Find values that can't be used before they are committed, which they can if the file creates the type as well.

        The truth value says whether both stand in one transaction of the file's own.
        """
        created: set[str | None] = set()
        added: dict[str, tuple[str, int | None]] = {}
        for step in self.steps:
            if not step.traits.altered_enum:
                for value, (literal, block) in added.items():
                    if literal in step.statement.sql and block in {None, step.block}:
                        yield step, value, block is not None
            created.add(step.traits.created_enum)
            if step.traits.added_value and step.traits.altered_enum not in created:
                added[step.traits.added_value] = ("'" + step.traits.added_value.replace("'", "''") + "'", step.block)

    def control_of_its_own(self) -> Iterator[str]:
        yield from (self.at(statement.start, what) for statement, what in self.strays)
        yield from (self.at(block.begin.start, "several transactions of its own") for block in self.blocks[1:])
        for block in self.blocks[:1]:
            yield from self.objections_to(block)

    def objections_to(self, block: _Block) -> Iterator[str]:
        begin, end = block.begin, block.end
        if end is None or not block.is_plain:
            yield self.at(begin.start, "its transaction doesn't end with a plain COMMIT")
        elif not (_is_only_sql(begin) and _is_only_sql(end)):
            yield self.at(begin.start, "its BEGIN or COMMIT has a meta-command or a variable in it")
        elif self.is_in_branch(begin.start) or self.is_in_branch(end.start):
            yield self.at(begin.start, "its transaction depends on an \\if")
        elif not _BEGIN_OPTIONS.fullmatch(block.options):
            yield self.at(begin.start, f"BEGIN {block.options.upper()} can't take in the ledger row")
        else:
            acting = [statement.start for statement in self.script.statements if not _is_neutral(statement)]
            acting += [command.start for command in self.script.commands if command.name not in _NEUTRAL_COMMANDS]
            outside = sorted(offset for offset in acting if not begin.start <= offset <= end.start)
            yield from (self.at(offset, "stands outside of the file's own transaction") for offset in outside)

    def at(self, offset: int, what: str) -> str:
        return f"line {line_and_column(self.text, offset)[0]}: {what}"

    # What is certain to go wrong

    def problems(self) -> Iterator[Problem]:
        yield from self.what_never_ends()
        yield from self.commands_that_leave()
        yield from self.demands_that_fail()

    def what_never_ends(self) -> Iterator[Problem]:
        unterminated = self.script.unterminated
        if unterminated and self.is_certainly_open():
            yield Problem("never-ends", unterminated.offset, f"the {unterminated.kind} that begins here never ends")
        elif self.is_open and not self.may_hide_control():
            yield Problem(
                "begin-without-commit",
                self.blocks[-1].begin.start,
                "BEGIN without COMMIT: psql would roll all of it back and report success",
            )

    def is_certainly_open(self) -> bool:
        unterminated = self.script.unterminated
        return unterminated is not None and unterminated.kind in _CERTAINLY_WRONG and not self.has_other_strings

    def is_cut_off(self, statement: Statement) -> bool:
        """Tell whether a statement goes to the end of the file because something in it never ends."""
        unterminated = self.script.unterminated
        return (
            unterminated is not None
            and unterminated.kind in _CERTAINLY_WRONG
            and statement is self.script.statements[-1]
            and not statement.terminator
        )

    def commands_that_leave(self) -> Iterator[Problem]:
        last = self.script.statements[-1].start if self.script.statements else 0
        for command in self.script.commands:
            if command.name in _CONNECT_COMMANDS and not self.is_in_branch(command.start):
                yield Problem(
                    "changes-database",
                    command.start,
                    f"\\{command.name} would leave the session that holds the deploy's lock",
                )
            if command.name in _QUIT_COMMANDS and command.start < last and not self.is_in_branch(command.start):
                yield Problem(
                    "quits-early",
                    command.start,
                    f"\\{command.name} ends the file here, so that what follows never runs",
                )

    def demands_that_fail(self) -> Iterator[Problem]:
        certain = [] if self.may_hide_control() else [(step, step.traits.demand) for step in self.steps]
        for step, demand in certain:
            if demand and demand.always and step.in_block:
                yield Problem(
                    "fails-in-transaction",
                    step.statement.start,
                    f"{demand.what} can't run in a transaction, and stands within the file's own",
                )
            elif demand and demand.always and step.statement.joined:
                yield Problem(
                    "fails-in-transaction",
                    step.statement.start,
                    f"{demand.what} can't run in one query with other statements, which `\\;` makes of them",
                )

    def may_hide_control(self) -> bool:
        """Tell whether something may begin or end transactions without standing in the file, or not run although it does."""
        is_built = any(s.has_variables and is_placeholder(s.sql.split()[0]) for s in self.script.statements)
        return is_built or any(command.name in _HIDING_COMMANDS for command in self.script.commands)

    def is_in_branch(self, offset: int) -> bool:
        before = bisect_right(self.branches, offset, key=lambda branch: branch[0])
        return before > 0 and self.branches[before - 1][1] > 0

    # What else the runner has to know

    def without(self, block: _Block) -> str:
        """Return the text with the words of BEGIN and COMMIT blank, their semicolons where they were: psql sends those in peace."""
        text = self.text
        for statement in filter(None, (block.begin, block.end)):
            text = text[: statement.start] + re.sub(r"[^\r\n]", " ", statement.text) + text[statement.stop :]
        return text

    def variables(self) -> Iterator[str]:
        for command in self.script.commands:
            names: tuple[str, ...] = ()
            words = command.argument_text.split()
            if command.name in {"set", "getenv"}:
                names = tuple(words[:1])
            elif command.name == "prompt":
                names = tuple(words[-1:])
            elif command.name == "gset":
                names = tuple("".join(words[:1]) + name for name in self.columns_before(command))
            yield from (name for name in names if _VARIABLE_NAME.fullmatch(name))

    def columns_before(self, gset: MetaCommand) -> tuple[str, ...]:
        statements = self.script.statements
        index = bisect_left(statements, gset.start, key=lambda statement: statement.start)
        return columns_of(statements[index - 1]) if index else ()

    def has_client_encoding(self) -> bool:
        return any(command.name == "encoding" and command.argument_text for command in self.script.commands) or any(
            _CLIENT_ENCODING.match(_words(s)) for s in self.script.statements if s.sql[:3].lower() == "set"
        )


def _words(statement: Statement) -> str:
    return " ".join(skeleton(statement.sql).lower().split())


def _is_only_sql(statement: Statement) -> bool:
    return statement.terminator in _SEMICOLONS and statement.text == statement.sql


def _is_neutral(statement: Statement) -> bool:
    return _is_only_sql(statement) and _NEUTRAL_STATEMENT.fullmatch(_words(statement)) is not None
