"""The ledger: what the database says was applied to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One applied migration, or one that was started outside a transaction and not finished (`finished_at` is None).

    Times are ISO 8601 as PostgreSQL prints them; `way` is `transaction`, `outside` or `baseline`.
    """

    name: str
    sha256: str
    way: str
    started_at: str
    finished_at: str | None
    duration_ms: int | None
    deploy_id: str

    @property
    def number(self) -> int:
        """The NNN of its name."""
        return int(self.name.split("_", 1)[0])


@dataclass(frozen=True, slots=True)
class Ledger:
    """All rows, in the order in which they were applied; a database without the table has `exists` False."""

    exists: bool = False
    rows: tuple[LedgerRow, ...] = ()

    @property
    def applied(self) -> tuple[LedgerRow, ...]:
        """The rows that count."""
        return tuple(row for row in self.rows if row.finished_at is not None)

    @property
    def unfinished(self) -> tuple[LedgerRow, ...]:
        """The rows that a crash left as started."""
        return tuple(row for row in self.rows if row.finished_at is None)

    @property
    def last(self) -> str | None:
        """The name of the highest-numbered applied migration."""
        return max(self.applied, key=lambda row: row.number).name if self.applied else None

    @property
    def fingerprint(self) -> str:
        """What hold.sql computes too: equal only if nobody changed the ledger since it was observed."""
        if not self.rows:
            return "none"
        lines = (
            f"{r.name} {r.sha256} {'true' if r.finished_at is not None else 'false'}"
            for r in sorted(self.rows, key=lambda r: r.name)
        )
        return hashlib.md5(",".join(lines).encode(), usedforsecurity=False).hexdigest()
