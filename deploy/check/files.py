"""Migration files looked at as a whole: their names and bytes, how they use transactions, and every statement in them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from itertools import compress, pairwise
from typing import TYPE_CHECKING

from deploy.check.catalogue import CATALOGUE, Finding
from deploy.check.characters import odd_characters
from deploy.check.metacommands import copied_into, findings_of_command
from deploy.check.parser import SyntaxProblem, Tree, parse
from deploy.check.rules import Mark, Rules, Span, Unit
from deploy.check.splitter import Lines
from deploy.check.transactions import File, read_script
from deploy.check.variables import Variables, as_sent, may_be_anything
from deploy.model.migration import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deploy.check.directives import Silence
    from deploy.check.splitter import MetaCommand, Statement

__all__ = ["Checked", "Source", "check_files", "check_text", "errors_of"]


@dataclass(frozen=True, slots=True)
class Source:
    """Something in the migrations directory; `content` is None if it isn't a regular file."""

    name: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in some files, in their order.

    Args:
        silenced: what was found too, and is meant as it is.
        not_analysed: how many statements are built at run time, or too deep, so that nobody can check them.
    """

    findings: tuple[Finding, ...]
    silenced: tuple[Finding, ...]
    files: int
    not_analysed: int


def check_files(sources: Sequence[Source], others: Iterable[str] = ()) -> Checked:
    """Check files of the migrations directory.

    Args:
        sources: the files to look at.
        others: names of files that are taken as they are, but whose numbers count.
    """
    found = list(_names(sources, others))
    silenced: list[Finding] = []
    not_analysed = 0
    for source in sources:
        if source.content is not None and NAME.fullmatch(source.name):
            text, marks = _decoded(source.content)
            checked = check_text(source.name, text, marks)
            found += checked.findings
            silenced += checked.silenced
            not_analysed += checked.not_analysed
    found.sort(key=_place)
    return Checked(tuple(found), tuple(silenced), len(sources), not_analysed)


def check_text(name: str, text: str, marks: Iterable[Mark] = ()) -> Checked:
    """Check one file's text, without looking at its name or at other files.

    Args:
        name: of the file.
        text: without byte-order mark.
        marks: what was found in its bytes.
    """
    checked = _Text(text)
    checked.rules.marks += marks
    kept = checked.rules.marks if "\0" in text else checked.marks()  # what isn't text has no statements to speak of
    findings = sorted(_findings(name, text, kept), key=_place)
    return Checked(tuple(findings), tuple(_findings(name, text, checked.silenced)), 1, checked.rules.not_analysed)


def _place(finding: Finding) -> tuple[str, int, int, str]:
    return finding.file, finding.line, finding.column, finding.id


def errors_of(name: str, text: str) -> list[Finding]:
    """Return what is certain to fail or to escape in a file."""
    findings = check_text(name, text.removeprefix("\ufeff")).findings
    return [finding for finding in findings if finding.severity == "error"]


def _findings(name: str, text: str, marks: Iterable[Mark]) -> list[Finding]:
    found = {}
    lines = Lines(text)
    for mark in marks:
        line, column = lines.place(mark.offset)
        found[mark.id, line, column, mark.message] = _finding(name, line, column, mark)
    return list(found.values())


def _finding(name: str, line: int, column: int, mark: Mark) -> Finding:
    rule = CATALOGUE[mark.id]
    return Finding(
        name, line, column, rule.id, rule.category, mark.severity or rule.severity, mark.message, rule.why, rule.rewrite
    )


def _names(sources: Sequence[Source], others: Iterable[str]) -> Iterator[Finding]:
    numbered = defaultdict(list)
    for name in sorted({source.name for source in sources} | set(others)):
        if found := NAME.fullmatch(name):
            numbered[int(found[1])].append(name)
    for source in sources:
        found = NAME.fullmatch(source.name)
        if source.content is None:
            yield _finding(source.name, 1, 1, Mark("bad-name", 0, "is named like a migration, but is no regular file"))
        elif not found:
            yield _finding(source.name, 1, 1, Mark("bad-name", 0, "doesn't fit NNN_description.sql"))
        else:
            same = [name for name in numbered[int(found[1])] if name != source.name]
            if same:
                message = f"has the same number as {', '.join(same)}"
                yield _finding(source.name, 1, 1, Mark("duplicate-number", 0, message))
    looked_at = {source.name for source in sources}
    for before, after in pairwise(sorted(numbered)):
        name = numbered[after][0]
        if before + 1 < after < _TIMESTAMPS and name in looked_at:
            yield _finding(name, 1, 1, Mark("number-gap", 0, f"no migration has the number {before + 1:03}"))


_TIMESTAMPS = 1000
"""Longer numbers are timestamps, which have gaps by nature."""


def _decoded(content: bytes) -> tuple[str, list[Mark]]:
    """Decode a file as the deploy does, and say what is wrong with its bytes; offsets are those of the text."""
    marks = []
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        text = content.decode("latin-1")
        if not read_script(text).has_client_encoding:
            text = content.decode(errors="replace")
            marks.append(Mark("not-utf8", len(content[: error.start].decode()), "isn't UTF-8 from here on"))
    if text.startswith("\ufeff"):
        text = text[1:]
        marks.append(Mark("byte-order-mark", 0, "begins with a byte-order mark"))
    if (nul := text.find("\0")) >= 0:
        marks.append(Mark("nul-byte", nul, "has a NUL byte"))
    if (returned := text.find("\r")) >= 0:
        marks.append(Mark("carriage-returns", returned, "has carriage returns (CR LF)"))
    return text, marks


# One file's text

_CONDITIONS = {"if": 1, "endif": -1}
_NEEDS_TRANSACTION = re.compile(r"(lock|savepoint|release|rollback\s+(?:work\s+|transaction\s+)?to)\b", re.IGNORECASE)
_CHANGES_NOTHING = re.compile(
    r"(abort|analyze|begin|commit|comment|end|reset|rollback|select|set|show|start|table|values)\b", re.IGNORECASE
)
_ROLLBACK = re.compile(r"(rollback|abort|prepare)\b", re.IGNORECASE)
_SAVEPOINT = re.compile(
    r"(savepoint|release|rollback(?:\s+work|\s+transaction)?\s+to)\s+(?:savepoint\s+)?(\w+|\"[^\"]+\")", re.IGNORECASE
)


class _Text:
    """One file's text, which File follows through its transactions and Rules through its statements."""

    def __init__(self, text: str) -> None:
        self.file = File(text)
        self.rules = Rules(checks_bodies="check_function_bodies" not in text)
        self.branches = [c for c in self.file.script.commands if c.name in _CONDITIONS]
        self.silenced: list[Mark] = []
        self.cut_off = False
        self.add = self.rules.add
        self.variables = Variables(self.file.script)
        quits = [command.start for command in self.file.script.commands if command.name in {"q", "quit"}]
        self.quits_at = min(quits, default=len(text))

    def marks(self) -> list[Mark]:
        """Return what was found and isn't silenced."""
        file = self.file
        if not (file.script.statements or file.script.commands or file.script.unterminated):
            self.add("empty-file", 0, "there is no statement in it")
        for statement in file.script.statements:
            self.rules.spans.append(Span(statement.start, max(statement.stop, statement.start + 1)))
            self.statement(statement)
        for command in file.script.commands:
            line_end = file.text.find("\n", command.start)
            self.rules.spans.append(Span(command.start, line_end if line_end >= 0 else len(file.text)))
            self.command(command)
        if file.script.unterminated and file.script.unterminated.kind == "copy data":
            message = r"the COPY data that begins here has no line of \. to end it"
            self.add("never-ends", file.script.unterminated.offset, message, "warning")
        self.conditions()
        self.transactions()
        self.odd_characters()
        for problem in file.problems():
            if problem.id == "never-ends" and self.cut_off:
                continue
            self.add(problem.id, problem.offset, problem.message)
        for wrong in file.directives.wrong:
            self.add(wrong.id, wrong.offset, wrong.message)
        return self.without_silenced()

    def statement(self, statement: Statement) -> None:
        in_branch = bool(self.branches) and self.file.is_in_branch(statement.start)
        unset = [] if in_branch else self.variables.unset_in(statement)
        earlier = len(self.rules.marks)
        sql = as_sent(statement, unset)
        tree = parse(sql)
        meant = tree if not unset or isinstance(tree, Tree) else parse(statement.sql)
        if isinstance(meant, Tree):
            self.rules.look_at(meant, Unit(statement.sql, statement.start, in_branch))
        if isinstance(tree, Tree):
            return
        if unset:
            self.rules.marks[earlier:] = [mark for mark in self.rules.marks[earlier:] if mark.id != "syntax-error"]
        if (
            tree is None
            or self.file.has_other_strings
            or statement.start > self.quits_at
            or (not unset and may_be_anything(statement))
        ):
            self.rules.not_analysed += 1
        elif not self.file.is_cut_off(statement):
            offset, message = _as_psql_has_it(self.file, statement, tree)
            hint = f": nothing in the file sets {unset[0][1]}" if unset else ""
            self.add("syntax-error", offset, f"{message}{hint}", "warning" if in_branch else "")
        elif self.file.is_certainly_open() and "unterminated" not in tree.message:
            # the server stops before the end of the file
            self.cut_off = True
            offset, message = _as_psql_has_it(self.file, statement, tree)
            kind = self.file.script.unterminated.kind if self.file.script.unterminated else ""
            self.add(
                "syntax-error", offset, f"{message}, in a {kind} that never ends" if kind == "parenthesis" else message
            )

    def odd_characters(self) -> None:
        if any(mark.id == "not-utf8" for mark in self.rules.marks):
            return
        for statement in self.file.script.statements:
            for offset, what in odd_characters(statement.text):
                self.add("odd-character", statement.start + offset, what)

    # psql's own commands

    def command(self, command: MetaCommand) -> None:
        in_branch = self.file.is_in_branch(command.start)
        self.rules.not_analysed += command.name == "gexec"
        for name, message, severity in findings_of_command(command, in_branch=in_branch):
            self.add(name, command.start, message, severity)
        table = copied_into(command)
        if table and not in_branch and not self.rules.starts_empty(table):
            self.add("copy-not-idempotent", command.start, rf"\copy into {'.'.join(table)}")

    def conditions(self) -> None:
        opened: list[MetaCommand] = []
        for command in self.file.script.commands:
            if command.name == "if":
                opened.append(command)
            elif command.name in {"elif", "else", "endif"} and not opened:
                self.add("unbalanced-if", command.start, f"\\{command.name} without \\if")
            elif command.name == "endif":
                opened.pop()
        for command in opened:
            self.add("unbalanced-if", command.start, r"\if without \endif")

    # Transactions

    def transactions(self) -> None:
        file = self.file
        if file.directives.no_transaction is not None:
            self.rules.marks[:] = [mark for mark in self.rules.marks if mark.id != "commit-in-do"]
        for step, value, in_block in file.enum_uses():
            severity = "error" if in_block and not file.may_hide_control() else ""
            message = f"{value!r} is used in the file that adds it to its type"
            self.add("new-enum-value-used", step.statement.start, message, severity)
        if file.may_hide_control():
            return
        for statement, what in file.strays:
            begins = not what.endswith("without BEGIN")
            name = "nested-begin" if begins else "commit-without-begin"
            self.add(name, statement.start, "BEGIN within a transaction" if begins else what)
        for step in file.steps:
            demand = step.traits.demand
            if step.in_block and demand and not demand.always and not demand.what.endswith("inside DO"):
                message = f"{demand.what} can't run in a transaction, and stands within the file's own"
                self.add("fails-in-transaction", step.statement.start, message, "warning")
        self.savepoints()
        for block in file.blocks:
            if block.end and (found := _ROLLBACK.match(block.end.sql)):
                self.add("ends-in-rollback", block.end.start, f"the file's transaction ends with {found[1].upper()}")
        if next(file.objections(), None):
            self.rules.marks[:] = [mark for mark in self.rules.marks if mark.id != "validates-under-lock"]
            self.outside()

    def savepoints(self) -> None:
        known: set[tuple[int | None, str]] = set()
        for step in self.file.steps:
            if found := _SAVEPOINT.match(step.statement.sql):
                name = (step.block, found[2].lower())
                if found[1].lower() == "savepoint":
                    known.add(name)
                elif name not in known and not self.file.is_in_branch(step.statement.start):
                    self.add("unknown-savepoint", step.statement.start, f"there is no savepoint {found[2]}")

    def outside(self) -> None:
        """Look at what it means for the statements of a file that it runs outside a transaction."""
        file = self.file
        for step in file.steps:
            found = None if step.in_block or step.statement.joined else _NEEDS_TRANSACTION.match(step.statement.sql)
            if found:
                what = " ".join(found[1].upper().split())
                severity = "warning" if file.is_in_branch(step.statement.start) else ""
                self.add("needs-transaction", step.statement.start, f"{what} in a file that runs outside one", severity)
        demanding = [step for step in file.steps if step.traits.demand and not step.in_block]
        plain = [step for step in demanding if step.statement.sql[:2].lower() != "do"]
        if file.directives.no_transaction is not None or not plain:
            return
        others = [s for s in file.steps if s not in demanding and not _CHANGES_NOTHING.match(s.statement.sql)]
        for step in plain:
            what = step.traits.demand.what if step.traits.demand else ""
            if others:
                message = f"{what} can't run in a transaction, so that the file's other statements run outside one too"
                self.add("breaks-atomicity", step.statement.start, message)
                return
            if not what.endswith("CONCURRENTLY"):
                self.add("runs-outside-transaction", step.statement.start, f"{what} can't run in a transaction")

    # What is meant as it is

    def without_silenced(self) -> list[Mark]:
        marks = self.rules.valid_marks()
        spans = sorted(self.rules.spans)
        for silence in self.file.directives.silences:
            start, stop = self.reach(silence, spans)
            here = [mark.id == silence.id and start <= mark.offset < stop for mark in marks]
            self.silenced += compress(marks, here)
            marks = [mark for mark, is_silenced in zip(marks, here, strict=True) if not is_silenced]
            if not any(here):
                marks.append(Mark("unused-ignore", silence.offset, f"there is no {silence.id} here to ignore"))
        return marks

    def reach(self, silence: Silence, spans: list[Span]) -> Span:
        """Return what an `ignore` is about: the file, the statement that follows, or the one that it stands in."""
        everything = Span(0, len(self.file.text) + 1)
        if silence.whole_file:
            return everything
        if silence.is_behind:
            return max((span for span in spans if span.start < silence.offset), default=everything)
        around = [span for span in spans if span.start <= silence.offset < span.stop]
        following = spans[bisect_left(spans, Span(silence.offset, 0)) :][:1]
        if around and not (following and following[0].stop <= around[0].stop):
            return around[-1]
        return following[0] if following else everything


# postgast's grammar is PostgreSQL 18's, which reads NOT here as the beginning of a constraint; older ones, that most servers are, stop.
_NOT_NULL_CONSTRAINT = re.compile(r"(?:[(,]|\badd|\bconstraint\s+\w+)\s*\b(not)\s+\Z", re.IGNORECASE)


def _as_psql_has_it(file: File, statement: Statement, problem: SyntaxProblem) -> tuple[int, str]:
    """Return where the server sees a syntax error, and its words: psql sends what stands behind the last word, too."""
    if problem.offset < len(statement.sql):
        before = _NOT_NULL_CONSTRAINT.search(statement.sql, 0, problem.offset)
        if before and problem.message.startswith("syntax error"):
            return statement.start + before.start(1), f'syntax error at or near "{before[1]}"'
        return statement.start + problem.offset, problem.message
    if statement.terminator in {";", "\\;"}:
        return file.text.find(";", statement.stop), 'syntax error at or near ";"'
    commands = file.script.commands
    following = bisect_left(commands, statement.stop, key=lambda command: command.start)
    end = commands[following].start if following < len(commands) else len(file.text)
    return len(file.text[:end].rstrip("\n")), problem.message
