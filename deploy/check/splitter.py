r"""One migration file, cut into statements and meta-commands where psql cuts it.

The cutting decides how a file is run, so it follows psql, not the SQL standard and not the server: a string goes on over line ends,
comments nest, a semicolon in parentheses or in a BEGIN ATOMIC body ends nothing, `\;` keeps the buffer and `\g` sends it.

Source: psqlscan.l, psqlscanslash.l, mainloop.c and copy.c of PostgreSQL, and psql 17 itself, fed the same texts.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Lines",
    "MetaCommand",
    "Script",
    "Statement",
    "Unterminated",
    "inside_dollars",
    "is_placeholder",
    "line_and_column",
    "skeleton",
    "split",
    "tokens",
]


@dataclass(frozen=True, slots=True)
class Statement:
    r"""One SQL statement of a file.

    Args:
        start: offset of its first character that is neither white space nor comment.
        stop: offset after its last character; what ends it isn't part of it.
        text: the file's own characters from start to stop.
        sql: as long as `text`, for a parser: variables are placeholders, meta-commands and COPY data within it are blank.
        variables: the offset and the text (`:x`, `:'x'`) of each placeholder in `sql`, whose value only psql will know.
        terminator: `;`, `\;`, the command that sends it (`\gexec`), or nothing at the end of the file.
        joined: whether psql sends it together with others, by `\;`, as one implicit transaction.
    """

    start: int
    stop: int
    text: str
    sql: str
    variables: tuple[tuple[int, str], ...]
    terminator: str
    joined: bool

    @property
    def has_variables(self) -> bool:
        """Are there any?"""
        return bool(self.variables)


@dataclass(frozen=True, slots=True)
class MetaCommand:
    r"""A backslash command; its name without the backslash, its arguments as they stand in the file."""

    name: str
    argument_text: str
    start: int


@dataclass(frozen=True, slots=True)
class Unterminated:
    """What is still open at the end of the file, and where it was opened.

    Args:
        kind: "string", "quoted identifier", "dollar quote", "comment", "parenthesis", "function body" or "copy data". psql and the
            server put up with the last two.
        offset: of the character that opens it, or of the first line of data.
    """

    kind: str
    offset: int


@dataclass(frozen=True, slots=True)
class Script:
    """A whole file as psql reads it, in the file's order."""

    statements: tuple[Statement, ...]
    commands: tuple[MetaCommand, ...]
    unterminated: Unterminated | None


def split(text: str) -> Script:
    """Cut a file's text, without byte-order mark, into what psql would run.

    standard_conforming_strings is taken to be on. Every branch of an `if` is read as if it were run.
    """
    return _Scanner(text).scan()


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return where an offset is, both counted from 1, the column in characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


class Lines:
    """The lines of a text, for many offsets in it."""

    def __init__(self, text: str) -> None:
        self._ends = [found.start() for found in _LINE_END.finditer(text)]

    def place(self, offset: int) -> tuple[int, int]:
        """Return where an offset is, as line_and_column does."""
        line = bisect_left(self._ends, offset)
        return line + 1, offset - (self._ends[line - 1] if line else -1)


def is_placeholder(name: str) -> bool:
    """Tell whether a name that a parser found stands for a psql variable."""
    return name.strip(_PLACEHOLDER) == ""


def skeleton(sql: str) -> str:
    """Return the words and signs of some SQL: comments are a space, strings and quoted identifiers empty quotes.

    A comment that has comments that have comments stays as it is.
    """
    return _NOT_A_WORD.sub(_bone, sql)


def tokens(sql: str) -> Iterator[tuple[str, int]]:
    """Give the words, signs, strings and quoted identifiers of some SQL with their offsets, without comments and white space."""
    for found in _TOKEN.finditer(sql):
        token = found[0]
        if not token.startswith(("--", "/*")) and not token.isspace():
            yield token, found.start()


def inside_dollars(token: str) -> tuple[str, int] | None:
    """Return what a dollar quote quotes, and where that begins in it; None for any other token."""
    tag = _DOLLAR_TAG.match(token)
    return (token[tag.end() : -tag.end()], tag.end()) if tag and len(token) >= 2 * tag.end() else None


_PLACEHOLDER = "v"
_LINE_END = re.compile(r"\n")

# Groups are atomic, (?>(?:…)*), not possessive, (?:…)*+, which lose matches before Python 3.11.5.
# Character classes as flex has them: every character beyond ASCII is a letter. They are written as "none of this ASCII",
# because a range up to the last character takes re a tenth of a second to compile.
_SPACES = " \t\n\r\f\v"
_LETTER = r"^\x00-@\[-\^`{-\x7f"
_NAME = r"^\x00-/:-@\[-\^`{-\x7f"
_IDENTIFIER = r"^\x00-#%-/:-@\[-\^`{-\x7f"
_DULL = r"\x00-!#%&*+,.<-@\[\]\^`{-\x7f"  # neither part of a name nor anything that may need a decision

_STRING = rf"(?:(?<![eE])|(?<=[{_IDENTIFIER}][eE]))'[^']*+'"  # a doubled quote reads as two strings, to the same end
_ESCAPE_STRING = rf"(?<=[eE])(?<![{_IDENTIFIER}][eE])'(?>(?:[^'\\]++|\\.|'')*)'"
_QUOTED_IDENTIFIER = r'"[^"]*+"'
_LINE_COMMENT = r"--[^\r\n]*+"
_FLAT_COMMENT = r"/\*(?>(?:[^*/]++|\*(?!/)|/(?!\*))*)\*/"
_LONE_SIGN = rf"-(?!-)|/(?!\*)|::|:=|:(?![{_LETTER}]|['\"{{])"
_NO_STOP = rf"{_STRING}|{_ESCAPE_STRING}|{_QUOTED_IDENTIFIER}|{_LINE_COMMENT}|{_FLAT_COMMENT}|{_LONE_SIGN}"
_FLAT_PARENTHESES = rf"\((?>(?:[^'\"$\\:()/\-]++|{_NO_STOP})*)\)"

# One match runs over all that can't end a statement, up to a character that needs a decision. That is what makes it fast.
_NEXT_STOP = re.compile(
    rf"(?>(?:[^'\"$\\:;()/\-]++|{_NO_STOP}|{_FLAT_PARENTHESES})*)(['\"$\\:;()/])",
    re.DOTALL,
)
# In CREATE FUNCTION, words count as well: BEGIN and CASE open, END closes.
_NEXT_STOP_IN_FUNCTION = re.compile(
    rf"(?>(?:[{_DULL}]++|(?!(?:begin|case|end)(?![{_IDENTIFIER}]))[{_LETTER}][{_IDENTIFIER}]*+|[0-9]++(?>(?:[{_LETTER}][{_IDENTIFIER}]*+)?)"
    rf"|{_NO_STOP}|{_FLAT_PARENTHESES})*)(['\"$\\:;()/]|begin|case|end)",
    re.DOTALL | re.IGNORECASE,
)

_GAP = rf"(?:[{_SPACES}]++|{_LINE_COMMENT}|{_FLAT_COMMENT})"
_GAPS = re.compile(rf"(?>{_GAP}*)", re.DOTALL)
_EMPTY_STATEMENTS = re.compile(rf"[;{_SPACES}]*+")
_COMMENT_MARK = re.compile(r"/\*|\*/")
_FUNCTION = re.compile(
    rf"create(?>{_GAP}+)(?:or(?>{_GAP}+)replace(?>{_GAP}+))?(?:function|procedure)(?![{_IDENTIFIER}])",
    re.DOTALL | re.IGNORECASE,
)

_IDENTIFIER_BEFORE = re.compile(rf"(?<![{_IDENTIFIER}])(?:\$[0-9]+|[0-9]*)[{_LETTER}][{_IDENTIFIER}]*\Z")
_STRING_PREFIX = re.compile(rf"(?<![{_IDENTIFIER}])(?:[ebxnEBXN]|[uU]&)\Z")
_LONGEST_IDENTIFIER = 100  # PostgreSQL keeps 63 bytes; looking back further would only cost time
_REST_OF_IDENTIFIER = re.compile(rf"[{_IDENTIFIER}]+")
_DOLLAR_TAG = re.compile(rf"\$(?:[{_LETTER}][{_NAME}]*+)?\$")

_VARIABLE = re.compile(rf":(?:[{_LETTER}][{_NAME}]*+|'[{_NAME}]++'|\"[{_NAME}]++\"|\{{\?[{_NAME}]++\}})")
_OPEN_BRACKET_WINDOW = 200  # characters; an array slice longer than this is read as a variable
_LOWER_BOUND = re.compile(rf"(?:[{_IDENTIFIER}]|[)\]'\"]|(?<!array)\[)[{_SPACES}]*\Z", re.IGNORECASE)

_COMMAND_NAME = re.compile(rf"\\[^\\{_SPACES}]*+")
_WHOLE_LINE = re.compile(r"[^\n]*+")
_PIPE = re.compile(r"[ \t\f\r\v]*\|")
_ARGUMENTS = re.compile(r"""(?>(?:[^'"`\\\n]++|'(?>(?:[^'\\\n]++|\\[^\n])*)'?+|"[^"\n]*+"?+|`[^`\n]*+`?+)*)""")
_WHOLE_LINE_COMMANDS = frozenset({"", "!", "copy", "ef", "ev", "h", "help", "sf", "sf+", "sv", "sv+"})
_PIPE_COMMANDS = frozenset({"g", "gx", "o", "out", "w", "write"})
_SENDING_COMMANDS = frozenset({"g", "gx", "gexec", "gset", "gdesc", "crosstabview", "watch"})

_FROM_STDIN = rf"(?:[^'\"();]|{_QUOTED_IDENTIFIER}|\((?>(?:[^()\"]|{_QUOTED_IDENTIFIER})*)\))+?\bfrom(?>{_GAP}+)std(?:in|out)(?![{_IDENTIFIER}])"
_COPY_FROM_STDIN = re.compile(rf"copy(?![{_IDENTIFIER}]){_FROM_STDIN}", re.DOTALL | re.IGNORECASE)
_ARGUMENTS_FROM_STDIN = re.compile(_FROM_STDIN, re.DOTALL | re.IGNORECASE)
_END_OF_DATA = re.compile(r"\n\\\.\r?(?:\n|\Z)")
_NOTHING_MORE_ON_THE_LINE = re.compile(r"[ \t\r\f\v]*+(?:--[^\n]*+)?\n")

_NESTED_COMMENT = rf"/\*(?>(?:[^*/]++|\*(?!/)|/(?!\*)|{_FLAT_COMMENT})*)\*/"
_DOLLAR_STRING = rf"(?<![{_IDENTIFIER}])(\$(?:[{_LETTER}][{_NAME}]*+)?\$).*?\1"
_NOT_A_WORD = re.compile(
    rf"{_LINE_COMMENT}|{_NESTED_COMMENT}|{_STRING}|{_ESCAPE_STRING}|{_QUOTED_IDENTIFIER}|{_DOLLAR_STRING}", re.DOTALL
)
_TOKEN = re.compile(rf"{_NOT_A_WORD.pattern}|[{_SPACES}]++|[{_LETTER}][{_IDENTIFIER}]*+|[0-9.]++|:=|<<|>>|.", re.DOTALL)


class _Scanner:
    """psql's main loop over one file: a position, a query buffer, and how deep in parentheses and bodies it is."""

    def __init__(self, text: str) -> None:
        self.original = text
        self.text = text  # the same, but for COPY data that had to be blanked
        self.position = 0
        self.last_token_end = 0  # of a dollar quote or a variable, whose letters don't begin an identifier
        self.statements: list[Statement] = []
        self.commands: list[MetaCommand] = []
        self.unterminated: Unterminated | None = None
        self.buffer: list[Statement] = []  # those that `\;` keeps until something sends them
        self.handlers = {
            ";": self.semicolon,
            "(": self.open_parenthesis,
            ")": self.close_parenthesis,
            "\\": self.backslash,
            ":": self.colon,
            "$": self.dollar,
            "/": self.comment,
            "'": self.open_string,
            '"': self.open_identifier,
            "b": self.begin,
            "c": self.case,
            "e": self.end,
        }

    def scan(self) -> Script:
        self.begin_statement()
        while (found := self.next_stop.match(self.text, self.position)) is not None:
            self.position = found.start(1)
            self.handlers[found[1][0].lower()]()
        self.note_what_is_open()
        self.end_statement(len(self.text), terminator="")
        self.send()
        return Script(tuple(self.statements), tuple(self.commands), self.unterminated)

    # The life of a statement

    def begin_statement(self) -> None:
        self.parentheses = 0
        self.bodies = 0
        self.opened_at = 0
        self.edits: list[tuple[int, int, str]] = []
        self.variables: list[tuple[int, str]] = []
        self.skip_gap()
        self.start = self.position
        in_function = _FUNCTION.match(self.text, self.start) is not None
        self.next_stop = _NEXT_STOP_IN_FUNCTION if in_function else _NEXT_STOP

    def end_statement(self, stop: int, *, terminator: str) -> None:
        """Put what was read into the buffer, unless it is only white space and comments."""
        sql = self.edited_sql(stop).rstrip(_SPACES)
        if sql:
            stop = self.start + len(sql)
            text = self.original[self.start : stop]
            variables = tuple((offset - self.start, variable) for offset, variable in self.variables)
            self.buffer.append(Statement(self.start, stop, text, sql, variables, terminator, joined=False))

    def send(self) -> None:
        """Take the buffer as psql sends it, and step over the data that its COPY statements read from the file."""
        if len(self.buffer) > 1:
            self.buffer = [
                Statement(s.start, s.stop, s.text, s.sql, s.variables, s.terminator, joined=True) for s in self.buffer
            ]
        self.statements += self.buffer
        self.skip_copy_data(sum(_COPY_FROM_STDIN.match(statement.sql) is not None for statement in self.buffer))
        self.buffer = []

    def edited_sql(self, stop: int) -> str:
        if not self.edits:
            return self.text[self.start : stop]
        pieces = []
        position = self.start
        for edit_start, edit_stop, replacement in self.edits:
            pieces += [self.text[position:edit_start], replacement]
            position = edit_stop
        pieces.append(self.text[position:stop])
        return "".join(pieces)

    def blank(self, start: int, stop: int) -> None:
        self.edits.append((start, stop, " " * (stop - start)))

    # What ends a statement, or seems to

    def semicolon(self) -> None:
        self.position += 1
        if not self.parentheses and not self.bodies:
            self.end_statement(self.position - 1, terminator=";")
            self.send()
            self.position = _end_of(_EMPTY_STATEMENTS, self.text, self.position)
            self.begin_statement()

    def open_parenthesis(self) -> None:
        if not self.parentheses:
            self.opened_at = self.position
        self.parentheses += 1
        self.position += 1

    def close_parenthesis(self) -> None:
        self.parentheses = max(0, self.parentheses - 1)
        self.position += 1

    def begin(self) -> None:
        if not self.parentheses:
            self.opened_at = self.opened_at if self.bodies else self.position
            self.bodies += 1
        self.position += len("begin")

    def case(self) -> None:
        if self.bodies and not self.parentheses:
            self.bodies += 1
        self.position += len("case")

    def end(self) -> None:
        if self.bodies and not self.parentheses:
            self.bodies -= 1
        self.position += len("end")

    # Quotes and comments: a quote or a flat comment that ends has been run over by the expression

    def open_string(self) -> None:
        self.begin_of_quote("'")
        if prefix := _STRING_PREFIX.search(self.text[max(0, self.position - _LONGEST_IDENTIFIER) : self.position]):
            self.position -= len(prefix[0])
        self.never_ends("string")

    def open_identifier(self) -> None:
        self.begin_of_quote('"')
        self.never_ends("quoted identifier")

    def begin_of_quote(self, quote: str) -> None:
        """Step back to where what never ends begins: up to a doubled quote it has been taken for a string that ends."""
        while self.text[self.position - 1] == quote and self.position > self.start:
            self.position = self.text.rindex(quote, 0, self.position - 1)

    def comment(self) -> None:
        """Step over a comment that has others in it."""
        depth = 0
        for mark in _COMMENT_MARK.finditer(self.text, self.position):
            depth += 1 if mark[0] == "/*" else -1
            if not depth:
                self.position = mark.end()
                return
        self.never_ends("comment")

    def dollar(self) -> None:
        back = max(self.last_token_end, self.position - _LONGEST_IDENTIFIER)
        if _IDENTIFIER_BEFORE.search(self.text[back : self.position]):
            self.position = _end_of(_REST_OF_IDENTIFIER, self.text, self.position)
        elif (tag := _DOLLAR_TAG.match(self.text, self.position)) is None:
            self.position += 1
        elif (stop := self.text.find(tag[0], tag.end())) >= 0:
            self.position = self.last_token_end = stop + len(tag[0])
        else:
            self.never_ends("dollar quote")

    def skip_gap(self) -> None:
        self.position = _end_of(_GAPS, self.text, self.position)
        while self.text.startswith("/*", self.position):
            self.comment()
            self.position = _end_of(_GAPS, self.text, self.position)

    def never_ends(self, kind: str) -> None:
        self.unterminated = self.unterminated or Unterminated(kind, self.position)
        self.position = len(self.text)

    def note_what_is_open(self) -> None:
        if self.parentheses or self.bodies:
            kind = "parenthesis" if self.parentheses else "function body"
            self.unterminated = self.unterminated or Unterminated(kind, self.opened_at)

    # What psql takes out of the SQL or puts in

    def colon(self) -> None:
        found = _VARIABLE.match(self.text, self.position)
        if found is None or self.is_array_slice():
            self.position += 1
            return
        self.edits.append((found.start(), found.end(), _placeholder(found[0])))
        self.variables.append((found.start(), found[0]))
        self.position = self.last_token_end = found.end()

    def is_array_slice(self) -> bool:
        """Tell `bounds[low:high]` from `ARRAY[:x, :y]`: a slice's colon follows its lower bound or the bracket itself.

        psql would put a variable in here as well, if it had one of that name; a file that means that is very rare.
        """
        back = max(self.start, self.position - _OPEN_BRACKET_WINDOW)
        opened = self.text.rfind("[", back, self.position)
        is_inside = opened > self.text.rfind("]", back, self.position)
        return is_inside and _LOWER_BOUND.search(self.text, opened, self.position) is not None

    def backslash(self) -> None:
        if self.text.startswith(("\\;", "\\:"), self.position):
            self.forced_character()
        else:
            self.command()

    def forced_character(self) -> None:
        self.blank(self.position, self.position + 1)
        is_semicolon = self.text[self.position + 1] == ";"
        self.position += 2
        if is_semicolon and not self.parentheses and not self.bodies:
            self.end_statement(self.position - 2, terminator="\\;")
            self.begin_statement()

    def command(self) -> None:
        start = self.position
        name = self.read_command()
        if name in _SENDING_COMMANDS:
            self.end_statement(start, terminator=f"\\{name}")
            self.send()
            self.begin_statement()
        elif name in {"r", "reset"}:
            self.buffer = []
            self.begin_statement()
        elif self.start == start:
            self.begin_statement()
        else:
            self.blank(start, self.position)

    def read_command(self) -> str:
        """Step over a command, its arguments and its data, and return its name."""
        start = self.position
        name_end = _end_of(_COMMAND_NAME, self.text, start)
        name = self.text[start + 1 : name_end]
        takes_line = name in _WHOLE_LINE_COMMANDS or (name in _PIPE_COMMANDS and _PIPE.match(self.text, name_end))
        self.position = _end_of(_WHOLE_LINE if takes_line else _ARGUMENTS, self.text, name_end)
        arguments = self.text[name_end : self.position]
        self.commands.append(MetaCommand(name, arguments.strip(_SPACES), start))
        if self.text.startswith("\\\\", self.position):
            self.position += len("\\\\")
        if name == "copy" and _ARGUMENTS_FROM_STDIN.match(arguments):
            self.skip_copy_data(1)
        return name

    def skip_copy_data(self, copies: int) -> None:
        """Step over the lines that follow, for each copy up to and with the one that is only a backslash and a full stop."""
        if not copies or (line_end := self.text.find("\n", self.position)) < 0:
            return
        data_end = line_end + 1
        for _ in range(copies):
            data_start = data_end
            found = _END_OF_DATA.search(self.text, data_start - 1)
            data_end = found.end() if found else len(self.text)
            if not found:
                self.unterminated = self.unterminated or Unterminated("copy data", data_start)
        if _NOTHING_MORE_ON_THE_LINE.match(self.text, self.position):
            self.position = data_end
            return
        # psql reads the data first and the rest of this line after it.
        length = data_end - line_end - 1
        self.text = self.text[: line_end + 1] + "\n".rjust(length)[:length] + self.text[data_end:]


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Return where a pattern that stands at a position ends, or the position if it isn't there."""
    found = pattern.match(text, position)
    return found.end() if found else position


def _placeholder(variable: str) -> str:
    """Return what a parser can read instead of a variable: a literal, an identifier or a truth value, of the same length."""
    match variable[1]:
        case "'" | '"' as quote:
            return quote + _PLACEHOLDER * (len(variable) - 3) + quote + " "
        case "{":
            return "TRUE".ljust(len(variable))
        case _:
            return _PLACEHOLDER * len(variable)


def _bone(found: re.Match[str]) -> str:
    match found[0][0]:
        case "-" | "/":
            return " "
        case '"':
            return '""'
        case _:
            return "''"
