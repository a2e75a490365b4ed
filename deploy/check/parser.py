"""The door to postgast, PostgreSQL's own grammar: one statement in, its parse tree out.

No other module imports postgast, and whoever needs this one imports it late: loading the grammar takes a tenth of a second, and most
files can be judged without it.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from deploy.check.splitter import skeleton

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Node", "SyntaxProblem", "Tree", "complaint_of_plpgsql", "parse", "walk"]

_postgast = importlib.import_module(
    "postgast"
)  # mypy stops at a syntax error in its stubs, so it mustn't see the import
_protobuf = importlib.import_module("google.protobuf.message")

Node: TypeAlias = Any  # protobuf makes the classes at run time


@dataclass(frozen=True, slots=True)
class Tree:
    """A statement that PostgreSQL's grammar accepts.

    Args:
        kind: the statement's kind, as pg_query.proto names it: "index_stmt".
        node: its parse tree, with the fields of parsenodes.h; those that aren't set are empty.
    """

    kind: str
    node: Node


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """Why PostgreSQL's grammar refuses a statement.

    Args:
        message: the grammar's own words.
        offset: where in the statement, in characters.
    """

    message: str
    offset: int


@lru_cache(maxsize=128)  # the runner and the rules ask for the same statements
def parse(sql: str) -> Tree | SyntaxProblem | None:
    """Return one statement's tree; None for one that is empty, or valid but too deep to analyse.

    Source: postgast 0.2, tried. Its `cursorpos` counts characters from 1, whatever its documentation says. A NUL ends its input without
    a word. Protobuf gives up at 100 levels, which a chain of 47 operators reaches; from 25,000 levels on, libpg_query overflows the stack
    and takes the process with it.
    """
    nul = sql.find("\0")
    if nul >= 0:
        return SyntaxProblem("invalid character: NUL", nul)
    if len(sql) > _DEEPEST and _depth_of(sql) > _DEEPEST:
        return None
    try:
        statements = _postgast.parse(sql).stmts
    except _postgast.PgQueryError as error:
        return SyntaxProblem(error.message, max(0, error.cursorpos - 1))
    except _protobuf.DecodeError:
        return None
    if not statements:
        return None
    statement = statements[0].stmt
    kind = statement.WhichOneof("node")
    return Tree(kind, getattr(statement, kind))


_DEEPEST = 30_000
_STRUCTURE = re.compile(r"[(),\[\]]")


def _depth_of(sql: str) -> int:
    """Return what the depth of a statement's tree can't exceed: the most characters with neither a comma nor a bracket that closes between."""
    open_lengths = [0]
    position = deepest = outer = 0
    bones = skeleton(sql).replace("''", "")
    for found in _STRUCTURE.finditer(bones):
        open_lengths[-1] += found.start() - position
        deepest = max(deepest, outer + open_lengths[-1])
        position = found.end()
        if found[0] in "([":
            outer += open_lengths[-1] + 1
            open_lengths.append(0)
        elif found[0] == ",":
            open_lengths[-1] = 0
        elif len(open_lengths) > 1:
            open_lengths.pop()
            outer -= open_lengths[-1] + 1
    return max(deepest, outer + open_lengths[-1] + len(bones) - position)


# What PL/pgSQL's compiler says without asking what a type or a table is. `a.b is not a known variable` may be a mistake of postgast's.
_TRUSTED = re.compile(
    r"syntax error|missing |unexpected |mismatched |unterminated |zero-length |trailing junk |invalid (?:hexadecimal|octal|binary) |duplicate declaration|unrecognized exception condition"
    r"|too (?:few|many) parameters specified for RAISE|\"[^\".]+\" is not a known variable|variable \"[^\"]+\" (?:is declared|must have)"
    r"|(?:EXIT|CONTINUE) cannot |there is no label |block label |end label |cannot use RETURN |RETURN cannot have a parameter in function returning void"
    r"|cursor \"[^\"]+\" has |(?:not enough|too many) arguments for cursor|loop variable of FOREACH must be a known variable"
)
_UNKNOWN_FIELD = re.compile(r'"([^".]+)\.[^"]*" is not a known variable')
_VARIADIC = re.compile(r"\bvariadic\b", re.IGNORECASE)
_EMPTY_BRACKETS = re.compile(r"(?<!array)\[\s*\]", re.IGNORECASE)
_TYPES_OF_OTHERS = re.compile(r"^create\b.*?\bas\b|\bdeclare\b.*?\bbegin\b", re.IGNORECASE | re.DOTALL)
_QUALIFIER_OR_COPY = re.compile(r"(?:\w+|\"[^\"]+\")\s*\.(?=\s*[A-Za-z_\"])|%\s*(?:row)?type\b", re.IGNORECASE)


def complaint_of_plpgsql(sql: str) -> str | None:
    """Return why PL/pgSQL refuses the body of a CREATE FUNCTION or DO; None if it doesn't.

    Source: postgast 0.2, tried on 2,154 public functions. It gives no place. It knows the types of pg_catalog only: it refuses a schema of
    one's own, an array of one's own and VARIADIC, so a second try goes without them. What it says of other types can't be trusted, and
    for triggers it returns broken JSON.
    """
    said = _said_by_plpgsql(sql)
    if said and not _TRUSTED.match(said):
        said = _said_by_plpgsql(_without_types_of_others(sql))
    return said if said and (_TRUSTED.match(said) or _is_of_nothing_declared(said, sql)) else None


def _is_of_nothing_declared(said: str, sql: str) -> bool:
    """Tell whether `a.b is not a known variable` is right: there is no `a` that could be a variable."""
    found = _UNKNOWN_FIELD.match(said)
    return found is not None and re.search(rf"\b{re.escape(found[1])}\b(?!\s*\.)", sql, re.IGNORECASE) is None


def _said_by_plpgsql(sql: str) -> str:
    try:
        _postgast.parse_plpgsql(sql)
    except _postgast.PgQueryError as error:
        return str(error.message)
    except (ValueError, RecursionError):  # broken JSON, or a deep one
        return ""
    return ""


def _without_types_of_others(sql: str) -> str:
    """Blank what postgast can't look up, in the function's head and in what it declares."""

    def blank(found: re.Match[str]) -> str:
        return " " * len(found[0])

    sql = _EMPTY_BRACKETS.sub(blank, _VARIADIC.sub(blank, sql))
    return _TYPES_OF_OTHERS.sub(lambda found: _QUALIFIER_OR_COPY.sub(blank, found[0]), sql)


def walk(node: Node) -> Iterator[tuple[str, Node]]:
    """Give every node of an expression, from the top down, with its kind; a type's name is given too."""
    kind = node.WhichOneof("node") if node.DESCRIPTOR.name == "Node" else None
    if kind:
        node = getattr(node, kind)
        yield kind, node
    elif node.DESCRIPTOR.name == "TypeName":
        yield "type_name", node
    for field, value in node.ListFields():
        if field.message_type:
            for child in [value] if hasattr(value, "ListFields") else value:
                yield from walk(child)
