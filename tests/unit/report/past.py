"""A server's past to talk about in tests of its page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from deploy.commands.look import Entry
from deploy.commands.report import Report
from deploy.model.ledger import Ledger, LedgerRow
from tests.unit.values import NOW, a_backup, an_observation

if TYPE_CHECKING:
    from deploy.model.observation import Observation


def a_job(number: int = 1, *, ago: timedelta = timedelta(hours=3), **changes: Any) -> Entry:  # noqa: ANN401 - any field
    """Return a deploy that went well."""
    fields: dict[str, Any] = {
        "job": f"job-{number}",
        "command": "deploy",
        "by": "alice",
        "source": "laptop",
        "commit": "c0ffee00" * 5,
        "started_at": (NOW - ago).isoformat(),
        "seconds": 4,
        "outcome": "done",
        "reason": "",
        "plan": {"backup": "pre_deploy_20261122_090000.sql.gz"},
        "rows": (f"{number:03}_step.sql",),
        "database_bytes": 30_000_000,
    }
    return Entry(**{**fields, **changes})


def a_ledger_row(number: int = 1, *, ms: int | None = 12, **changes: Any) -> LedgerRow:  # noqa: ANN401 - any field
    """Return a migration that took this long."""
    at = NOW.isoformat()
    fields: dict[str, Any] = {
        "name": f"{number:03}_step.sql",
        "sha256": "v1:0",
        "way": "transaction",
        "started_at": at,
        "finished_at": at,
        "duration_ms": ms,
        "deploy_id": "job-1",
    }
    return LedgerRow(**{**fields, **changes})


def seen_with(*rows: LedgerRow, **changes: Any) -> Observation:  # noqa: ANN401 - any field
    """Return a healthy server with these migrations."""
    return an_observation(**{"ledger": Ledger(exists=True, rows=rows), "backups": (a_backup(),), **changes})


def a_report(*jobs: Entry, seen: Observation | None = None, **changes: Any) -> Report:  # noqa: ANN401 - any field
    """Return what is known of `prod`, whose newest job comes first."""
    return Report(
        **{"host": "prod", "seen": seen or seen_with(a_ledger_row()), "jobs": jobs, "complete": True, **changes}
    )
