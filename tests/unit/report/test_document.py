"""Whatever a command ends with, its document is as the published schema says: no field more, none less."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.check.catalogue import CATEGORIES, Finding
from deploy.commands.backups import BackupResult
from deploy.commands.drift import DriftResult
from deploy.commands.fetch import FetchResult
from deploy.commands.look import Status, WaysBack, entries
from deploy.commands.rehearse import RehearsalResult
from deploy.commands.release import ReleaseResult
from deploy.commands.report import Report, Written
from deploy.commands.rollback import RollbackResult
from deploy.commands.salvage import SalvagedTable, SalvageResult
from deploy.commands.schedule import ScheduleResult
from deploy.job.outcome import FileTried
from deploy.model.backup import Backup, Manifest, Origin
from deploy.model.errors import BackupNotFound, DeployError, OutcomeUnknown
from deploy.model.event import HeldLock, Stored, WrittenRows
from deploy.model.examination import Check
from deploy.model.ledger import Ledger
from deploy.model.observation import Replaced
from deploy.plan.drift import Difference, Drift, SchemaObject, explain_drift
from deploy.plan.release import ReleasePlan, compare
from deploy.report import document
from deploy.report.findings import check_document
from tests import schemas
from tests.unit.report.past import a_ledger_row, seen_with
from tests.unit.values import HOLDER, a_database, a_migration, an_observation, ledger_of

if TYPE_CHECKING:
    from collections.abc import Callable

words = st.text(max_size=12)
several = st.lists(words, max_size=3).map(tuple)
counts = st.integers(min_value=0)
moments = st.datetimes(timezones=st.just(UTC))
errors = st.builds(
    lambda kind, message, hint, details: kind(message, hint=hint, details=details),
    st.sampled_from([kind for kind in schemas.ERRORS if kind is not DeployError]),
    words,
    words,
    several,
)


def ended(kind: Callable[..., Any], *done: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw a result: done, or failed, refused or unknown with its error."""
    unknown = words.map(lambda message: OutcomeUnknown(message, hint=""))
    ends = st.one_of(
        st.tuples(st.sampled_from(done), st.none()),
        st.tuples(st.sampled_from(["failed", "refused"]), errors),
        st.tuples(st.just("unknown"), unknown),
    )
    return st.builds(lambda end, **found: kind(outcome=end[0], error=end[1], **found), end=ends, host=words, **fields)


backups = st.builds(
    Backup,
    name=words | st.sampled_from([f"{kind}_20261122_120000.sql.gz" for kind in ("pre_deploy", "pre_rollback")]),
    bytes=counts,
    modified_at=moments,
    manifest=st.none()
    | st.builds(
        Manifest,
        sha256=words,
        taken_at=moments.map(datetime.isoformat),
        migration=st.none() | words,
        origin=st.none() | st.builds(Origin, words, words, words),
        server_version=counts,
        verified=st.booleans(),
        restored_at=st.none() | moments.map(datetime.isoformat),
    ),
)
plans = st.builds(
    ReleasePlan,
    baseline=st.just((a_migration(1),)),
    pending=st.just(()),
    backup=st.none() | words,
    prune=several,
    forget=several,
    upload=st.booleans(),
    warnings=several,
    last_applied=st.none() | words,
    ledger_fingerprint=words,
)
way_back: dict[str, st.SearchStrategy[Any]] = {
    "backup": words,
    "safety_backup": st.none() | words,
    "replaced_database": st.none() | words,
    "pending_again": several,
    "outage_ms": st.none() | counts,
    "duration_s": st.floats(min_value=0, max_value=1e6),
}
standings = st.builds(
    lambda applied, files: compare(
        [a_migration(n, text=f"-- {n}") for n in files], ledger_of(*map(a_migration, applied))
    ),
    st.sets(st.integers(min_value=1, max_value=5)),
    st.sets(st.integers(min_value=1, max_value=5)),
)
NO_WAY = WaysBack(BackupNotFound("none", hint="Take one."), None)
statuses = st.builds(
    Status,
    host=words,
    database=st.builds(a_database, standby=st.booleans(), replaced=st.sampled_from([(), (Replaced("old", 5),)])),
    standing=standings,
    seen=st.builds(an_observation, locked=st.booleans(), holder=st.sampled_from([None, HOLDER])),
    latest_backup=st.none() | backups,
    ways_back=st.just(NO_WAY),
    last_change=st.none(),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
audits = st.lists(
    st.dictionaries(
        st.sampled_from(["at", "by", "from", "commit", "plan", "outcome", "rows", "seconds"]), anything
    ).flatmap(
        lambda line: st.builds(
            lambda event, plan, rows: {**line, "event": event, "job": "j", "plan": plan, "rows": rows},
            st.sampled_from(["started", "finished", "other"]),
            anything | st.fixed_dictionaries({"backup": anything}),
            anything | st.lists(st.fixed_dictionaries({"name": anything, "finished": anything}), max_size=3),
        )
    ),
    max_size=4,
)
tables = st.builds(
    SalvagedTable,
    table=words,
    rows=st.none() | counts,
    path=st.none() | st.just(Path("lost/orders.csv")),
    columns_left_out=several,
    reason=words,
)
findings = st.builds(
    Finding,
    file=words,
    line=st.integers(min_value=1),
    column=st.integers(min_value=1),
    id=words,
    category=st.sampled_from(CATEGORIES),
    severity=st.sampled_from(["error", "warning", "info"]),
    message=words,
    why=words,
    rewrite=words,
)

locks = st.builds(
    HeldLock,
    table=words,
    mode=st.sampled_from(["ShareUpdateExclusiveLock", "ShareLock", "AccessExclusiveLock"]),
    ms=st.none() | counts,
)
stored = st.lists(st.builds(Stored, name=words, bytes=counts), max_size=2).map(tuple)
tried = st.lists(
    st.builds(
        FileTried,
        name=words,
        ms=counts,
        locks=st.lists(locks, max_size=2).map(tuple),
        written=st.lists(st.builds(WrittenRows, words, counts, counts, counts), max_size=2).map(tuple),
        rewritten=stored,
        indexes=stored,
    ),
    max_size=2,
).map(tuple)
differences = st.lists(
    st.builds(
        Difference,
        what=st.builds(SchemaObject, type=words, schema=words, name=words, text=several),
        how=st.sampled_from(["only_in_database", "only_in_migrations", "differs"]),
        diff=several,
    ),
    max_size=2,
).map(tuple)


def drifted(found: Drift, init: str | None) -> dict[str, Any]:
    return document.drift_document(DriftResult("prod", found, 3, init, explain_drift(found)))


DOCUMENTS: dict[str, st.SearchStrategy[Any]] = {
    "backup": ended(BackupResult, "backed_up", backup=st.none() | words).map(document.backup_result_document),
    "backups": st.lists(backups.map(document.backup_document), max_size=3),
    "check": st.lists(findings, max_size=3).map(check_document),
    "deploy": ended(
        ReleaseResult,
        "applied",
        "nothing_pending",
        "not_started",
        applied=several,
        failed=st.none() | words,
        backup=st.none() | words,
        duration_s=st.floats(min_value=0, max_value=1e6),
        rehearsed=st.booleans(),
        tried=tried,
    ).map(document.release_document)
    | plans.map(lambda plan: document.release_document(ReleaseResult("prod", "planned", plan=plan))),
    "doctor": st.lists(st.builds(Check, name=words, found=words, mend=words), max_size=3).map(document.doctor_document),
    "drift": st.builds(drifted, st.builds(Drift, differences, counts), st.none() | words),
    "fetch": st.builds(
        lambda end, **found: FetchResult(outcome=end[0], error=end[1], **found),
        st.tuples(st.sampled_from(["fetched", "present"]), st.none()) | st.tuples(st.just("failed"), errors),
        host=words,
        backup=words,
        path=st.just(Path("backups/x.sql.gz")),
        bytes=counts,
        sha256=words,
    ).map(document.fetch_document),
    "history": audits.map(entries).map(document.history_document),
    "rehearse": ended(
        RehearsalResult,
        "rehearsed",
        "nothing_pending",
        pending=several,
        failed=st.none() | words,
        duration_s=st.floats(min_value=0, max_value=1e6),
        tried=tried,
    ).map(document.rehearsal_result_document),
    "report": st.builds(
        lambda jobs, found, error, down: document.report_document(
            Report(
                "prod",
                seen_with(
                    a_ledger_row(), backups=tuple(found), **({"database": None, "ledger": Ledger()} if down else {})
                ),
                tuple(entries(jobs)),
                complete=True,
                error=error if down else None,
            ),
            Written(Path("deploys.html"), 5),
        ),
        audits,
        st.lists(backups, max_size=3),
        errors,
        st.booleans(),
    ),
    "rollback": ended(RollbackResult, "rolled_back", "planned", **way_back).map(document.rollback_document),
    "salvage": st.lists(tables, max_size=3).map(
        lambda found: document.salvage_document(SalvageResult("prod", "old", tuple(found)))
    ),
    "schedule": st.builds(
        ScheduleResult,
        host=words,
        outcome=st.sampled_from(["scheduled", "removed", "unchanged"]),
        line=st.none() | words,
    ).map(document.schedule_document),
    "status": statuses.map(document.status_document),
    "undo": ended(RollbackResult, "undone", **way_back).map(document.rollback_document),
    "verify": ended(BackupResult, "verified", backup=words).map(document.backup_result_document),
}


class TestADocument:
    @pytest.mark.parametrize("task", DOCUMENTS)
    @given(st.data())
    def test_is_as_its_schema_says(self, task: str, data: st.DataObject) -> None:
        """On its own, and as one of several hosts."""
        found = data.draw(DOCUMENTS[task])
        assert schemas.problem(task, found) is None
        if task != "check":
            assert schemas.problem(task, {"hosts": [found, found]}) is None

    @pytest.mark.parametrize("task", DOCUMENTS)
    @given(errors)
    def test_of_a_refusal_is_as_every_schema_says(self, task: str, error: DeployError) -> None:
        for outcome in ("refused", "failed", "unknown"):
            error.outcome = outcome
            assert schemas.problem(task, document.refusal_document(error, "prod")) is None

    def test_is_tried_for_every_schema(self) -> None:
        assert sorted(DOCUMENTS) == schemas.names()

    def test_of_all_proofs_is_a_list(self) -> None:
        proof = document.backup_result_document(BackupResult("prod", "verified", "x.sql.gz"))
        assert schemas.problem("verify", [proof, proof]) is None
        assert schemas.problem("verify", []) is None

    def test_with_a_field_that_nobody_documented_is_no_such_document(self) -> None:
        """Also deep within, and where a consumer would let it pass."""
        found = document.release_document(ReleaseResult("prod", "nothing_pending"))
        assert "'news'" in str(schemas.problem("deploy", {**found, "news": 1}))
        seen = document.status_document(
            Status("prod", a_database(), compare([], ledger_of()), an_observation(), None, NO_WAY, None)
        )
        lock = {**dict.fromkeys(("job", "command", "by", "from", "since", "step")), "news": 1}
        assert schemas.problem("status", {**seen, "lock": lock})

    @pytest.mark.parametrize(
        "change",
        [
            {"outcome": "done"},
            {"outcome": "failed"},
            {"duration_s": "1 s"},
            {"applied": None},
            {"error": {"status": 2}},
        ],
        ids=str,
    )
    def test_with_another_value_is_no_such_document(self, change: dict[str, Any]) -> None:
        found = document.release_document(ReleaseResult("prod", "nothing_pending"))
        assert schemas.problem("deploy", found) is None
        assert schemas.problem("deploy", {**found, **change})

    def test_without_a_field_is_no_such_document(self) -> None:
        found = document.release_document(ReleaseResult("prod", "nothing_pending"))
        for field in found:
            assert schemas.problem("deploy", {key: value for key, value in found.items() if key != field})


class TestTheOutputOfACommand:
    @pytest.mark.parametrize("stdout", ["", "▶ prod: deploying\n[]", "[]\n[]"])
    def test_has_to_be_one_document(self, stdout: str) -> None:
        assert "not one JSON document" in str(schemas.problem_of_output(("-R", "backups", "--json"), stdout))
        assert schemas.problem_of_output(("-R", "backups"), stdout) is None

    def test_is_read_by_the_schema_of_its_task(self) -> None:
        assert schemas.problem_of_output(("backups", "--json"), "[]") is None
        assert schemas.problem_of_output(("deploy", "--json"), "[]") is not None
