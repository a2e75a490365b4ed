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
    a word. Protobuf gives up at 100 levels, which a chain of 47 operators reaches.
    """
    nul = sql.find("\0")
    if nul >= 0:
        return SyntaxProblem("invalid character: NUL", nul)
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


_TRUSTED = re.compile(r"syntax error|missing |unexpected |mismatched |unterminated ")


def complaint_of_plpgsql(sql: str) -> str | None:
    """Return why PL/pgSQL's grammar refuses the body of a CREATE FUNCTION or DO; None if it doesn't.

    Source: postgast 0.2, tried. It gives no place. Only complaints about syntax can be trusted, since it knows neither the types nor the
    variables of a trigger, for which it returns broken JSON as well.
    """
    try:
        _postgast.parse_plpgsql(sql)
    except _postgast.PgQueryError as error:
        return str(error.message) if _TRUSTED.match(error.message) else None
    except ValueError:
        return None
    return None


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
