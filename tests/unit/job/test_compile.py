"""Plans become jobs: steps in an order that matters, and files that arrive as they were."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import tarfile
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.job.build import Setting
from deploy.job.compile import (
    _apply_options,
    _array,
    _psql_quote,
    _watch_interval_s,
    compile_rehearsal,
    compile_release,
    driver,
)
from deploy.job.compile_backups import (
    compile_backup,
    compile_forget,
    compile_repair,
    compile_rollback,
    compile_undo,
    compile_verify,
)
from deploy.model.observation import Replaced
from deploy.plan.backup import plan_backup
from deploy.plan.release import Wish, plan_release
from deploy.plan.rollback import plan_rollback, plan_undo
from deploy.project import Author, SourceFile
from tests.unit.values import HERE, a_backup, a_database, a_migration, an_observation, ledger_of, some_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syrupy.assertion import SnapshotAssertion

    from deploy.model.backup import Backup
    from deploy.model.job import Job
    from deploy.model.migration import Migration
    from deploy.plan.release import ReleasePlan

AUTHOR = Author("alice", "laptop", "c0ffee" + "0" * 34, "0.1.0")
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def a_place(**changes: object) -> Setting:
    seen = an_observation(database=a_database(replaced=(Replaced("backtester_replaced_20261101_080000", 5),)))
    at = Setting(seen, seen.database, some_settings(), "/opt/backtester", AUTHOR)
    return replace(at, **changes)  # type: ignore[arg-type]  # any field of any type


def a_plan(*found: Migration, **wish: object) -> ReleasePlan:
    many = tuple(a_backup(age=timedelta(days=n)) for n in range(1, 12))
    seen = replace(a_place().seen, backups=many, ledger=ledger_of(a_migration(1)))
    return plan_release([a_migration(1), *found], "sum", seen, some_settings(), Wish(**wish))  # type: ignore[arg-type]  # any flag


def steps_of(job: Job) -> list[str]:
    return [line for line in job.files["job.sh"].decode().splitlines() if line.startswith("step ")]


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}


def read_by_psql(quoted: str) -> str:
    """Read a quoted argument as psql's scanner does: psqlscanslash.l, state xslashquote."""
    assert "\n" not in quoted, "a meta-command ends with its line"
    assert quoted[0] == quoted[-1] == "'"
    escapes = {"n": "\n", "t": "\t", "b": "\b", "r": "\r", "f": "\f"}
    read, rest = "", quoted[1:-1]
    while rest:
        if rest.startswith("''"):
            read, rest = read + "'", rest[2:]
        elif rest.startswith("\\"):
            assert not re.match(r"\\[0-7x]", rest), "an octal or hexadecimal escape"
            read, rest = read + escapes.get(rest[1], rest[1]), rest[2:]
        else:
            assert rest[0] != "'", "the argument ends here"
            read, rest = read + rest[0], rest[1:]
    return read


def read_as_array(literal: str) -> list[str]:
    """Read an array literal as PostgreSQL's array_in does."""
    assert literal[0] + literal[-1] == "{}"
    return [
        re.sub(r"\\(.)", r"\1", item, flags=re.DOTALL)
        for item in re.findall(r'"((?:[^"\\]|\\.)*)"(?:,|$)', literal[1:-1], re.DOTALL)
    ]


class TestADeploy:
    def test_holds_the_lock_then_backs_up_then_applies_then_tidies(self, snapshot: SnapshotAssertion) -> None:
        job = compile_release(a_plan(a_migration(2), a_migration(3)), a_place(), [])
        assert "\n".join(steps_of(job)) == snapshot

    def test_is_rehearsed_between_its_backup_and_anything_else(self) -> None:
        steps = steps_of(compile_release(a_plan(a_migration(2)), a_place(), []))
        names = [shlex.split(step)[1] for step in steps]
        assert names[2:8] == [
            "back up",
            "restore a copy",
            "rehearse",
            "drop the copy",
            "write the proof",
            "install migrations",
        ]
        never = steps_of(compile_release(a_plan(a_migration(2), rehearse="never"), a_place(), []))
        assert [step for step in steps if step not in never] == steps[3:7]

    def test_alone_leaves_out_all_that_changes_anything(self, snapshot: SnapshotAssertion) -> None:
        job = compile_rehearsal(a_plan(a_migration(2)), a_place())
        assert re.sub(r"rehearsal_\w+", "rehearsal_ID", "\n".join(steps_of(job))) == snapshot

    def test_has_no_step_for_what_there_is_nothing_to_do_for(self) -> None:
        seen = an_observation(ledger=ledger_of(a_migration(1)), migrations_sum="sum")
        plan = plan_release([a_migration(1)], "sum", seen, some_settings(), Wish())
        names = [line.split("'")[1] for line in steps_of(compile_release(plan, a_place(), []))]
        assert names == ["tidy up", "lock the database"]

    def test_brings_every_file_of_the_directory_as_it_is(self) -> None:
        files = [SourceFile("002_step.sql", b"\xff\0\r\n"), SourceFile("docs/größe.md", b"")]
        job = compile_release(a_plan(a_migration(2)), a_place(), files)
        assert job.files["migrations/002_step.sql"] == b"\xff\0\r\n"
        assert job.files["migrations/docs/größe.md"] == b""

    def test_can_be_verified_to_the_last_byte(self) -> None:
        job = compile_release(a_plan(a_migration(2)), a_place(), [])
        sums = dict(line.split("  ", 1)[::-1] for line in job.files["SHA256SUMS"].decode().splitlines())
        rest = {path: content for path, content in job.files.items() if path != "SHA256SUMS"}
        assert sums == {path: sha256(content).hexdigest() for path, content in rest.items()}

    def test_has_an_id_that_sorts_by_time_and_a_mark_that_nobody_guesses(self) -> None:
        one, other = (compile_release(a_plan(a_migration(2)), a_place(), []) for _ in range(2))
        assert one.id.startswith("20261122_120000_")
        assert one.mark.startswith(one.id[-8:])
        assert one.mark != other.mark
        assert len(one.mark) == 16

    @pytest.mark.parametrize("word", ["it's", "$(exit 3)", "`x`", '"; exit 3 #', "ä\\n"])
    def test_is_valid_sh_whatever_its_words_are(self, word: str) -> None:
        at = a_place(
            settings=some_settings(database=word), author=replace(AUTHOR, by=word, source=word), remote_dir=f"/{word}"
        )
        job = compile_release(a_plan(a_migration(2)), at, [])
        checked = subprocess.run(["sh", "-n"], input=job.files["job.sh"], capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, b"")


class TestWhatPsqlReads:
    def test_is_the_text_as_it_is_to_be_run_with_the_sums_of_all_of_it(self) -> None:
        text = "\ufeffBEGIN;\nSELECT 1;\nCOMMIT;\n"
        job = compile_release(a_plan(a_migration(2, text=text)), a_place(), [])
        files = unpacked(job.files["run.tar"])
        assert files["migrations/002_step.sql"] == b"     ;\nSELECT 1;\n      ;\n"
        assert list(files)[-1] == "SHA256SUMS"
        sums = dict(line.split("  ", 1)[::-1] for line in files.pop("SHA256SUMS").decode().splitlines())
        assert sums == {path: sha256(content).hexdigest() for path, content in files.items()}

    def test_may_have_a_very_long_name(self) -> None:
        migration = a_migration(2, name="a" * 240)
        job = compile_release(a_plan(migration), a_place(), [])
        assert f"migrations/{migration.name}" in unpacked(job.files["run.tar"])

    def test_is_packed_as_every_tar_understands_it(self) -> None:
        """Busybox knows no pax headers, and would cut long names."""
        job = compile_release(a_plan(a_migration(2, name="a" * 240)), a_place(), [])
        with tarfile.open(fileobj=io.BytesIO(job.files["run.tar"])) as tar:
            assert all(not member.pax_headers and member.isfile() for member in tar)

    def test_goes_through_the_run_file_by_file(self, snapshot: SnapshotAssertion) -> None:
        found = [
            a_migration(2),
            a_migration(3, text='BEGIN ISOLATION LEVEL SERIALIZABLE;\nCREATE INDEX "o\'clock" ON t (a);\nCOMMIT;\n'),
            a_migration(4, text='\\set v 1\nCREATE INDEX CONCURRENTLY "a\\b\nc" ON t (a);\n'),
            a_migration(5),
        ]
        plan = a_plan(*found, baseline="2")
        assert (
            driver(plan.pending, plan.baseline, "20261122_120000_c0ffee00", "0123456789abcdef", a_place()) == snapshot
        )

    @pytest.mark.parametrize(("text", "again"), [("SELECT 'a';", 1), ("SELECT 'a\\b';", 2), ("SELECT 1 \\g", 2)])
    def test_is_set_again_only_behind_a_file_that_may_command_psql(self, text: str, again: int) -> None:
        """Without a backslash there is no command; setting it all costs more than a small file does."""
        driven = driver(a_plan(a_migration(2, text=text)).pending, (), "id", "mark", a_place())
        assert driven.count("\\i '@DIR@/sql/reset_psql.sql'\n") == again

    @given(TEXT)
    def test_has_every_word_quoted_so_that_psql_reads_it_back(self, text: str) -> None:
        assert read_by_psql(_psql_quote(text)) == text

    @given(st.lists(TEXT, max_size=4))
    def test_has_every_list_of_names_written_so_that_postgresql_reads_it_back(self, names: Sequence[str]) -> None:
        assert read_as_array(read_by_psql(_psql_quote(_array(names)))) == list(names)

    @given(TEXT, TEXT, TEXT)
    def test_has_one_command_a_line_whatever_the_words_are(self, by: str, source: str, schema: str) -> None:
        at = a_place(author=Author(by, source, None, "0.1.0"), settings=some_settings(ledger_schema=schema))
        plan = a_plan(a_migration(2, text="CREATE INDEX CONCURRENTLY i ON t (a);"))
        for line in driver(plan.pending, plan.baseline, "id", "mark", at).split("\n"):
            assert re.match(r"(-- in run 1: )?\\(set|i|warn|unset) |-- file|$", line)


class TestTheSessionThatApplies:
    def test_has_the_settings_as_options(self) -> None:
        at = a_place(settings=some_settings(lock_timeout_ms=5000, statement_timeout_ms=60_000))
        assert _apply_options(at) == (
            "-c lock_timeout=5000 -c statement_timeout=60000 -c idle_in_transaction_session_timeout=600000"
            " -c client_connection_check_interval=1000"
        )

    @pytest.mark.parametrize("database", [None, a_database(version=130_014)])
    def test_asks_no_server_for_what_it_may_not_have(self, database: object) -> None:
        assert "check_interval" not in _apply_options(a_place(database=database))

    @pytest.mark.parametrize(("timeout_ms", "every_s"), [(0, 2.0), (100, 0.3), (2500, 1.0), (5000, 2.0), (60_000, 2.0)])
    def test_is_looked_at_before_its_lock_timeout_is_over(self, timeout_ms: int, every_s: float) -> None:
        assert _watch_interval_s(timeout_ms) == every_s


class TestAnotherJob:
    AT = a_place(seen=an_observation(backups=(a_backup("pre_rollback", age=timedelta(days=3)), a_backup())))
    DATABASE = a_database(replaced=(Replaced("backtester_replaced_20261101_080000", 5),))

    def test_that_rolls_back_restores_beside_before_it_asks(self, snapshot: SnapshotAssertion) -> None:
        plan = plan_rollback("latest", self.AT.seen, self.DATABASE, some_settings(keep_backups=1), stem="backtester")
        assert "\n".join(steps_of(compile_rollback(plan, self.AT, assume_yes=False))) == snapshot

    def test_that_rolls_back_a_backup_without_a_manifest_has_no_sum_to_compare(self) -> None:
        at = replace(self.AT, seen=an_observation(backups=(a_backup(name="old.sql", proven=False),)))
        plan = plan_rollback("old.sql", at.seen, self.DATABASE, some_settings(), stem="backtester")
        steps = steps_of(compile_rollback(plan, at, assume_yes=True))
        assert "step 'check the backup' check_backup /opt/backtester/backups/old.sql ''" in steps

    @pytest.mark.parametrize(("assume_yes", "word"), [(True, "yes"), (False, "no")])
    def test_asks_unless_the_answer_is_known(self, assume_yes: bool, word: str) -> None:
        plan = plan_rollback("latest", self.AT.seen, self.DATABASE, some_settings(), stem="backtester")
        assert f"assume_yes={word}\n" in compile_rollback(plan, self.AT, assume_yes=assume_yes).files["job.sh"].decode()

    def test_that_undoes_restores_nothing(self, snapshot: SnapshotAssertion) -> None:
        plan = plan_undo(self.AT.seen, self.DATABASE, stem="backtester")
        assert "\n".join(steps_of(compile_undo(plan, self.AT, assume_yes=True))) == snapshot

    def test_that_backs_up_takes_whatever_ledger_there_is(self, snapshot: SnapshotAssertion) -> None:
        many = an_observation(backups=tuple(a_backup("backup_prod", age=timedelta(days=n)) for n in range(1, 4)))
        plan = plan_backup(many, some_settings(keep_backups=2))
        assert "\n".join(steps_of(compile_backup(plan, self.AT))) == snapshot
        plan = plan_backup(an_observation(), some_settings())
        assert "prune" not in "\n".join(steps_of(compile_backup(plan, self.AT)))

    def test_that_verifies_leaves_nothing_behind(self, snapshot: SnapshotAssertion) -> None:
        assert "\n".join(steps_of(compile_verify(a_backup(), "backtester_side_20261122_120000", self.AT))) == snapshot

    def test_that_verifies_a_file_of_nobodys_doesnt_make_it_ours(self) -> None:
        """Its new manifest would else let it be pruned, or meant by `latest`, by whoever verified it first."""

        def system_of(backup: Backup) -> str:
            text = compile_verify(backup, "backtester_side_20261122_120000", self.AT).files["job.sh"].decode()
            return [line for line in text.splitlines() if line.startswith("system=")][-1]

        assert system_of(a_backup(proven=False)) == "system=''"
        assert system_of(a_backup()) == f"system={HERE.system}"

    def test_that_forgets_asks_first(self, snapshot: SnapshotAssertion) -> None:
        job = compile_forget(["backtester_replaced_20261101_080000"], self.AT, assume_yes=False)
        assert "\n".join(steps_of(job)) == snapshot

    def test_that_repairs_may_have_no_database_to_look_at(self, snapshot: SnapshotAssertion) -> None:
        job = compile_repair(replace(self.AT, database=None))
        assert "\n".join(steps_of(job)) == snapshot
        assert "server_version=0\n" in job.files["job.sh"].decode()


class TestTimeouts:
    TEXT = "-- deploy: lock-timeout 30s\n-- deploy: statement-timeout 0\n"

    def driven(self, text: str) -> str:
        return driver(a_plan(a_migration(2, text=text)).pending, (), "job", "mark", a_place())

    def test_of_a_file_hold_for_its_transaction(self) -> None:
        lines = self.driven(self.TEXT + "SELECT 1;\n").splitlines()
        begun = lines.index("\\i '@DIR@/sql/begin_transaction.sql'")
        assert lines[begun + 2 : begun + 5] == [
            "SET LOCAL lock_timeout = 30000;",
            "SET LOCAL statement_timeout = 0;",
            "\\i '@DIR@/migrations/002_step.sql'",
        ]

    def test_of_a_file_outside_a_transaction_hold_until_it_is_done(self) -> None:
        assert "\nSET lock_timeout = 30000;\n" in self.driven(self.TEXT + "VACUUM;\n")

    def test_are_left_alone_by_other_files(self) -> None:
        assert "_timeout" not in self.driven("SELECT 1;\n")

    def test_say_how_often_to_look_for_who_blocks(self) -> None:
        job = compile_release(a_plan(a_migration(2, text="-- deploy: lock-timeout 1s\nSELECT 1;\n")), a_place(), ())
        assert b"watch_s=0.4" in job.files["job.sh"]
