"""The summary of a step on GitHub."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from deploy.job.outcome import Record
from deploy.model.event import BackupTaken, JobEnded, RowSettled
from deploy.report.github import FollowedJob
from deploy.report.summary import MOST_ROWS, summary

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

BACKUP = "pre_deploy_20261122_115500.sql.gz"
ERROR = {
    "status": 28,
    "name": "MigrationFailed",
    "message": "004_x.sql:7: no",
    "hint": "Mend it.",
    "details": ["LINE 1: `x`"],
}
JOB = FollowedJob(
    "1",
    "deploy",
    Record(
        backup=BackupTaken(BACKUP, 1, "0", 1, 1),
        ended=JobEnded(
            "done", "", (RowSettled("003_w.sql", finished=True, ms=1234), RowSettled("004_x.sql", finished=True, ms=5))
        ),
    ),
)


def a_deploy(**changes: object) -> dict[str, Any]:
    return {
        "host": "prod",
        "outcome": "applied",
        "applied": ["003_w.sql", "004_x.sql"],
        "failed": None,
        "backup": BACKUP,
        "duration_s": 3.21,
        "error": None,
        **changes,
    }


class TestTheSummary:
    def test_of_a_deploy_has_times_backup_and_way_back(self, snapshot: SnapshotAssertion) -> None:
        assert summary(a_deploy(rehearsed=True), "prod", [JOB]) == snapshot

    def test_of_a_deploy_that_failed_has_the_error(self, snapshot: SnapshotAssertion) -> None:
        failed = a_deploy(outcome="failed", applied=["003_w.sql"], failed="004_x.sql", error=ERROR)
        assert summary(failed, "prod", [JOB]) == snapshot

    def test_of_a_deploy_with_nothing_to_do_is_a_line(self, snapshot: SnapshotAssertion) -> None:
        assert summary(a_deploy(outcome="nothing_pending", applied=[], backup=None), "prod", []) == snapshot

    def test_of_a_dry_run_has_what_would_be_done(self, snapshot: SnapshotAssertion) -> None:
        planned = a_deploy(outcome="planned", applied=[], backup=None, plan={"pending": ["004_x.sql"]}, duration_s=0)
        assert summary(planned, "prod", []) == snapshot

    def test_of_a_rollback_has_what_was_kept(self, snapshot: SnapshotAssertion) -> None:
        document = {
            "host": "prod",
            "outcome": "rolled_back",
            "backup": BACKUP,
            "safety_backup": "pre_rollback_20261122_120000.sql.gz",
            "replaced_database": "app_replaced_20261122_120000",
            "pending_again": ["003_w.sql", "004_x.sql"],
            "outage_ms": 74,
            "duration_s": 9.0,
            "error": None,
        }
        assert summary(document, "prod", []) == snapshot

    def test_of_a_status_has_what_is_pending(self, snapshot: SnapshotAssertion) -> None:
        document = {
            "host": "prod",
            "applied": ["001_a.sql"],
            "pending": ["002_b.sql"],
            "latest_backup": {"name": BACKUP},
            "late": [],
        }
        assert summary(document, "prod", []) == snapshot

    def test_of_a_rehearsal_has_what_ran_on_the_copy(self, snapshot: SnapshotAssertion) -> None:
        document = {
            "host": "prod",
            "outcome": "failed",
            "pending": ["003_w.sql", "004_x.sql"],
            "rehearsal": [{"file": "003_w.sql", "ms": 1500}],
            "error": ERROR,
        }
        assert summary(document, "prod", []) == snapshot

    def test_of_several_hosts_has_each(self) -> None:
        found = summary({"outcome": "applied", "hosts": [a_deploy(host="a"), a_deploy(host="b")]}, "a,b", [])
        assert re.findall("^### .*", found, re.MULTILINE) == [
            "### ✅ `a`: 2 migrations applied in 3.2 s",
            "### ✅ `b`: 2 migrations applied in 3.2 s",
        ]

    def test_of_findings_is_a_table(self, snapshot: SnapshotAssertion) -> None:
        found = {
            "severity": "error",
            "file": "migrations/004_x.sql",
            "line": 3,
            "id": "syntax-error",
            "message": "a | <b>",
        }
        assert summary([found], "local", []) == snapshot

    def test_of_lists_and_of_nothing_is_empty(self) -> None:
        assert summary([], "prod", []) == summary({}, "prod", []) == summary([{"name": BACKUP}], "prod", []) == ""

    def test_doesnt_grow_beyond_what_github_takes(self) -> None:
        found = summary(a_deploy(applied=[f"{n:05}_x.sql" for n in range(20_000)]), "prod", [])
        assert found.count("✅ applied") == MOST_ROWS
        assert "and 19800 more" in found
        assert len(found) < 2**19

    @example("\n```\n<b>")
    @example("\n````\n<b>")
    @given(st.text(alphabet="`|<>&*_[]()!#\\\n\r a@", min_size=1, max_size=30))
    def test_says_words_of_others_and_does_not_obey_them(self, evil: str) -> None:
        """Neither a row nor a block of code ends before it should, and nothing becomes a tag."""
        document = a_deploy(
            host=f"x{evil}", failed=f"y{evil}", backup=f"z{evil}", error={**ERROR, "message": evil, "hint": evil}
        )
        text = summary(document, "prod", [])
        outside = without_code(text)
        assert not re.search(r"<(?!/?code>)", outside)
        rows = [line for line in outside.splitlines() if line.startswith("|")]
        assert [line.count("|") for line in rows] == [4] * 5 + [3] * 3


def without_code(text: str) -> str:
    """Leave the blocks of code out, as Markdown finds their ends."""
    kept, fence = [], ""
    for line in text.splitlines():
        if fence:
            fence = "" if re.fullmatch(f"{fence}`*", line.strip()) else fence
        elif match := re.match("`{3,}", line):
            fence = match[0]
        else:
            kept.append(line)
    assert fence == "", "a block of code doesn't end"
    return "\n".join(kept)
