"""The door to postgast, PostgreSQL's own grammar: one statement in, its parse tree out.

No other module imports postgast, and whoever needs this one imports it late: loading the grammar takes a tenth of a second, and most
files can be judged without it.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Node", "SyntaxProblem", "Tree", "parse"]

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
