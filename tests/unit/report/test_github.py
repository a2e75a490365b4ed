"""What GitHub's runner is told, and what it must never take for being told."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.job.outcome import Record
from deploy.model.errors import (
    DeployError,
    JobDied,
    LockHeld,
    MigrationEdited,
    MigrationFailed,
    MigrationInvalid,
    OutcomeUnknown,
)
from deploy.model.event import (
    BackupStarted,
    BackupTaken,
    JobBegun,
    JobEnded,
    MigrationApplied,
    MigrationStarted,
    RowSettled,
    StepStarted,
    Waiting,
    Warned,
)
from deploy.report.document import document_text, refusal_document
from deploy.report.github import (
    LONGEST_OUTPUT,
    FollowedJob,
    Place,
    annotation,
    document_of,
    file_command,
    harmless,
    outputs,
    place_of,
    sharpened,
    workflow_command,
)
from deploy.report.github_console import GitHubConsole, GitHubLog

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {
    "add-mask",
    "group",
    "endgroup",
    "error",
    "warning",
    "notice",
    "stop-commands",
    "set-output",
    "echo",
    "debug",
}


def obeyed(log: str) -> list[str]:
    """Return the commands that GitHub's runner would find in a log, read as ActionCommand.cs reads it."""
    found = []
    for line in re.split(r"\r\n|\r|\n", log):
        words = line.lstrip()
        if words.startswith("::") and (end := words.find("::", 2)) >= 0:
            found.append(words[2:end].split(" ")[0])
        elif (begin := line.find("##[")) >= 0 and (end := line.find("]", begin)) >= 0:
            found.append(line[begin + 3 : end].split(" ")[0])
    return found


EVIL = [
    "::add-mask::x",
    "  ::add-mask::x",
    "\t\u00a0\u2003::stop-commands::x",
    "::set-output name=backup::other",
    "##[add-mask]x",
    "said ##[group]x",
    "##[##[add-mask]x]",
    ":::add-mask::x",
    "::::",
]


class TestALineOfOthers:
    @pytest.mark.parametrize("line", EVIL)
    def test_is_no_command(self, line: str) -> None:
        assert obeyed(line) or line.startswith(":::")
        assert obeyed(harmless(line)) == []

    @given(st.text(alphabet=":# [\t]ab\u2003", max_size=12))
    def test_is_no_command_however_it_is_made_up(self, line: str) -> None:
        assert obeyed(harmless(line)) == []

    @pytest.mark.parametrize(
        "line", ["", "  ✅ 001_a.sql applied successfully", "a::b", "std::string", "## [x]", "# ::"]
    )
    def test_is_left_as_it_is_otherwise(self, line: str) -> None:
        assert harmless(line) == line


class TestADocument:
    @pytest.mark.parametrize("words", [*EVIL, "##[a]\n##[b]"])
    def test_has_no_command_and_the_same_meaning(self, words: str) -> None:
        text = document_text({"host": words, words: [words]})
        assert obeyed(text) == []
        assert json.loads(text) == {"host": words, words: [words]}


class TestACommand:
    def test_keeps_what_is_data_in_its_place(self) -> None:
        said = workflow_command("error", "100 %\r\n::x", file="a,b:c%.sql", line=3, title="")
        assert said == "::error file=a%2Cb%3Ac%25.sql,line=3::100 %25%0D%0A::x"

    def test_quotes_none_of_the_older_kind(self) -> None:
        """A runner that doesn't know the command would look for them."""
        assert workflow_command("error", "##[add-mask]x", title="##[x]") == "::error title=# #[x]::# #[add-mask]x"

    @given(st.text(), st.text())
    def test_is_one_line_whatever_is_in_it(self, text: str, value: str) -> None:
        assert obeyed(workflow_command("error", text, title=value)) == ["error"]


class TestTheLog:
    def test_opens_a_group_for_a_step_that_says_something(self) -> None:
        stream = io.StringIO()
        log = GitHubLog(stream)
        for step, said in (("tidy up", ""), ("back up", "🔒 one\ntwo\n"), ("apply", "📄 three\n")):
            log.group(step)
            log.write(said)
        log.end_group()
        log.write("✅ done\n")
        assert stream.getvalue() == (
            "::group::back up\n🔒 one\ntwo\n::endgroup::\n::group::apply\n📄 three\n::endgroup::\n✅ done\n"
        )

    @given(st.lists(st.text(alphabet=":ad-msk# []\r\n\t", max_size=9), max_size=9))
    def test_has_no_command_that_was_put_together_from_pieces(self, pieces: list[str]) -> None:
        stream = io.StringIO()
        log = GitHubLog(stream)
        for piece in pieces:
            log.write(piece)
        log.end_group()
        assert obeyed(stream.getvalue()) == []

    @pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
    def test_has_lines_where_the_runner_sees_them(self, end: str) -> None:
        stream = io.StringIO()
        GitHubLog(stream).write(f"a{end}::add-mask::b{end}")
        assert stream.getvalue().replace("\n\n", "\n") == "a\n: :add-mask::b\n"

    def test_lets_words_without_a_line_end_out_at_the_end(self) -> None:
        stream = io.StringIO()
        log = GitHubLog(stream)
        log.write("half")
        log.end_group()
        assert stream.getvalue() == "half\n"


FAILED = MigrationFailed(
    '004_x.sql:7: column "total" does not exist (SQLSTATE 42703)',
    hint="Mend it, and see `fab -H … status`",
    details=("LINE 3:        total", "               ^", "nothing was applied"),
)
FAILED.outcome = "failed"  # as whoever ran or followed the job says
TEXT = "-- total\nSELECT 1;\nCREATE VIEW v AS\nSELECT id,\n\ttotal\nFROM orders\n;\n".replace("\t", "       ")


class TestThePlaceOfAnError:
    @pytest.mark.parametrize(
        ("message", "place"),
        [
            ("004_x.sql:12: syntax error", Place("004_x.sql", 12)),
            ("migrations/004_x.sql:12:5: syntax error", Place("004_x.sql", 12, 5)),
            ("0004_a-b.c.sql was edited after it was applied", Place("0004_a-b.c.sql")),
            ("004_x.sql, at its end: no", Place("004_x.sql")),
            ("002_a.sql and 002_b.sql have the same number", Place("002_a.sql")),
            ("the backup pre_deploy_20261122_120000.sql.gz", None),
            ("nothing of the kind", None),
        ],
    )
    def test_is_the_first_migration_that_it_names(self, message: str, place: Place | None) -> None:
        assert place_of(JobDied(message, hint="")) == place

    def test_is_where_the_caret_points(self) -> None:
        """It counts to the end of the statement, which may be far below."""
        assert sharpened(Place("004_x.sql", 7), FAILED.details, TEXT) == Place("004_x.sql", 5, 8)

    def test_may_be_in_an_excerpt_that_is_cut(self) -> None:
        text = "SELECT " + "a, " * 40 + "oops FROM t;\n"
        details = ("LINE 1: ...a, a, oops FROM...", " " * 17 + "^")
        assert sharpened(Place("004_x.sql", 1), details, text) == Place("004_x.sql", 1, text.index("oops") + 1)

    @pytest.mark.parametrize("details", [(), ("LINE 3: nowhere", "        ^"), ("LINE 3: ", "        ^"), ("x", "y")])
    def test_stays_at_the_line_where_there_is_nothing_better(self, details: tuple[str, ...]) -> None:
        assert sharpened(Place("004_x.sql", 7), details, TEXT) == Place("004_x.sql", 7)


class TestAnAnnotation:
    def test_says_what_and_what_to_do(self) -> None:
        said = annotation(FAILED, "prod", file="migrations/004_x.sql", place=Place("004_x.sql", 5, 8))
        assert said == (
            "::error file=migrations/004_x.sql,line=5,col=8,title=MigrationFailed (28)::"
            '004_x.sql:7: column "total" does not exist (SQLSTATE 42703)%0AMend it, and see `fab -H prod status`'
        )

    def test_may_be_about_no_file(self) -> None:
        said = annotation(LockHeld("busy", hint="Wait."), "prod", place=Place("004_x.sql", 5))
        assert said == "::error title=LockHeld (53)::busy%0AWait."


class TestTheOutputs:
    def test_come_from_the_document(self) -> None:
        document = {"host": "prod", "outcome": "applied", "applied": ["001_a.sql"], "backup": "pre_deploy_1.sql.gz"}
        found = outputs(document, None)
        assert json.loads(found.pop("report")) == document
        assert found == {"outcome": "applied", "backup": "pre_deploy_1.sql.gz", "applied": '["001_a.sql"]'}

    @pytest.mark.parametrize(("error", "outcome"), [(None, "ok"), (FAILED, "failed")])
    def test_have_an_outcome_where_the_document_has_none(self, error: MigrationFailed | None, outcome: str) -> None:
        assert outputs([{"file": "x"}], error)["outcome"] == outcome

    def test_leave_a_report_out_that_github_would_refuse(self) -> None:
        assert outputs({"applied": ["x" * LONGEST_OUTPUT]}, None)["report"] == ""

    def test_are_written_so_that_no_value_is_another_output(self) -> None:
        assert file_command("report", "a\nbackup=x", "delimiter_1") == "report<<delimiter_1\na\nbackup=x\ndelimiter_1\n"

    def test_of_several_hosts_are_those_of_the_one_that_failed(self) -> None:
        one, two = {"host": "a", "outcome": "applied"}, {"host": "b", "outcome": "failed", "error": {}}
        two["error"] = {"status": 28}
        assert document_of([one, two], [], FAILED) == {"outcome": "failed", "hosts": [one, two]}

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [(None, "applied"), (FAILED, "failed"), (OutcomeUnknown("the database is away", hint="Wait."), "unknown")],
    )
    def test_of_a_followed_job_are_its_own(self, error: DeployError | None, outcome: str) -> None:
        record = Record(
            backup=BackupTaken("pre_deploy_1.sql.gz", 1, "0", 1, 1),
            ended=JobEnded(
                "done",
                "",
                (RowSettled("001_a.sql", finished=True, ms=3), RowSettled("002_b.sql", finished=False, ms=None)),
            ),
        )
        documents = [refusal_document(error, "prod")] if error else []
        found = outputs(document_of(documents, [FollowedJob("1", "deploy", record)], error), error)
        assert (found["outcome"], found["applied"], found["backup"]) == (
            outcome,
            '["001_a.sql"]',
            "pre_deploy_1.sql.gz",
        )


class TestTheConsoleOnGitHub:
    def test_tells_a_deploy_that_fails(self, tmp_path: Path) -> None:
        migrations = tmp_path / "db" / "migrations"
        migrations.mkdir(parents=True)
        (migrations / "004_x.sql").write_text(TEXT)
        environment = {
            "GITHUB_WORKSPACE": str(tmp_path),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        }
        stream = io.StringIO()
        console = GitHubConsole(stream, environment)
        for event in (
            JobBegun("20261122_120000_c0ffee00", "deploy"),
            StepStarted("tidy up"),
            StepStarted("back up"),
            BackupStarted("pre_deploy_1.sql.gz"),
            BackupTaken("pre_deploy_1.sql.gz", 1000, "0", 1, 1),
            StepStarted("apply"),
            MigrationStarted("003_w.sql"),
            Waiting(7, "::add-mask::x", "u", "active", "now", "##[add-mask]x"),
            MigrationApplied("003_w.sql"),
            Warned("the disk is ##[nearly] full\n::add-mask::x"),
            JobEnded("failed", "migration", (RowSettled("003_w.sql", finished=True, ms=1234),)),
        ):
            console.event(event)
        evil = MigrationFailed(
            FAILED.message, hint="Mend it", details=(*FAILED.details, "::add-mask::x", "##[add-mask]x")
        )
        console.error(evil, "prod")
        document: dict[str, Any] = {
            "host": "prod",
            "outcome": "failed",
            "applied": ["003_w.sql"],
            "failed": "004_x.sql",
        }
        document |= {
            "backup": "pre_deploy_1.sql.gz",
            "duration_s": 3.2,
            "error": refusal_document(evil, "prod")["error"],
        }
        console.told([document], evil, "prod", str(migrations))
        log = stream.getvalue()
        assert obeyed(log) == ["group", "endgroup", "group", "warning", "endgroup", "error"]
        assert "file=db/migrations/004_x.sql,line=5,col=8," in log
        summary = (tmp_path / "summary").read_text("utf-8")
        assert "| `003_w.sql` | ✅ applied | 1.2 s |" in summary
        assert "\nfab -H prod rollback --backup=pre_deploy_1.sql.gz\n" in summary
        assert re.fullmatch(
            r"outcome<<(delimiter_\w{32})\nfailed\n\1\nbackup<<\1\npre_deploy_1.sql.gz\n\1\napplied<<\1\n.*\n\1\nreport<<\1\n.*\n\1\n",
            (tmp_path / "output").read_text("utf-8"),
        )

    def test_goes_on_without_the_runners_files(self, tmp_path: Path) -> None:
        stream = io.StringIO()
        GitHubConsole(stream, {}).told([], MigrationEdited("004_x.sql", hint="Restore it."), "prod", "")
        GitHubConsole(stream, {"GITHUB_OUTPUT": str(tmp_path)}).told([], None, "prod", "")
        assert obeyed(stream.getvalue()) == ["error", "warning"]

    def test_names_a_file_outside_of_the_repository_as_it_was_named(self, tmp_path: Path) -> None:
        (tmp_path / "004_x.sql").write_text("")
        stream = io.StringIO()
        error = MigrationInvalid("004_x.sql:1:2: no", hint="Mend it.")
        GitHubConsole(stream, {"GITHUB_WORKSPACE": "/elsewhere"}).told([], error, "prod", str(tmp_path))
        assert f"file={tmp_path}/004_x.sql,line=1,col=2," in stream.getvalue()
