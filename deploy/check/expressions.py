"""What an expression of a statement tells: is it the same for every row, is it made from the column itself, does it rewrite a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.check.parser import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.check.parser import Node

__all__ = ["columns_in", "is_constant", "is_relative", "why_rewritten"]

_SERIAL = frozenset({"serial", "serial2", "serial4", "serial8", "bigserial", "smallserial"})
_VOLATILE = frozenset(
    {
        "clock_timestamp",
        "gen_random_bytes",
        "gen_random_uuid",
        "gen_salt",
        "nextval",
        "random",
        "random_normal",
        "timeofday",
    }
    | {"uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "uuidv4", "uuidv7"}
)
_RELATIVE_SIGNS = frozenset({"+", "-", "*", "/", "%", "||"})


def why_rewritten(column: Node, kinds: dict[str, Node]) -> str:
    if column.type_name.names and column.type_name.names[-1].string.sval in _SERIAL:
        return "a serial number"
    if "IDENTITY" in kinds:
        return "an identity"
    if "GENERATED" in kinds and kinds["GENERATED"].generated_kind != "v":
        return "a stored generated value"
    if "DEFAULT" in kinds:
        called = {
            node.funcname[-1].string.sval for kind, node in walk(kinds["DEFAULT"].raw_expr) if kind == "func_call"
        }
        return f"the volatile default {min(called & _VOLATILE)}()" if called & _VOLATILE else ""
    return ""


def is_constant(where: Node) -> bool:
    """Tell whether a condition is missing, or the same for every row."""
    return not any(
        kind in {"column_ref", "sub_link", "param_ref", "func_call", "current_of_expr"} for kind, _ in walk(where)
    )


def columns_in(expression: Node) -> set[str]:
    return {node.fields[-1].string.sval for kind, node in walk(expression) if kind == "column_ref"}


def is_relative(column: str, value: Node) -> bool:
    """Tell whether a value is made from the column's own in a way that another time makes another one."""
    expression = value.a_expr
    if value.WhichOneof("node") != "a_expr" or expression.name[-1].string.sval not in _RELATIVE_SIGNS:
        return False
    sides = (expression.lexpr, expression.rexpr)
    return column in _own(sides) and not any(map(_is_json, sides))


def _own(sides: Iterable[Node]) -> set[str]:
    return {side.column_ref.fields[-1].string.sval for side in sides if side.WhichOneof("node") == "column_ref"}


def _is_json(side: Node) -> bool:
    """Tell a jsonb object, which can be added twice."""
    return any(
        (kind == "a_const" and node.sval.sval.startswith("{"))
        or (kind == "type_name" and node.names[-1].string.sval in {"json", "jsonb"})
        or (kind == "func_call" and node.funcname[-1].string.sval.startswith("json"))
        for kind, node in walk(side)
    )
