"""Migrations of each kind, of which one can see from outside whether they ran, whether all of each did, or a part."""

# ruff: noqa: S608 - what is put into these statements are numbers of the tests' own

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.server import Site

ROWS = 300
"""Of each half of a piece of work."""

ITEMS = 20_000
"""Rows that a big UPDATE rewrites."""

BASE = f"""
CREATE TABLE clients (id int PRIMARY KEY, name text);
INSERT INTO clients SELECT i, md5(i::text) FROM generate_series(1, 3000) AS i;
CREATE TABLE items (id int PRIMARY KEY, version int NOT NULL, text text);
INSERT INTO items SELECT i, 0, md5(i::text) FROM generate_series(1, {ITEMS}) AS i;
CREATE FUNCTION slowly(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(0.002); RETURN $1; END';
CREATE TABLE slow (id int PRIMARY KEY);
INSERT INTO slow SELECT generate_series(1, 60);
"""
"""What is in the database before the first migration."""


class Kind(StrEnum):
    """How a migration is run."""

    PLAIN = "plain"
    BLOCK = "block"
    INDEX = "index"
    UPDATE = "update"
    ALTER = "alter"


class State(StrEnum):
    """How much of a migration is in the database."""

    NONE = "none"
    WHOLE = "whole"
    PART = "part"


def text_of(kind: Kind, number: int) -> str:
    """Write a migration that takes a moment and has a middle."""
    table = f"CREATE TABLE IF NOT EXISTS piece_{number} (id int PRIMARY KEY, text text);\n"
    rows = (
        f"INSERT INTO piece_{number} SELECT i, md5(i::text) FROM generate_series({first}, {first + ROWS - 1}) AS i"
        " ON CONFLICT DO NOTHING;\n"
        for first in (1, ROWS + 1)
    )
    middle = "SELECT pg_sleep(0.15);\n"
    whole = table + middle.join(rows)
    match kind:
        case Kind.PLAIN:
            return whole
        case Kind.BLOCK:
            return f"BEGIN;\n{whole}COMMIT;\n"
        case Kind.INDEX:
            return f"CREATE INDEX CONCURRENTLY IF NOT EXISTS piece_{number} ON slow (slowly(id));\n"
        case Kind.UPDATE:
            return f"UPDATE items SET version = {number} WHERE version < {number};\n"
        case Kind.ALTER:
            return f"ALTER TABLE clients ADD COLUMN IF NOT EXISTS piece_{number} int;\n{middle}"


def name_of(kind: Kind, number: int) -> str:
    return f"{number:03}_{kind}.sql"


def write_pieces(site: Site, pieces: Iterable[tuple[int, Kind]]) -> None:
    for number, kind in pieces:
        site.write_migration(name_of(kind, number), text_of(kind, number))


def states(site: Site, database: str | None = None) -> Mapping[str, State]:
    """Tell of each file in the project how much of it is in the database, at one look."""
    files = [
        (file.name, Kind(file.stem.split("_")[1]), int(file.name[:3]))
        for file in sorted((site.project / "migrations").glob("*.sql"))
    ]
    facts = ", ".join(f"'{name}', ({_QUESTIONS[kind].format(n=n)})" for name, kind, n in files)
    found = json.loads(site.psql(f"SELECT json_build_object({facts})", database))
    return {name: State(state) for name, state in found.items()}


_ROWS_OF_PIECE = """SELECT CASE WHEN to_regclass('piece_{n}') IS NULL THEN 'none' WHEN
 (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM piece_{n}', false, true, '')))[1]::text = '%s'
 THEN 'whole' ELSE 'part' END""".replace("%s", str(2 * ROWS))

_QUESTIONS = {
    Kind.PLAIN: _ROWS_OF_PIECE,
    Kind.BLOCK: _ROWS_OF_PIECE,
    Kind.INDEX: "SELECT coalesce((SELECT CASE WHEN indisvalid THEN 'whole' ELSE 'part' END FROM pg_index"
    " WHERE indexrelid = to_regclass('piece_{n}')), 'none')",
    Kind.UPDATE: "SELECT CASE count(*) FILTER (WHERE version >= {n}) WHEN 0 THEN 'none' WHEN count(*) THEN 'whole'"
    " ELSE 'part' END FROM items",
    Kind.ALTER: "SELECT CASE WHEN count(*) = 1 THEN 'whole' ELSE 'none' END FROM pg_attribute"
    " WHERE attrelid = 'clients'::regclass AND attname = 'piece_{n}' AND NOT attisdropped",
}


def data_of(site: Site, database: str | None = None) -> str:
    """Sum up the rows that no migration writes: what a rollback takes back and what an undo brings."""
    return site.psql("SELECT md5(string_agg(id || name, ',' ORDER BY id)) FROM clients", database)
