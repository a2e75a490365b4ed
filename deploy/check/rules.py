"""What is known about each statement from its parse tree: is it idempotent, what does it destroy, whom does it lock out."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from deploy.check.expressions import columns_in, is_relative, truth_of, why_rewritten
from deploy.check.names import Known, name_in, of_nodes, of_relation, shown
from deploy.check.parser import SyntaxProblem, Tree, complaint_of_plpgsql, parse
from deploy.check.places import find_error
from deploy.check.plpgsql import Body, body_in, parts_of
from deploy.check.splitter import is_placeholder, skeleton, split, tokens
from deploy.check.traits import definition_of, demand_of, name_of, option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deploy.check.names import Name
    from deploy.check.parser import Node

__all__ = ["Mark", "Rules", "Span"]


class Mark(NamedTuple):
    """A finding on its way; `offset` in characters of the file, `severity` only where it isn't the rule's own."""

    id: str
    offset: int
    message: str
    severity: str = ""


class Span(NamedTuple):
    """Where a statement stands in the file."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Unit:
    """One statement, at the top of the file or in a DO block.

    Args:
        sql: the text of the whole statement, which begins at `base` in the file.
        start: offset in the file of what is looked at: the statement, or what stands in its WITH.
        guarded: whether it runs only if something is found to be so, or may fail.
    """

    sql: str
    start: int
    guarded: bool
    base: int = -1

    def within(self, start: int, *, guarded: bool | None = None) -> Unit:
        """Return a part of the same statement."""
        return Unit(self.sql, start, self.guarded if guarded is None else guarded, self.offset)

    @property
    def offset(self) -> int:
        """Where the statement begins."""
        return self.start if self.base < 0 else self.base


_GUARD = re.compile(
    r"\bon\s+conflict\b|\bnot\s+exists\b|\bnot\s+in\s*\(|\bexcept\b|\bis\s+null\b|<>\s*all\b", re.IGNORECASE
)
_DEMANDING = re.compile(
    r"(?:abort|alter|cluster|create|discard|drop|prepare|reindex|release|savepoint|start|vacuum)\b", re.IGNORECASE
)
_DEMANDING_BODY = re.compile(
    r"\b(?:abort|begin|cluster|commit|concurrently|database|discard|reindex|release|rollback|savepoint|start|subscription|system|tablespace|vacuum)\b",
    re.IGNORECASE,
)
_TEXT_TYPES = frozenset({"text", "varchar"})
_WIDE_TYPES = frozenset({"text", "varchar", "int8", "numeric", "float8", "jsonb", "timestamptz"})
_RELATIONS = {"TABLE", "FOREIGN_TABLE", "MATVIEW"}
_VIEWS_TOO = _RELATIONS | {"VIEW"}
_LOCK_MODES = {
    4: ("SHARE UPDATE EXCLUSIVE", "other schema changes and vacuum"),
    5: ("SHARE", "writes"),
    6: ("SHARE ROW EXCLUSIVE", "writes"),
    7: ("EXCLUSIVE", "writes"),
    8: ("ACCESS EXCLUSIVE", "reads and writes"),
}
_DESTROYS = {
    "TABLE": "drop-table",
    "SCHEMA": "drop-schema",
    "SEQUENCE": "drop-sequence",
    "MATVIEW": "drop-materialized-view",
    "TYPE": "drop-type",
    "DOMAIN": "drop-type",
    "EXTENSION": "drop-extension",
}
_WORDS = {"MATVIEW": "MATERIALIZED VIEW", "TABCONSTRAINT": "CONSTRAINT", "STATISTIC_EXT": "STATISTICS"}
_CREATE_IDS = {
    "TABLE": "create-table",
    "FOREIGN_TABLE": "create-table",
    "INDEX": "create-index",
    "SCHEMA": "create-schema",
    "SEQUENCE": "create-sequence",
    "VIEW": "create-view",
    "MATVIEW": "create-materialized-view",
    "FUNCTION": "create-function",
    "PROCEDURE": "create-function",
    "TRIGGER": "create-trigger",
    "TYPE": "create-type",
    "DOMAIN": "create-type",
    "POLICY": "create-policy",
    "ROLE": "create-role",
    "EXTENSION": "create-extension",
}
_REWRITES = {
    "AT_SetLogged": "SET LOGGED",
    "AT_SetUnLogged": "SET UNLOGGED",
    "AT_SetAccessMethod": "SET ACCESS METHOD",
    "AT_SetTableSpace": "SET TABLESPACE",
}


@dataclass(slots=True)
class Rules:
    """One file's statements, looked at in its order; `marks` are what was found, `spans` where statements stand.

    Args:
        checks_bodies: False if the file switches check_function_bodies off, so that a function with a mistake is created.
    """

    checks_bodies: bool = True
    marks: list[Mark] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    not_analysed: int = 0
    known: Known = field(default_factory=Known)
    may_come_back: defaultdict[tuple[str, str], list[Mark]] = field(default_factory=lambda: defaultdict(list))
    came_back: set[int] = field(default_factory=set)

    def look_at(self, tree: Tree, unit: Unit) -> None:
        """Look at one statement."""
        if handler := _HANDLERS.get(tree.kind):
            handler(self, tree.node, unit)

    def add(self, name: str, offset: int, message: str, severity: str = "") -> Mark:
        mark = Mark(name, offset, message, severity)
        self.marks.append(mark)
        return mark

    def not_idempotent(self, what: str, unit: Unit, message: str, offset: int | None = None) -> None:
        if not unit.guarded:
            self.add(f"{what}-not-idempotent", unit.start if offset is None else offset, message)

    def locks(self, name: str, unit: Unit, table: Name, message: str, offset: int | None = None) -> None:
        """Mark a lock, unless the file made the table: then nobody else uses it."""
        if not self.is_own(table):
            self.add(name, unit.start if offset is None else offset, message)

    def is_own(self, table: Name) -> bool:
        return self.known.created.has("TABLE", table) or self.known.created.has("MATVIEW", table)

    def destroys(self, name: str, unit: Unit, table: Name, message: str, severity: str = "") -> None:
        """Mark a loss, unless the file itself filled the table."""
        if not self.known.made.has("TABLE", table):
            self.add(name, unit.start, message, severity)

    # What is made

    def creates(  # noqa: PLR0913 - what CREATE can say
        self,
        kind: str,
        name: Name,
        unit: Unit,
        *,
        if_not_exists: bool = False,
        replaces: bool = False,
        temporary: bool = False,
        how: str = "IF NOT EXISTS",
    ) -> None:
        if not (if_not_exists or replaces or temporary or self.known.is_replaced(kind, name)):
            words = _WORDS.get(kind, kind.replace("_", " "))
            without = f" without {how}" if how else ", which has no IF NOT EXISTS"
            self.not_idempotent(
                _CREATE_IDS.get(kind, "create"), unit, " ".join(f"CREATE {words} {shown(name)}".split()) + without
            )
        self.comes_back(kind, name)
        self.known.create(kind, name, if_not_exists=if_not_exists, temporary=temporary)

    def comes_back(self, kind: str, name: Name) -> None:
        """What was dropped without CASCADE and is made anew in the same file isn't destroyed."""
        if name:
            self.came_back.update(map(id, self.may_come_back.pop((kind, name[-1]), [])))

    def valid_marks(self) -> list[Mark]:
        """Return what was found and still holds."""
        return [mark for mark in self.marks if id(mark) not in self.came_back]

    def table(self, node: Node, unit: Unit) -> None:
        self.creates(
            "TABLE",
            of_relation(node.relation),
            unit,
            if_not_exists=node.if_not_exists,
            temporary=_is_temporary(node.relation),
        )

    def foreign_table(self, node: Node, unit: Unit) -> None:
        self.table(node.base_stmt, unit)

    def table_as(self, node: Node, unit: Unit) -> None:
        kind = "MATVIEW" if name_of(node, "objtype") == "OBJECT_MATVIEW" else "TABLE"
        relation = node.into.rel
        self.creates(
            kind, of_relation(relation), unit, if_not_exists=node.if_not_exists, temporary=_is_temporary(relation)
        )

    def select(self, node: Node, unit: Unit) -> None:
        if node.HasField("into_clause"):
            relation = node.into_clause.rel
            self.creates(
                "TABLE",
                of_relation(relation),
                unit,
                temporary=_is_temporary(relation),
                how="IF NOT EXISTS, as SELECT INTO is",
            )
        self.with_clause(node, unit)

    def index(self, node: Node, unit: Unit) -> None:
        table = of_relation(node.relation)
        name = (*table[:-1], node.idxname) if node.idxname else ()
        is_fresh = self.known.fresh.has("TABLE", table)
        if not name and not is_fresh:
            self.not_idempotent(
                "create-index", unit, f"CREATE INDEX on {shown(table)} without a name: each run builds another one"
            )
        else:
            self.creates("INDEX", name, unit, if_not_exists=node.if_not_exists or is_fresh)
        if not node.concurrent and node.relation.inh:
            self.locks(
                "create-index-blocks-writes", unit, table, f"CREATE INDEX on {shown(table)} without CONCURRENTLY"
            )

    def schema(self, node: Node, unit: Unit) -> None:
        name = node.schemaname or node.authrole.rolename
        self.creates("SCHEMA", (name,), unit, if_not_exists=node.if_not_exists)
        for element in node.schema_elts:
            if element.WhichOneof("node") == "create_stmt":
                self.known.create("TABLE", (name, element.create_stmt.relation.relname), if_not_exists=False)

    def sequence(self, node: Node, unit: Unit) -> None:
        self.creates(
            "SEQUENCE",
            of_relation(node.sequence),
            unit,
            if_not_exists=node.if_not_exists,
            temporary=_is_temporary(node.sequence),
        )

    def view(self, node: Node, unit: Unit) -> None:
        self.creates(
            "VIEW",
            of_relation(node.view),
            unit,
            replaces=node.replace,
            temporary=_is_temporary(node.view),
            how="OR REPLACE",
        )

    def trigger(self, node: Node, unit: Unit) -> None:
        self.creates(
            "TRIGGER",
            (*of_relation(node.relation), node.trigname),
            unit,
            replaces=node.replace,
            how="OR REPLACE, or DROP TRIGGER IF EXISTS before it",
        )

    def rule(self, node: Node, unit: Unit) -> None:
        self.creates(
            "RULE", (*of_relation(node.relation), node.rulename), unit, replaces=node.replace, how="OR REPLACE"
        )

    def policy(self, node: Node, unit: Unit) -> None:
        name = (*of_relation(node.table), node.policy_name)
        self.creates("POLICY", name, unit, how="DROP POLICY IF EXISTS before it")

    def define(self, node: Node, unit: Unit) -> None:
        kind = _kind(node, "kind")
        how = {"AGGREGATE": "OR REPLACE", "COLLATION": "IF NOT EXISTS"}.get(kind, "")
        name = of_nodes(node.defnames)
        self.creates(kind, name, unit, if_not_exists=node.if_not_exists, replaces=node.replace, how=how)

    def statistics(self, node: Node, unit: Unit) -> None:
        self.creates("STATISTIC_EXT", of_nodes(node.defnames), unit, if_not_exists=node.if_not_exists)

    def function(self, node: Node, unit: Unit) -> None:
        kind = "PROCEDURE" if node.is_procedure else "FUNCTION"
        name = of_nodes(node.funcname)
        dropped = self.known.dropped.has(kind + _signature_of(node), name)
        self.creates(kind, name, unit, replaces=node.replace or dropped, how="OR REPLACE")
        options = {each.def_elem.defname: each.def_elem.arg for each in node.options}
        language = options["language"].string.sval.lower() if "language" in options else "sql"
        source = name_in(options["as"]) if "as" in options else ()
        if "language" not in options and source:
            self.add("syntax-error", unit.start, "no language specified")
        if len(source) != 1 or is_placeholder(source[0]):
            return
        body = body_in(unit.sql, source[0])
        if language == "plpgsql":
            self.plpgsql_error(unit, body)
            self.plpgsql_function(body, unit, f"the {kind.lower()} {shown(name)}", may_commit=node.is_procedure)
        elif language == "sql" and isinstance(problem := parse(body.text), SyntaxProblem):
            self.body_error(unit.start + body.place(problem.offset), problem.message)
        elif language == "sql" and _DEMANDING_BODY.search(body.text):
            for statement in split(body.text).statements:
                offset = unit.start + body.place(statement.start)
                self.demand_in_function(statement.sql, offset, f"the {kind.lower()} {shown(name)}")

    def plpgsql_function(self, body: Body, unit: Unit, where: str, *, may_commit: bool) -> None:
        """Look for what fails when the function is called; what it changes then isn't the migration's doing."""
        for part in parts_of(body.text):
            offset = unit.start + body.place(part.start)
            self.not_analysed += part.kind == "dynamic"
            if part.kind == "control" and not may_commit:
                self.add("commit-in-function", offset, f"{part.text.upper()} in {where}")
            elif part.kind in {"sql", "literal"} and _DEMANDING.match(part.text):
                self.demand_in_function(part.text, offset, where)

    def demand_in_function(self, sql: str, offset: int, where: str) -> None:
        tree = parse(sql)
        demand = demand_of(tree) if isinstance(tree, Tree) else None
        if demand and isinstance(tree, Tree) and tree.kind == "transaction_stmt":
            self.add("commit-in-function", offset, f"{demand.what} in {where}")
        elif demand and demand.always:
            self.add("fails-in-transaction", offset, f"{demand.what} can't run in {where}", "warning")

    def body_error(self, offset: int, message: str) -> None:
        self.add("syntax-error", offset, message, "" if self.checks_bodies else "warning")

    def plpgsql_error(self, unit: Unit, body: Body) -> bool:
        complaint = complaint_of_plpgsql(unit.sql)
        if complaint is None:
            return False
        inside = 0
        if body.start is not None:
            written = unit.sql[body.start : body.place(len(body.text))]
            head, tail = unit.sql[: body.start], unit.sql[body.start + len(written) :]

            def complain(other: str) -> str | None:
                return complaint_of_plpgsql(f"{head}{other.replace(*body.quoting)}{tail}")

            inside = find_error(body.text, complaint, complain, _problem_in)
        self.body_error(unit.start + body.place(inside), complaint)
        return True

    # What is dropped

    def drop(self, node: Node, unit: Unit) -> None:
        kind = _kind(node, "remove_type")
        names = [name_in(each) for each in node.objects]
        cascades = name_of(node, "behavior") == "DROP_CASCADE"
        what = f"DROP {_WORDS.get(kind, kind.replace('_', ' '))} {', '.join(map(shown, names))}"
        if not node.missing_ok and not all(self.known.created.has(kind, name) for name in names):
            self.not_idempotent("drop", unit, f"{what} without IF EXISTS")
        if kind in _DESTROYS and not all(name[0] == "pg_temp" or self.known.made.has(kind, name) for name in names):
            mark = self.add(_DESTROYS[kind], unit.start, what)
            if len(names) == 1 and (kind == "MATVIEW" or (kind in {"TYPE", "DOMAIN"} and not cascades)):
                self.may_come_back[kind, names[0][-1]].append(mark)
        if kind == "INDEX" and not node.concurrent and not all(self.known.created.has(kind, name) for name in names):
            self.add("drop-index-blocks", unit.start, f"{what} without CONCURRENTLY")
        for each, name in zip(node.objects, names, strict=True):
            for gone in _kinds_gone(kind, each):
                self.known.dropped.add(gone, name)

    def drop_role(self, node: Node, unit: Unit) -> None:
        roles = [role.role_spec.rolename for role in node.roles]
        for role in roles:
            self.known.dropped.add("ROLE", (role,))
        if not node.missing_ok:
            self.not_idempotent("drop", unit, f"DROP ROLE {', '.join(roles)} without IF EXISTS")

    def drop_other(self, node: Node, unit: Unit) -> None:
        if not node.missing_ok:
            self.not_idempotent("drop", unit, "DROP without IF EXISTS")

    def drop_database(self, node: Node, unit: Unit) -> None:
        self.drop_other(node, unit)
        self.add("drop-database", unit.start, f"DROP DATABASE {node.dbname}")

    def drop_owned(self, _node: Node, unit: Unit) -> None:
        self.add("drop-owned", unit.start, "DROP OWNED")

    def truncate(self, node: Node, unit: Unit) -> None:
        names = [of_relation(each.range_var) for each in node.relations]
        for name in names:
            self.known.emptied.add("TABLE", name)
        if not all(self.known.made.has("TABLE", name) for name in names):
            self.add("truncate", unit.start, f"TRUNCATE {', '.join(map(shown, names))}")

    # ALTER TABLE

    def alter_table(self, node: Node, unit: Unit) -> None:
        kind = _kind(node, "objtype")
        commands = [each.alter_table_cmd for each in node.cmds]
        places = _places_of_commands(unit) if len(commands) > 1 else [unit.start]
        table = of_relation(node.relation)
        for number, command in enumerate(commands):
            place = places[number] if number < len(places) else unit.start
            subtype = name_of(command, "subtype")
            if kind in _VIEWS_TOO and (handler := _TABLE_COMMANDS.get(subtype)):
                handler(
                    self, command, table, unit.within(place, guarded=unit.guarded or self.known.fresh.has(kind, table))
                )
            elif kind in _RELATIONS and subtype in _REWRITES:
                self.locks("rewrites-table", unit, table, f"{_REWRITES[subtype]} on {shown(table)}", place)
            elif kind == "TYPE" and subtype in {"AT_AddColumn", "AT_DropColumn"} and not command.missing_ok:
                self.not_idempotent("alter", unit, f"ALTER TYPE {shown(table)} can't be done twice", place)
            if kind == "TYPE" and subtype == "AT_DropColumn":
                self.add("drop-column", place, f"DROP ATTRIBUTE {command.name} of {shown(table)}")

    def add_column(self, command: Node, table: Name, unit: Unit) -> None:
        column = definition_of(command).column_def
        name = (*table, column.colname)
        if not command.missing_ok and not self.known.is_replaced("COLUMN", name):
            self.not_idempotent("add-column", unit, f"ADD COLUMN {column.colname} without IF NOT EXISTS")
        constraints = [each.constraint for each in column.constraints]
        kinds = {name_of(each, "contype").removeprefix("CONSTR_"): each for each in constraints}
        of_table = f"ADD COLUMN {column.colname} to {shown(table)}"
        if reason := why_rewritten(column, kinds):
            self.locks("add-column-rewrites", unit, table, f"{of_table} with {reason}")
        if kinds.keys() & {"PRIMARY", "UNIQUE"}:
            self.locks("add-unique-builds-index", unit, table, f"{of_table} with an index")
        if "NOTNULL" in kinds and not (reason or "DEFAULT" in kinds):
            self.locks("add-column-not-null", unit, table, f"{of_table} with NOT NULL, without DEFAULT")
        if "CHECK" in kinds:
            self.locks("add-check-scans", unit, table, f"{of_table} with CHECK")
        if "FOREIGN" in kinds and "DEFAULT" in kinds:
            self.locks("add-foreign-key-scans", unit, table, f"{of_table} with REFERENCES and a default")

    def drop_column(self, command: Node, table: Name, unit: Unit) -> None:
        if not command.missing_ok:
            self.not_idempotent("drop-column", unit, f"DROP COLUMN {command.name} without IF EXISTS")
        self.known.dropped.add("COLUMN", (*table, command.name))
        self.destroys("drop-column", unit, table, f"DROP COLUMN {command.name} of {shown(table)}")

    def alter_type(self, command: Node, table: Name, unit: Unit) -> None:
        column = definition_of(command).column_def
        target = column.type_name
        what = f"{command.name} of {shown(table)} becomes {target.names[-1].string.sval}"
        self.locks("alter-column-type-rewrites", unit, table, what)
        is_wide = target.names[-1].string.sval in _WIDE_TYPES and not target.typmods
        holds_all = target.names[-1].string.sval in _TEXT_TYPES and is_wide
        if column.HasField("raw_default") or not (holds_all or self.is_own(table)):
            self.destroys("alter-column-type", unit, table, what, severity="info" if is_wide else "")

    def set_not_null(self, command: Node, table: Name, unit: Unit) -> None:
        if not self.known.validated.has("TABLE", table):
            self.locks("set-not-null-scans", unit, table, f"SET NOT NULL on {command.name} of {shown(table)}")

    def add_constraint(self, command: Node, table: Name, unit: Unit) -> None:
        constraint = definition_of(command).constraint
        name = constraint.conname
        if not (name and self.known.is_replaced("TABCONSTRAINT", (*table, name))):
            self.not_idempotent("add-constraint", unit, f"ADD CONSTRAINT {name or 'without a name'}")
        on = f"on {shown(table)}"
        validates = not constraint.skip_validation
        if not validates:
            self.known.not_valid.add("TABCONSTRAINT", (*table, name))
        match name_of(constraint, "contype"):
            case "CONSTR_FOREIGN" if validates:
                self.locks("add-foreign-key-scans", unit, table, f"FOREIGN KEY {on} without NOT VALID")
            case "CONSTR_CHECK" if validates:
                self.locks("add-check-scans", unit, table, f"CHECK {on} without NOT VALID")
            case "CONSTR_NOTNULL" if validates:
                self.locks("set-not-null-scans", unit, table, f"NOT NULL {on} without NOT VALID")
            case "CONSTR_PRIMARY" | "CONSTR_UNIQUE" if not constraint.indexname:
                self.locks("add-unique-builds-index", unit, table, f"UNIQUE or PRIMARY KEY {on} without USING INDEX")
            case "CONSTR_EXCLUSION":
                self.locks("add-exclusion-builds-index", unit, table, f"EXCLUDE {on}")

    def drop_constraint(self, command: Node, table: Name, unit: Unit) -> None:
        if not command.missing_ok:
            self.not_idempotent("drop-constraint", unit, f"DROP CONSTRAINT {command.name} without IF EXISTS")
        self.known.dropped.add("TABCONSTRAINT", (*table, command.name))

    def validate(self, command: Node, table: Name, unit: Unit) -> None:
        self.known.validated.add("TABLE", table)
        if self.known.not_valid.has("TABCONSTRAINT", (*table, command.name)):
            self.locks("validates-under-lock", unit, table, f"{command.name} is added and validated in one file")

    def partition(self, command: Node, table: Name, unit: Unit) -> None:
        details = definition_of(command).partition_cmd
        partition = of_relation(details.name)
        if name_of(command, "subtype") == "AT_DetachPartition" and not details.concurrent:
            self.locks(
                "detach-partition-blocks", unit, table, f"DETACH PARTITION {shown(partition)} without CONCURRENTLY"
            )
        self.not_idempotent(
            "partition", unit, f"{shown(partition)} can't be attached to or detached from {shown(table)} twice"
        )

    def alter_once(self, command: Node, table: Name, unit: Unit) -> None:
        if not command.missing_ok:
            self.not_idempotent("alter", unit, f"ALTER TABLE {shown(table)} can't be done twice")

    # Other changes

    def rename(self, node: Node, unit: Unit) -> None:
        kind = _kind(node, "rename_type")
        table = of_relation(node.relation)
        old = node.subname or (shown(name_in(node.object)) if node.HasField("object") else shown(table))
        what = f"{old} is renamed to {node.newname}"
        if not (node.missing_ok and kind not in {"COLUMN", "ATTRIBUTE", "TABCONSTRAINT"}):
            self.not_idempotent("rename", unit, what)
        if kind in _VIEWS_TOO:
            self.locks("rename-table", unit, table, what)
            self.known.dropped.add(kind, table)
            if self.known.created.has("TABLE", table):
                self.known.created.add("TABLE", (*table[:-1], node.newname))
        elif kind in {"COLUMN", "ATTRIBUTE"}:
            self.locks("rename-column", unit, table, f"{shown(table)}: {what}")
        elif kind == "SCHEMA":
            self.add("rename-schema", unit.start, what)

    def move(self, node: Node, unit: Unit) -> None:
        if not node.missing_ok:
            self.not_idempotent("alter", unit, f"SET SCHEMA {node.newschema} can't be done twice")

    def enum(self, node: Node, unit: Unit) -> None:
        if node.old_val:
            self.not_idempotent("rename", unit, f"{node.old_val!r} is renamed to {node.new_val!r}")
        elif not node.skip_if_new_val_exists and not self.known.created.has("TYPE", of_nodes(node.type_name)):
            self.not_idempotent("add-enum-value", unit, f"ADD VALUE {node.new_val!r} without IF NOT EXISTS")

    def publication(self, node: Node, unit: Unit) -> None:
        if name_of(node, "action") in {"AP_AddObjects", "AP_DropObjects"}:
            self.not_idempotent("alter", unit, f"ALTER PUBLICATION {node.pubname} ADD or DROP can't be done twice")

    def domain(self, node: Node, unit: Unit) -> None:
        name = of_nodes(node.type_name)
        if node.subtype == "C" and not self.known.dropped.has(
            "DOMCONSTRAINT", (*name, definition_of(node).constraint.conname)
        ):
            self.not_idempotent("add-constraint", unit, f"ALTER DOMAIN {shown(name)} ADD CONSTRAINT")
        elif node.subtype == "X":
            self.known.dropped.add("DOMCONSTRAINT", (*name, node.name))
            if not node.missing_ok:
                self.not_idempotent("drop-constraint", unit, f"DROP CONSTRAINT {node.name} without IF EXISTS")

    # Rows

    def insert(self, node: Node, unit: Unit) -> None:
        table = of_relation(node.relation)
        if not (_GUARD.search(skeleton(unit.sql)) or self.starts_empty(table)):
            self.not_idempotent("insert", unit, f"INSERT INTO {shown(table)} without ON CONFLICT or NOT EXISTS")
        self.with_clause(node, unit)

    def starts_empty(self, table: Name) -> bool:
        return self.known.fresh.has("TABLE", table) or self.known.emptied.has("TABLE", table)

    def delete(self, node: Node, unit: Unit) -> None:
        table = of_relation(node.relation)
        self.known.emptied.add("TABLE", table)
        if truth_of(node.where_clause):
            self.destroys("delete-without-where", unit, table, f"DELETE of {shown(table)} without WHERE")
        self.with_clause(node, unit)

    def update(self, node: Node, unit: Unit) -> None:
        table = of_relation(node.relation)
        if truth_of(node.where_clause):
            self.destroys("update-without-where", unit, table, f"UPDATE {shown(table)} without WHERE")
        for target in node.target_list:
            column = target.res_target.name
            again = is_relative(column, target.res_target.val) and column not in columns_in(node.where_clause)
            if again and not self.starts_empty(table):
                self.not_idempotent("update", unit, f"{column} of {shown(table)} is made from itself")
        self.with_clause(node, unit)

    def merge(self, node: Node, unit: Unit) -> None:
        table = of_relation(node.relation)
        matches = truth_of(node.join_condition)
        clauses = [each.merge_when_clause for each in node.merge_when_clauses]
        for clause in (each for each in clauses if matches is not None and truth_of(each.condition)):
            match name_of(clause, "command_type"), matches:
                case "CMD_INSERT", False if not self.starts_empty(table):
                    self.not_idempotent("insert", unit, f"MERGE INTO {shown(table)} inserts whatever is there")
                case "CMD_DELETE", True:
                    self.destroys("delete-without-where", unit, table, f"MERGE deletes all rows of {shown(table)}")
                case "CMD_UPDATE", True:
                    self.destroys("update-without-where", unit, table, f"MERGE updates all rows of {shown(table)}")
        self.with_clause(node, unit)

    def explain(self, node: Node, unit: Unit) -> None:
        """EXPLAIN ANALYZE runs what it explains."""
        if option(node.options, "analyze", default=False):
            kind = node.query.WhichOneof("node")
            self.look_at(Tree(kind, getattr(node.query, kind)), unit)

    def with_clause(self, node: Node, unit: Unit) -> None:
        """Look at what WITH changes, at any depth."""
        for each in node.with_clause.ctes:
            query = each.common_table_expr.ctequery
            kind = query.WhichOneof("node")
            tree = Tree(kind, getattr(query, kind))
            offset = _place_of_change(unit.sql, tree) if kind in _CHANGES else 0
            self.look_at(tree, unit.within(unit.offset + offset))

    def copy(self, node: Node, unit: Unit) -> None:
        table = of_relation(node.relation)
        if node.is_program:
            self.add("runs-program", unit.start, "COPY … PROGRAM")
        if node.is_from and not self.starts_empty(table):
            self.not_idempotent("copy", unit, f"COPY INTO {shown(table)}")

    # What locks without changing

    def vacuum(self, node: Node, unit: Unit) -> None:
        if node.is_vacuumcmd and option(node.options, "full", default=False):
            tables = [of_relation(each.vacuum_relation.relation) for each in node.rels]
            for table in tables or [("every table",)]:
                self.locks("vacuum-full", unit, table, f"VACUUM FULL of {shown(table)}")

    def cluster(self, node: Node, unit: Unit) -> None:
        table = of_relation(node.relation) if node.HasField("relation") else ("every table",)
        self.locks("cluster", unit, table, f"CLUSTER of {shown(table)}")

    def reindex(self, node: Node, unit: Unit) -> None:
        if not option(node.params, "concurrently", default=False):
            table = of_relation(node.relation) if node.HasField("relation") else (node.name,)
            if not self.known.created.has("INDEX", table):
                self.locks("reindex-blocks", unit, table, f"REINDEX of {shown(table)} without CONCURRENTLY")

    def refresh(self, node: Node, unit: Unit) -> None:
        if not node.concurrent:
            view = of_relation(node.relation)
            self.locks("refresh-blocks", unit, view, f"REFRESH MATERIALIZED VIEW {shown(view)} without CONCURRENTLY")

    def lock(self, node: Node, unit: Unit) -> None:
        if node.mode in _LOCK_MODES:
            mode, blocked = _LOCK_MODES[node.mode]
            for each in node.relations:
                table = of_relation(each.range_var)
                self.locks(
                    "lock-table", unit, table, f"{shown(table)} is locked in {mode} mode, which blocks {blocked}"
                )

    # DO

    def do(self, node: Node, unit: Unit) -> None:
        arguments = {each.def_elem.defname: each.def_elem.arg.string.sval for each in node.args}
        text = arguments.get("as", "")
        if arguments.get("language", "plpgsql").lower() != "plpgsql" or is_placeholder(text):
            self.not_analysed += 1
            return
        body = body_in(unit.sql, text)
        if self.plpgsql_error(unit, body):
            return
        for part in parts_of(text):
            offset = unit.start + body.place(part.start)
            self.spans.append(Span(offset, unit.start + body.place(part.stop)))
            tree = parse(part.text) if part.kind in {"sql", "literal"} else None
            if part.kind == "control":
                self.add("commit-in-do", offset, f"{part.text.upper()} inside DO")
            elif isinstance(tree, Tree):
                demand = demand_of(tree)
                if demand and demand.always:
                    severity = "warning" if part.guarded else ""
                    self.add("fails-in-transaction", offset, f"{demand.what} can't run inside DO", severity)
                self.look_at(tree, Unit(part.text, offset, unit.guarded or part.guarded))
            elif part.kind == "literal" and isinstance(tree, SyntaxProblem):
                severity = "warning" if unit.guarded or part.guarded else ""
                self.add("syntax-error", offset, f"{tree.message}, in what EXECUTE runs", severity)
            else:
                self.not_analysed += 1


def _creates(kind: str, field: str) -> Callable[[Rules, Node, Unit], None]:
    def handler(self: Rules, node: Node, unit: Unit) -> None:
        value = getattr(node, field) if field else ""
        name = (value,) if isinstance(value, str) else of_nodes(value)
        fields = node.DESCRIPTOR.fields_by_name
        if_not_exists = "if_not_exists" in fields and node.if_not_exists
        replaces = "replace" in fields and node.replace
        how = "IF NOT EXISTS" if "if_not_exists" in fields else "OR REPLACE" if "replace" in fields else ""
        self.creates(kind, name, unit, if_not_exists=if_not_exists, replaces=replaces, how=how)

    return handler


def _create_composite(self: Rules, node: Node, unit: Unit) -> None:
    self.creates("TYPE", of_relation(node.typevar), unit, how="")


def _create_role(self: Rules, node: Node, unit: Unit) -> None:
    self.creates("ROLE", (node.role,), unit, how="")


_HANDLERS: dict[str, Callable[[Rules, Node, Unit], None]] = {
    "create_stmt": Rules.table,
    "create_foreign_table_stmt": Rules.foreign_table,
    "create_table_as_stmt": Rules.table_as,
    "select_stmt": Rules.select,
    "index_stmt": Rules.index,
    "create_schema_stmt": Rules.schema,
    "create_seq_stmt": Rules.sequence,
    "view_stmt": Rules.view,
    "create_trig_stmt": Rules.trigger,
    "rule_stmt": Rules.rule,
    "create_policy_stmt": Rules.policy,
    "define_stmt": Rules.define,
    "create_stats_stmt": Rules.statistics,
    "create_function_stmt": Rules.function,
    "create_enum_stmt": _creates("TYPE", "type_name"),
    "create_range_stmt": _creates("TYPE", "type_name"),
    "composite_type_stmt": _create_composite,
    "create_domain_stmt": _creates("DOMAIN", "domainname"),
    "create_role_stmt": _create_role,
    "create_extension_stmt": _creates("EXTENSION", "extname"),
    "create_table_space_stmt": _creates("TABLESPACE", "tablespacename"),
    "create_fdw_stmt": _creates("FDW", "fdwname"),
    "create_foreign_server_stmt": _creates("FOREIGN_SERVER", "servername"),
    "create_user_mapping_stmt": _creates("USER_MAPPING", "servername"),
    "create_am_stmt": _creates("ACCESS_METHOD", "amname"),
    "create_event_trig_stmt": _creates("EVENT_TRIGGER", "trigname"),
    "create_plang_stmt": _creates("LANGUAGE", "plname"),
    "create_op_class_stmt": _creates("OPCLASS", "opclassname"),
    "create_op_family_stmt": _creates("OPFAMILY", "opfamilyname"),
    "create_conversion_stmt": _creates("CONVERSION", "conversion_name"),
    "create_cast_stmt": _creates("CAST", ""),
    "create_transform_stmt": _creates("TRANSFORM", "lang"),
    "create_publication_stmt": _creates("PUBLICATION", "pubname"),
    "create_subscription_stmt": _creates("SUBSCRIPTION", "subname"),
    "createdb_stmt": _creates("DATABASE", "dbname"),
    "import_foreign_schema_stmt": _creates("FOREIGN_TABLES", "remote_schema"),
    "drop_stmt": Rules.drop,
    "drop_role_stmt": Rules.drop_role,
    "drop_table_space_stmt": Rules.drop_other,
    "drop_user_mapping_stmt": Rules.drop_other,
    "drop_subscription_stmt": Rules.drop_other,
    "dropdb_stmt": Rules.drop_database,
    "drop_owned_stmt": Rules.drop_owned,
    "truncate_stmt": Rules.truncate,
    "alter_table_stmt": Rules.alter_table,
    "rename_stmt": Rules.rename,
    "alter_object_schema_stmt": Rules.move,
    "alter_enum_stmt": Rules.enum,
    "alter_publication_stmt": Rules.publication,
    "alter_domain_stmt": Rules.domain,
    "insert_stmt": Rules.insert,
    "delete_stmt": Rules.delete,
    "update_stmt": Rules.update,
    "merge_stmt": Rules.merge,
    "explain_stmt": Rules.explain,
    "copy_stmt": Rules.copy,
    "vacuum_stmt": Rules.vacuum,
    "cluster_stmt": Rules.cluster,
    "reindex_stmt": Rules.reindex,
    "refresh_mat_view_stmt": Rules.refresh,
    "lock_stmt": Rules.lock,
    "do_stmt": Rules.do,
}

_TABLE_COMMANDS: dict[str, Callable[[Rules, Node, Name, Unit], None]] = {
    "AT_AddColumn": Rules.add_column,
    "AT_DropColumn": Rules.drop_column,
    "AT_AlterColumnType": Rules.alter_type,
    "AT_SetNotNull": Rules.set_not_null,
    "AT_AddConstraint": Rules.add_constraint,
    "AT_DropConstraint": Rules.drop_constraint,
    "AT_ValidateConstraint": Rules.validate,
    "AT_AttachPartition": Rules.partition,
    "AT_DetachPartition": Rules.partition,
    "AT_AddIdentity": Rules.alter_once,
    "AT_DropIdentity": Rules.alter_once,
    "AT_DropExpression": Rules.alter_once,
    "AT_AddInherit": Rules.alter_once,
    "AT_DropInherit": Rules.alter_once,
}


def _kind(node: Node, of: str) -> str:
    return name_of(node, of).removeprefix("OBJECT_")


def _is_temporary(relation: Node) -> bool:
    return bool(relation.relpersistence == "t" or relation.schemaname == "pg_temp")


def _signature_of(function: Node) -> str:
    """Return the types of a function's arguments, as DROP FUNCTION names them."""
    given = [each.function_parameter for each in function.parameters]
    return _signature(
        each.arg_type for each in given if name_of(each, "mode") not in {"FUNC_PARAM_OUT", "FUNC_PARAM_TABLE"}
    )


def _signature(types: Iterable[Node]) -> str:
    return f"({','.join(each.names[-1].string.sval + '[]' * len(each.array_bounds) for each in types)})"


def _kinds_gone(kind: str, dropped: Node) -> list[str]:
    """Return what may be created again after a DROP: of functions, only those of the same arguments where it names them."""
    kinds = {"TYPE": ["TYPE", "DOMAIN"], "ROUTINE": ["FUNCTION", "PROCEDURE"]}.get(kind, [kind])
    arguments = dropped.object_with_args
    if kinds[0] in {"FUNCTION", "PROCEDURE"} and not arguments.args_unspecified:
        return [each + _signature(argument.type_name for argument in arguments.objargs) for each in kinds]
    return kinds


def _problem_in(sql: str) -> SyntaxProblem | None:
    found = parse(sql)
    return found if isinstance(found, SyntaxProblem) else None


_CHANGES = frozenset({"delete_stmt", "insert_stmt", "merge_stmt", "update_stmt"})
_CHANGE = re.compile(r"\b(?:delete|insert|merge|update)\b", re.IGNORECASE)


def _place_of_change(sql: str, tree: Tree) -> int:
    """Return where a DELETE, INSERT, MERGE or UPDATE within a statement begins: the tree knows only where its table stands."""
    table = _characters(sql, tree.node.relation.location)
    return max((found.start() for found in _CHANGE.finditer(sql, 0, table)), default=table)


def _characters(sql: str, location: int) -> int:
    """Turn an offset in bytes, as the parse tree has it, into one in characters."""
    return location if sql.isascii() else len(sql.encode()[:location].decode(errors="ignore"))


def _places_of_commands(unit: Unit) -> list[int]:
    """Return where each command of an ALTER TABLE begins: the first with the statement, the others behind a comma."""
    places = [unit.start]
    depth = 0
    before = ""
    for word, start in tokens(unit.sql):
        if before == "," and not depth:
            places.append(unit.start + start)
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(word, 0)
        before = word
    return places
