"""What the parse tree of one statement says about how its file can be run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.check.splitter import Statement, is_placeholder, skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from deploy.check.parser import Node, Tree

__all__ = ["Demand", "Index", "Traits", "columns_of", "definition_of", "demand_of", "look_into", "name_of", "option"]


@dataclass(frozen=True, slots=True)
class Demand:
    """A statement's wish to run outside a transaction.

    Args:
        what: the statement as people call it, such as CREATE INDEX CONCURRENTLY.
        always: False if its success in a transaction depends on what the database holds, or on a branch.
    """

    what: str
    always: bool = True


@dataclass(frozen=True, slots=True)
class Index:
    """An index that a statement creates by name; `schema` is None if the search path decides."""

    schema: str | None
    name: str
    concurrent: bool


@dataclass(frozen=True, slots=True)
class Traits:
    """What one statement does that matters to how its file is run.

    Args:
        created_enum: the name, without schema, of an enum type that it creates.
        altered_enum: the same of one that it alters.
        added_value: the value that it adds to altered_enum.
        calls: whether it calls a procedure, which may want to commit.
    """

    demand: Demand | None = None
    index: Index | None = None
    created_enum: str | None = None
    altered_enum: str | None = None
    added_value: str | None = None
    calls: bool = False


NOTHING = Traits()

# Only a statement that begins like this is worth a parser.
_FIRST_WORD = re.compile(
    r"(?:alter|call|cluster|commit|create|discard|do|drop|reindex|rollback|vacuum)\b", re.IGNORECASE
)
_SHAPE = re.compile(
    r"(?:call|cluster|discard|reindex|vacuum)\b"
    r"|(?:commit|rollback)\s+prepared\b"
    r"|create\s+(?:unique\s+)?index\b|create\s+(?:database|subscription|tablespace|type)\b"
    r"|drop\s+(?:index\s+concurrently|database|subscription|tablespace)\b"
    r"|alter\s+(?:database|subscription|system|type)\b|alter\s+table\b.*\bconcurrently\b",
    re.IGNORECASE | re.DOTALL,
)
# Most statements are told by their first two words, without looking for comments between them.
_BEGINS_OTHERWISE = re.compile(
    r"(?:alter\s+table|create\s+(?:extension|function|or|policy|schema|sequence|table|trigger|view)|drop\s+(?:function|policy|table|trigger|view))\b",
    re.IGNORECASE,
)
_DO_OF_INTEREST = re.compile(r"do\b.*\b(?:commit|rollback|call)\b", re.IGNORECASE | re.DOTALL)

# PL/pgSQL statements, at the beginning of the body, after another one, or after a word or label that opens a list of statements.
_STATEMENT_BEFORE = r"(?:^|;|>>|\b(?:begin|then|else|loop)\b)\s*"
_COMMIT_IN_BODY = re.compile(rf"{_STATEMENT_BEFORE}(commit|rollback)(?:\s+and\s+(?:no\s+)?chain)?\s*;", re.IGNORECASE)
_CALL_IN_BODY = re.compile(rf"{_STATEMENT_BEFORE}call\b", re.IGNORECASE)

_FALSE = frozenset({"false", "off", "no", "0"})


def look_into(statement: Statement) -> Traits:
    """Return what a statement's parse tree says; nothing for one that the grammar refuses, since the server has the last word."""
    if not _is_of_interest(statement.sql):
        return NOTHING
    tree = _tree_of(statement)
    return _traits_of(tree, statement) if tree else NOTHING


def columns_of(statement: Statement) -> tuple[str, ...]:
    """Return the names of a query's columns, those that its text tells."""
    tree = _tree_of(statement)
    if tree is None:
        return ()
    targets = tree.node.target_list if tree.kind == "select_stmt" else ()
    if tree.kind in {"insert_stmt", "update_stmt", "delete_stmt", "merge_stmt"}:
        targets = tree.node.returning_clause.exprs
    return tuple(filter(None, (_column_name(target.res_target) for target in targets)))


def _is_of_interest(sql: str) -> bool:
    if not _FIRST_WORD.match(sql) or (_BEGINS_OTHERWISE.match(sql) and "concurrently" not in sql.lower()):
        return False
    return _DO_OF_INTEREST.match(sql) is not None or _SHAPE.match(skeleton(sql)) is not None


def _tree_of(statement: Statement) -> Tree | None:
    from deploy.check.parser import SyntaxProblem, parse  # noqa: PLC0415 - loading the grammar costs a tenth of a second

    tree = parse(statement.sql)
    return None if isinstance(tree, SyntaxProblem) else tree


def demand_of(tree: Tree) -> Demand | None:
    """Return why a statement can't run in a transaction."""
    return _DEMANDS.get(tree.kind, _no_demand)(tree.node)


def _traits_of(tree: Tree, statement: Statement) -> Traits:
    node = tree.node
    demand = demand_of(tree)
    match tree.kind:
        case "index_stmt":
            return Traits(demand=demand, index=_index(node, statement))
        case "create_enum_stmt":
            return Traits(created_enum=node.type_name[-1].string.sval)
        case "alter_enum_stmt":
            added = None if node.old_val or statement.has_variables else node.new_val
            return Traits(altered_enum=node.type_name[-1].string.sval, added_value=added)
        case "call_stmt":
            return Traits(calls=True)
        case "do_stmt":
            return Traits(demand=demand, calls=_CALL_IN_BODY.search(_plpgsql(node)) is not None)
        case _:
            return Traits(demand=demand)


def _index(node: Node, statement: Statement) -> Index | None:
    name, schema = str(node.idxname), str(node.relation.schemaname)
    if not name or (statement.has_variables and (is_placeholder(name) or is_placeholder(schema or name))):
        return None
    return Index(schema or None, name, bool(node.concurrent))


def _column_name(target: Node) -> str:
    if target.name:
        return str(target.name)
    match target.val.WhichOneof("node"):
        case "column_ref":
            return str(target.val.column_ref.fields[-1].string.sval)
        case "func_call":
            return str(target.val.func_call.funcname[-1].string.sval)
        case _:
            return ""


def _no_demand(_node: Node) -> None:
    return None


def _create_index(node: Node) -> Demand | None:
    return Demand("CREATE INDEX CONCURRENTLY") if node.concurrent else None


def _drop(node: Node) -> Demand | None:
    return Demand("DROP INDEX CONCURRENTLY") if node.concurrent else None


def _reindex(node: Node) -> Demand | None:
    if option(node.params, "concurrently", default=False):
        return Demand("REINDEX CONCURRENTLY")
    kind = name_of(node, "kind").removeprefix("REINDEX_OBJECT_")
    return Demand(f"REINDEX {kind}") if kind in {"SCHEMA", "SYSTEM", "DATABASE"} else None


def _vacuum(node: Node) -> Demand | None:
    return Demand("VACUUM") if node.is_vacuumcmd else None


def _cluster(node: Node) -> Demand | None:
    return None if node.HasField("relation") else Demand("CLUSTER")


def _discard(node: Node) -> Demand | None:
    return Demand("DISCARD ALL") if name_of(node, "target") == "DISCARD_ALL" else None


def _alter_database(node: Node) -> Demand | None:
    moves = any(option.def_elem.defname == "tablespace" for option in node.options)
    return Demand("ALTER DATABASE SET TABLESPACE") if moves else None


def _alter_table(node: Node) -> Demand | None:
    detaches = any(definition_of(command.alter_table_cmd).partition_cmd.concurrent for command in node.cmds)
    return Demand("DETACH PARTITION CONCURRENTLY") if detaches else None


def _create_subscription(node: Node) -> Demand | None:
    makes_slot = option(node.options, "connect", default=True) and option(node.options, "create_slot", default=True)
    return Demand("CREATE SUBSCRIPTION with a slot") if makes_slot else None


def _alter_subscription(node: Node) -> Demand | None:
    kind = name_of(node, "kind")
    refreshes = kind.endswith("_PUBLICATION") and option(node.options, "refresh", default=True)
    return Demand("ALTER SUBSCRIPTION with refresh") if refreshes or "_REFRESH" in kind else None


def _drop_subscription(_node: Node) -> Demand:
    return Demand("DROP SUBSCRIPTION with a slot", always=False)


def _transaction(node: Node) -> Demand:
    return Demand(name_of(node, "kind").removeprefix("TRANS_STMT_").replace("_", " "))


def _do(node: Node) -> Demand | None:
    found = _COMMIT_IN_BODY.search(_plpgsql(node))
    return Demand(f"{found[1].upper()} inside DO", always=False) if found else None


_DEMANDS: dict[str, Callable[[Node], Demand | None]] = {
    "index_stmt": _create_index,
    "drop_stmt": _drop,
    "reindex_stmt": _reindex,
    "vacuum_stmt": _vacuum,
    "cluster_stmt": _cluster,
    "discard_stmt": _discard,
    "alter_database_stmt": _alter_database,
    "alter_table_stmt": _alter_table,
    "create_subscription_stmt": _create_subscription,
    "alter_subscription_stmt": _alter_subscription,
    "drop_subscription_stmt": _drop_subscription,
    "transaction_stmt": _transaction,
    "do_stmt": _do,
    "createdb_stmt": lambda _: Demand("CREATE DATABASE"),
    "dropdb_stmt": lambda _: Demand("DROP DATABASE"),
    "create_table_space_stmt": lambda _: Demand("CREATE TABLESPACE"),
    "drop_table_space_stmt": lambda _: Demand("DROP TABLESPACE"),
    "alter_system_stmt": lambda _: Demand("ALTER SYSTEM"),
}


def name_of(node: Node, field: str) -> str:
    """Return the name of an enum field's value, such as REINDEX_OBJECT_SCHEMA; the numbers change between versions."""
    names = node.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    return str(names[getattr(node, field)].name)


def definition_of(node: Node) -> Node:
    """Return the field `def`, a keyword of Python."""
    return getattr(node, "def")


def _plpgsql(node: Node) -> str:
    """Return the words of a DO block's body, without its strings and comments; none if it is in another language."""
    arguments = {argument.def_elem.defname: argument.def_elem.arg.string.sval for argument in node.args}
    return skeleton(arguments.get("as", "")) if arguments.get("language", "plpgsql") == "plpgsql" else ""


def option(options: Iterable[Node], name: str, *, default: bool) -> bool:
    """Return what a truth value in a list of options says: `connect`, `connect = off` and `connect = 0` are all allowed."""
    given = [option.def_elem for option in options if option.def_elem.defname == name]
    if not given:
        return default
    return not (set(_words(given[-1])) & _FALSE)


def _words(option: Node) -> Iterator[str]:
    match option.arg.WhichOneof("node"):
        case "string":
            yield option.arg.string.sval.lower()
        case "integer":
            yield str(option.arg.integer.ival)
        case "type_name":
            yield option.arg.type_name.names[-1].string.sval.lower()
