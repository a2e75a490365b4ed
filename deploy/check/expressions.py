"""What an expression of a statement tells: is it the same for every row, is it made from the column itself, does it rewrite a table."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any

from deploy.check.parser import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deploy.check.parser import Node

__all__ = ["columns_in", "is_relative", "truth_of", "why_rewritten"]

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
# The functions of PostgreSQL's own that people put into defaults, and that give every row the same.
_STEADY = re.compile(
    r"abs|age|array_fill|array_to_string|btrim|ceil|ceiling|char_length|coalesce|concat|concat_ws|convert_to"
    r"|current_database|current_date|current_schema|current_setting|date|date_bin|date_part|date_trunc|daterange"
    r"|decode|encode|extract|floor|format|greatest|initcap|int4range|int8range|interval|json_build_array"
    r"|json_build_object|jsonb_build_array|jsonb_build_object|jsonb_object|json_object|least|left|length|lower|lpad"
    r"|ltrim|make_date|make_interval|make_time|make_timestamp|make_timestamptz|md5|mod|now|nullif|numrange|point"
    r"|power|quote_ident|quote_literal|regexp_replace|repeat|replace|reverse|right|round|rpad|rtrim|session_user"
    r"|sha256|sign|split_part|sqrt|statement_timestamp|string_to_array|strpos|substr|substring|text|timezone|to_char"
    r"|to_date|to_json|to_jsonb|to_number|to_timestamp|to_tsvector|transaction_timestamp|translate|trim|trunc"
    r"|tsrange|tstzrange|txid_current|upper|version"
)
_ROUNDING = frozenset({"ceil", "ceiling", "floor", "greatest", "least", "round", "trunc"})
_GROWING = frozenset(
    {"array_append", "array_cat", "array_prepend", "concat", "concat_ws", "crypt", "decode", "encode", "jsonb_insert"}
    | {"md5", "power", "repeat", "reverse"}
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
        if called & _VOLATILE:
            return f"the volatile default {min(called & _VOLATILE)}()"
        if unknown := {name for name in called if not _STEADY.fullmatch(name)}:
            return f"the default {min(unknown)}(), which is volatile unless it was created STABLE or IMMUTABLE"
    return ""


def truth_of(node: Node) -> bool | None:
    """Work out what a condition is for every row, True if there is none; None if that depends on the row, or on a function.

    What is constant but hard to work out, such as a cast, is taken to be true.
    """
    match node.WhichOneof("node"):
        case None:
            return True
        case "bool_expr":
            parts = [truth_of(part) for part in node.bool_expr.args]
            return _combined(_BOOLEAN[node.bool_expr.boolop], parts)
        case "a_const" if node.a_const.HasField("boolval"):
            return bool(node.a_const.boolval.boolval)
        case "a_expr" if _is_comparison(node.a_expr):
            return _compared(node.a_expr)
        case _:
            return None if any(kind in _DEPENDING for kind, _ in walk(node)) else True


def _combined(operator: str, parts: list[bool | None]) -> bool | None:
    match operator:
        case "and":
            return all(parts) if None not in parts or False in parts else None
        case "or":
            return any(parts) if None not in parts or True in parts else None
        case _:
            return None if parts[0] is None else not parts[0]


_BOOLEAN = {1: "and", 2: "or", 3: "not"}  # BoolExprType in pg_query.proto
_DEPENDING = frozenset({"column_ref", "sub_link", "param_ref", "func_call", "current_of_expr", "sqlvalue_function"})
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _is_comparison(expression: Node) -> bool:
    return expression.name[-1].string.sval in _COMPARISONS and len(expression.name) == 1


def _compared(expression: Node) -> bool | None:
    sign = expression.name[-1].string.sval
    sides = (expression.lexpr, expression.rexpr)
    if all(side.WhichOneof("node") == "column_ref" for side in sides):
        same = sides[0].column_ref.fields == sides[1].column_ref.fields
        return True if same and sign in {"=", "<=", ">="} else None  # but for rows that have no value
    if any(kind in _DEPENDING for side in sides for kind, _ in walk(side)):
        return None
    values = [_value(side) for side in sides]
    return _COMPARISONS[sign](*values) if type(values[0]) is type(values[1]) and values[0] is not None else True


def _value(node: Node) -> int | str | None:
    """Return a plain constant's value."""
    constant = node.a_const
    match constant.WhichOneof("val"):
        case "ival":
            return int(constant.ival.ival)
        case "sval":
            return str(constant.sval.sval)
        case _:
            return None


def columns_in(expression: Node) -> set[str]:
    return {node.fields[-1].string.sval for kind, node in walk(expression) if kind == "column_ref"}


def is_relative(column: str, value: Node) -> bool:
    """Tell whether a value is made from the column's own in a way that another time makes another one."""
    return column in _own(_sides(value)) and not any(map(_is_json, _sides(value)))


def _sides(value: Node) -> list[Node]:
    """Return what a value is made from, if it is made in such a way."""
    sides: list[Node] = []
    match value.WhichOneof("node"):
        case "a_expr" if value.a_expr.name and value.a_expr.name[-1].string.sval in _RELATIVE_SIGNS:
            sides = [value.a_expr.lexpr, value.a_expr.rexpr]
        case "bool_expr" if _BOOLEAN[value.bool_expr.boolop] == "not":
            sides = list(value.bool_expr.args)
        case "func_call":
            name = value.func_call.funcname[-1].string.sval
            arguments = list(value.func_call.args)
            sides = arguments if name in _GROWING else []
            if name in _ROUNDING:
                sides = [side for argument in arguments for side in _sides(argument)]
        case "multi_assign_ref":
            source = value.multi_assign_ref
            values = source.source.row_expr.args[source.colno - 1 : source.colno]
            sides = [side for each in values for side in _sides(each)]
        case "type_cast":
            sides = _sides(value.type_cast.arg)
    return sides


def _own(sides: Iterable[Node]) -> set[str]:
    """Return the columns that stand there alone, in a cast or in COALESCE."""
    found = set()
    for side in sides:
        match side.WhichOneof("node"):
            case "column_ref":
                found.add(side.column_ref.fields[-1].string.sval)
            case "type_cast":
                found |= _own([side.type_cast.arg])
            case "coalesce_expr":
                found |= _own(side.coalesce_expr.args)
            case "a_expr" if side.a_expr.name and side.a_expr.name[-1].string.sval in _RELATIVE_SIGNS:
                found |= _own([side.a_expr.lexpr, side.a_expr.rexpr])
    return found


def _is_json(side: Node) -> bool:
    """Tell a jsonb object, which can be added twice."""
    return any(
        (kind == "a_const" and node.sval.sval.startswith("{"))
        or (kind == "type_name" and node.names[-1].string.sval in {"json", "jsonb"})
        or (kind == "func_call" and node.funcname[-1].string.sval.startswith("json"))
        for kind, node in walk(side)
    )
