"""Values to talk about in tests: each has what a healthy server would have, but for what the test names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from deploy.model.backup import STAMP, Backup, Manifest, Origin
from deploy.model.ledger import Ledger, LedgerRow
from deploy.model.migration import Migration, migration_from
from deploy.model.observation import Database, Holder, Observation
from deploy.model.settings import settings_from

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.model.settings import Settings

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SUM = "0" * 64
HERE = Origin("prod", "backtester", "7300000000000000000")
STAGING = Origin("staging", "backtester", "7400000000000000000")
MOVED = Origin("prod", "backtester", "7200000000000000000")
HOLDER = Holder("20261122_115500_c0ffee00", "deploy", "alice", "laptop", "2026-11-22T11:55:00Z", "apply")


def some_settings(**changes: Any) -> Settings:  # noqa: ANN401 - any field of any type
    return replace(settings_from({}, {}, "prod"), **changes)


def a_migration(number: int, *, name: str = "step", text: str | bytes = "SELECT 1;\n") -> Migration:
    return migration_from(f"{number:03}_{name}.sql", text.encode() if isinstance(text, str) else text)


def a_row(migration: Migration, *, finished: bool = True, deploy_id: str = "20261121_090000_0badcafe") -> LedgerRow:
    return LedgerRow(
        name=migration.name,
        sha256=migration.sha256,
        way="transaction" if finished else "outside",
        started_at="2026-11-21T09:00:00+00:00",
        finished_at="2026-11-21T09:00:01+00:00" if finished else None,
        duration_ms=12 if finished else None,
        deploy_id=deploy_id,
    )


def ledger_of(*applied: Migration, unfinished: Iterable[Migration] = ()) -> Ledger:
    rows = [a_row(m) for m in applied] + [a_row(m, finished=False) for m in unfinished]
    return Ledger(exists=True, rows=tuple(rows))


def a_backup(  # noqa: PLR0913 - each is what some test is about
    kind: str = "pre_deploy",
    *,
    age: timedelta = timedelta(hours=3),
    name: str = "",
    size: int = 4_200_000,
    verified: bool = True,
    proven: bool = True,
    migration: str | None = "002_step.sql",
    server_version: int = 150_020,
    origin: Origin | None = HERE,
) -> Backup:
    """Take a backup. One that isn't `proven` has no manifest."""
    taken_at = NOW - age
    manifest = Manifest(SUM, taken_at.isoformat(), migration, origin, server_version, verified, None, {"public.t": 3})
    return Backup(name or f"{kind}_{taken_at.strftime(STAMP)}.sql.gz", size, taken_at, manifest if proven else None)


def a_database(**changes: Any) -> Database:  # noqa: ANN401 - any field of any type
    healthy = Database(
        name="backtester",
        version=150_020,
        standby=False,
        bytes=30_000_000,
        owner="backtester",
        user="backtester",
        superuser=False,
        createdb=True,
        owns=True,
        encoding="UTF8",
        system=HERE.system,
        tables=4,
        prepared=0,
        slots=(),
        subscriptions=0,
        replaced=(),
        scratch=(),
        locked_by=None,
    )
    return replace(healthy, **changes)


def an_observation(**changes: Any) -> Observation:  # noqa: ANN401 - any field of any type
    healthy = Observation(
        time=NOW,
        here=HERE,
        user="bob",
        kernel="Linux 6.1.0 x86_64",
        lacks=(),
        directory_exists=True,
        directory_writable=True,
        free_bytes=50_000_000_000,
        database=a_database(),
        ledger=Ledger(exists=True),
    )
    return replace(healthy, **changes)
