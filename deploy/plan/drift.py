"""How a database's schema differs from what its migrations produce; both as pg_dump writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import unified_diff
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from deploy.check.reach import reach_of
from deploy.model.errors import MigrationInvalid, SchemaDrifted
from deploy.plan.release import compare, read_pending, refuse_duplicates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.model.ledger import Ledger
    from deploy.model.migration import Migration
    from deploy.plan.release import Pending

_ENTRY = re.compile(r"^--\n-- Name: (.*); Type: (.*); Schema: (.*); Owner: .*\n--\n", re.MULTILINE)
_NOISE = re.compile(r"^(?:--|\\(?:un)?restrict |SET default_)")
_OF_TABLE = re.compile(r" ON (?:ONLY )?((?:\"(?:[^\"]|\"\")*\"|\w+)\.(?:\"(?:[^\"]|\"\")*\"|\w+))")


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """One entry of a dump. `type` as pg_dump names it, `schema` is - for what has none."""

    type: str
    schema: str
    name: str
    text: tuple[str, ...]

    def __str__(self) -> str:
        """As people read it, and patterns match it."""
        return f"{self.type} {self._qualified(self.name)}"

    @property
    def aliases(self) -> tuple[str, ...]:
        """What an ignored pattern may say to mean it: its own name, that of the table that it belongs to, either with the type."""
        # "trades trades_pkey" is a constraint of trades, "TABLE trades" its comment, "COLUMN trades.id" one of a column
        words = [word for word in self.name.split() if not word.isupper()]
        names = {self.name, *words, *(word.split(".")[0] for word in words)}
        own = {self._qualified(name) for name in names}
        own |= set(_OF_TABLE.findall(" ".join(self.text))) if self.type == "INDEX" else set()
        return (str(self), *sorted(own))

    def _qualified(self, name: str) -> str:
        return name if self.schema == "-" else f"{self.schema}.{name}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that isn't the same on both sides; `how` is `only_in_database`, `only_in_migrations` or `differs`."""

    what: SchemaObject
    how: str
    diff: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """All differences but those that are ignored."""

    differences: tuple[Difference, ...]
    ignored: int


def plan_expected(found: Sequence[Migration], ledger: Ledger) -> tuple[tuple[Pending, ...], tuple[str, ...]]:
    """Return the files that should have made the database what it is, in number order, and what makes that doubtful.

    Raises:
        MigrationInvalid: one of them reaches beyond its database, so that a scratch database can't keep it in.
    """
    refuse_duplicates(found)
    standing = compare(found, ledger)
    applied = set(standing.applied)
    files = tuple(read_pending(m) for m in found if not ledger.exists or m.name in applied)
    for file in files:
        if file.reach:
            raise MigrationInvalid(
                f"{file.migration.name} reaches beyond its database ({file.reach})",
                hint="It can't be run in a scratch database; compare where nobody else is: fab drift on a local container.",
            )
    doubts = [f"{name} was edited after it was applied: what it says today is compared" for name in standing.changed]
    doubts += [f"{name} was applied but isn't here: what it made shows as drift" for name in standing.missing]
    return files, tuple(doubts)


def require_contained(name: str, text: str) -> None:
    """Refuse a script that makes roles or databases: it would make them for everybody.

    Raises:
        MigrationInvalid: names the line.
    """
    reach = reach_of(text)
    if reach:
        raise MigrationInvalid(
            f"{name} reaches beyond its database ({reach})",
            hint="Give --init a script that has only what is in the database, or an empty one.",
        )


def objects_of(dump: str) -> dict[tuple[str, str, str], SchemaObject]:
    """Read a schema-only dump; entries of one name and type come together."""
    pieces = _ENTRY.split(dump)[1:]
    found: dict[tuple[str, str, str], SchemaObject] = {}
    for name, kind, schema, body in zip(*[iter(pieces)] * 4, strict=True):
        text = tuple(line for line in body.split("\n") if line and not _NOISE.match(line))
        key = (kind, schema, name)
        if key in found:
            text = found[key].text + text
        found[key] = SchemaObject(kind, schema, name, text)
    return found


def find_drift(expected: str, actual: str, ignore: Sequence[str]) -> Drift:
    """Compare two schema-only dumps, object by object. The order of a table's columns doesn't count.

    Args:
        expected: what the migrations made.
        actual: the database's own.
        ignore: patterns as of a shell, for `schema.name`, `TYPE schema.name`, or the table that something belongs to.
    """
    theirs, ours = objects_of(actual), objects_of(expected)
    differences = list(_differences(ours, theirs))
    kept = tuple(d for d in differences if not any(fnmatchcase(a, p) for a in d.what.aliases for p in ignore))
    return Drift(kept, ignored=len(differences) - len(kept))


def _differences(
    ours: dict[tuple[str, str, str], SchemaObject], theirs: dict[tuple[str, str, str], SchemaObject]
) -> Iterator[Difference]:
    for key in sorted(ours.keys() | theirs.keys(), key=lambda k: (k[1], k[2], k[0])):
        mine, its = ours.get(key), theirs.get(key)
        if mine and its and _comparable(mine) == _comparable(its):
            continue
        what = its or mine
        assert what  # noqa: S101 - the key is of one of the two
        how = "differs" if mine and its else "only_in_database" if its else "only_in_migrations"
        lines = unified_diff(mine.text if mine else (), its.text if its else (), lineterm="", n=1)
        yield Difference(what, how, tuple(line for line in lines if not line.startswith(("---", "+++", "@@"))))


def _comparable(what: SchemaObject) -> list[str]:
    lines = [line.strip().removesuffix(",") for line in what.text]
    return sorted(lines) if what.type == "TABLE" else lines


def explain_drift(drift: Drift) -> SchemaDrifted | None:
    """Return what a caller is told when there is any."""
    if not drift.differences:
        return None
    count = len(drift.differences)
    return SchemaDrifted(
        f"the database differs from its migrations in {count} object{'s' if count != 1 else ''}",
        hint="Write a migration that brings them together, or name what may differ in drift_ignore.",
    )
