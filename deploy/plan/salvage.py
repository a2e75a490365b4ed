"""Which replaced database the rows come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.model.errors import NothingReplaced, UsageError
from deploy.plan.retention import replaced_at

if TYPE_CHECKING:
    from deploy.model.observation import Database

FORMATS = ("csv", "sql")


def choose_replaced(wanted: str, database: Database) -> str:
    """Return the name of a replaced database: the newest, unless another is wanted.

    Raises:
        NothingReplaced: there is none.
        UsageError: not by that name; the candidates are listed.
    """
    if not database.replaced:
        raise NothingReplaced(
            "there is no replaced database to salvage rows from",
            hint="A rollback leaves one, until `forget` or the age of keep_replaced takes it away.",
        )
    names = [r.name for r in sorted(database.replaced, key=replaced_at, reverse=True)]
    if wanted and wanted not in names:
        raise UsageError(
            f"--database={wanted} is no replaced database", hint="Name one of these.", details=tuple(names)
        )
    return wanted or names[0]


def require_format(form: str) -> None:
    """Refuse a format that isn't one.

    Raises:
        UsageError: names those that are.
    """
    if form not in FORMATS:
        raise UsageError(f"--format={form} is no format", hint=f"Write {' or '.join(FORMATS)}.")
