"""The names of what statements make and drop, and what a file knows about them so far."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.check.parser import Node

__all__ = ["Known", "Name", "Names", "name_in", "of_nodes", "of_relation", "shown"]

Name: TypeAlias = tuple[str, ...]
"""A name with as much in front of it as the file says: (schema, table), (table,), (schema, table, trigger)."""


def of_relation(relation: Node) -> Name:
    """Return the name of a RangeVar."""
    return (relation.schemaname, relation.relname) if relation.schemaname else (relation.relname,)


def of_nodes(nodes: Iterable[Node]) -> Name:
    """Return a name that is a list of strings."""
    return tuple(node.string.sval for node in nodes)


def name_in(node: Node) -> Name:
    """Return the name that stands in a list of objects, of whatever kind they are."""
    match node.WhichOneof("node"):
        case "list":
            return tuple(part for item in node.list.items for part in name_in(item))
        case "string":
            return (node.string.sval,)
        case "type_name":
            return of_nodes(node.type_name.names)
        case "object_with_args":
            return of_nodes(node.object_with_args.objname)
        case _:
            return ()


def shown(name: Name) -> str:
    """Write a name for people."""
    return ".".join(name)


class Names:
    """A set of names of objects; `t` and `s.t` are taken to be the same, since only the server knows the search path."""

    def __init__(self) -> None:
        self._found: defaultdict[tuple[str, str], set[Name]] = defaultdict(set)

    def add(self, kind: str, name: Name) -> None:
        if name:
            self._found[kind, name[-1]].add(name)

    def has(self, kind: str, name: Name) -> bool:
        same = self._found.get((kind, name[-1] if name else ""), ())
        return any(all(a == b for a, b in zip(reversed(name), reversed(other), strict=False)) for other in same)


@dataclass(slots=True)
class Known:
    """What one file has done so far.

    Args:
        created: made by the file, IF NOT EXISTS or not: nobody else uses it yet.
        made: certainly made by the file, so that whatever is in it comes from the file as well.
        fresh: made anew by each run: temporary, or dropped before.
        dropped: gone at this point, in the second run too.
        emptied: tables that the file deleted from.
        validated: tables of which it validated a constraint.
        not_valid: constraints that it added NOT VALID.
    """

    created: Names = field(default_factory=Names)
    made: Names = field(default_factory=Names)
    fresh: Names = field(default_factory=Names)
    dropped: Names = field(default_factory=Names)
    emptied: Names = field(default_factory=Names)
    validated: Names = field(default_factory=Names)
    not_valid: Names = field(default_factory=Names)

    def create(self, kind: str, name: Name, *, if_not_exists: bool, temporary: bool = False) -> None:
        """Note that something is there now."""
        self.created.add(kind, name)
        if temporary or self.is_replaced(kind, name):
            self.fresh.add(kind, name)
        if temporary or not if_not_exists or self.is_replaced(kind, name):
            self.made.add(kind, name)

    def is_replaced(self, kind: str, name: Name) -> bool:
        """Tell whether the file dropped it, its schema, or the table that it belongs to before."""
        if self.dropped.has(kind, name):
            return True
        owners = name[:-1]
        if kind in _OF_TABLES:
            return bool(owners) and self.fresh.has("TABLE", owners)
        return bool(owners) and self.dropped.has("SCHEMA", owners[-1:])


_OF_TABLES = frozenset({"COLUMN", "POLICY", "RULE", "TABCONSTRAINT", "TRIGGER"})
