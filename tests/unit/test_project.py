"""What stands on this side: files, a commit, and somebody at the keyboard."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from deploy import project
from deploy.model.errors import MigrationMisnamed, MigrationsNotFound
from deploy.project import SourceFile, author, read_sources

if TYPE_CHECKING:
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    (tmp_path / "002_b.sql").write_bytes(b"SELECT 2;\r\n")
    (tmp_path / "001_a.sql").write_bytes(b"SELECT 1;\n")
    return tmp_path


def words(
    error: pytest.ExceptionInfo[MigrationMisnamed] | pytest.ExceptionInfo[MigrationsNotFound], at: Path
) -> tuple[str, str]:
    return error.value.message.replace(str(at), "HERE"), error.value.hint


class TestTheMigrationsDirectory:
    def test_is_read_in_number_order(self, migrations: Path) -> None:
        (migrations / "1000_d.sql").write_text("")
        (migrations / "0003_c.sql").write_text("")
        found = read_sources(str(migrations)).migrations
        assert [(m.number, m.name) for m in found] == [
            (1, "001_a.sql"),
            (2, "002_b.sql"),
            (3, "0003_c.sql"),
            (1000, "1000_d.sql"),
        ]
        assert found[1].content == b"SELECT 2;\r\n"

    def test_goes_along_with_all_that_is_in_it_but_what_is_hidden(self, migrations: Path) -> None:
        (migrations / "README.md").write_bytes(b"\xff")
        (migrations / "data" / ".git").mkdir(parents=True)
        (migrations / "data" / "rows.csv").write_bytes(b"1\n")
        (migrations / "data" / "100 odd.sql").write_bytes(b"")
        (migrations / ".hidden.sql").write_bytes(b"")
        (migrations / "data" / "a\nb").write_bytes(b"")
        (migrations / "link.csv").symlink_to("data/rows.csv")
        assert read_sources(str(migrations)).files == (
            SourceFile("001_a.sql", b"SELECT 1;\n"),
            SourceFile("002_b.sql", b"SELECT 2;\r\n"),
            SourceFile("README.md", b"\xff"),
            SourceFile("data/100 odd.sql", b""),
            SourceFile("data/rows.csv", b"1\n"),
        )

    def test_has_migrations_at_its_top_only(self, migrations: Path) -> None:
        (migrations / "old").mkdir()
        (migrations / "old" / "000_z.sql").write_bytes(b"")
        assert len(read_sources(str(migrations)).migrations) == 2

    @pytest.mark.parametrize("name", ["3_c.sql", "003 c.sql", "003_ü.sql", "notes.sql", "003_\x1b.sql"])
    def test_is_refused_with_a_name_that_doesnt_fit(
        self, migrations: Path, name: str, snapshot: SnapshotAssertion
    ) -> None:
        (migrations / name).write_bytes(b"")
        with pytest.raises(MigrationMisnamed) as refused:
            read_sources(str(migrations))
        assert words(refused, migrations) == snapshot

    @pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
    def test_is_refused_with_a_migration_that_is_no_file(
        self, migrations: Path, kind: str, snapshot: SnapshotAssertion
    ) -> None:
        path = migrations / "003_c.sql"
        if kind == "link":
            path.symlink_to("001_a.sql")
        elif kind == "directory":
            path.mkdir()
        else:
            os.mkfifo(path)
        with pytest.raises(MigrationMisnamed) as refused:
            read_sources(str(migrations))
        assert words(refused, migrations) == snapshot

    def test_has_to_be_there(
        self, tmp_path: Path, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(MigrationsNotFound) as refused:
            read_sources("migrations")
        assert words(refused, tmp_path) == snapshot

    def test_has_to_have_a_migration_in_it(self, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
        (tmp_path / "README.md").write_bytes(b"")
        with pytest.raises(MigrationsNotFound) as refused:
            read_sources(str(tmp_path))
        assert words(refused, tmp_path) == snapshot

    def test_has_to_be_readable(
        self, migrations: Path, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
    ) -> None:
        def refuse(self: Path) -> bytes:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
        with pytest.raises(MigrationsNotFound) as refused:
            read_sources(str(migrations))
        assert words(refused, migrations) == snapshot

    def test_is_no_place_for_dumps(self, migrations: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(project, "LARGEST_FILE", 9)
        with pytest.raises(MigrationsNotFound, match=r"001_a\.sql is larger than 512 MiB"):
            read_sources(str(migrations))


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTOR", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", "/")


@pytest.mark.usefixtures("nobody")
class TestTheAuthor:
    def test_is_who_sits_at_this_machine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("getpass.getuser", lambda: "alice")
        found = author(str(tmp_path))
        assert (found.by, found.source, found.commit) == ("alice", socket.gethostname(), None)
        assert found.version

    @pytest.mark.parametrize("error", [KeyError, OSError])
    def test_may_have_no_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
        """A container's user is often in no passwd; Python 3.13 says so with another error than 3.11."""

        def nameless() -> str:
            raise error

        monkeypatch.setattr("getpass.getuser", nameless)
        assert author(str(tmp_path)).by == f"uid {os.getuid()}"

    def test_is_in_a_workflow_who_started_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITHUB_ACTOR", "alice")
        assert author(str(tmp_path)).source == "GitHub Actions, ? run ?"
        monkeypatch.setenv("GITHUB_REPOSITORY", "acme/backtester")
        monkeypatch.setenv("GITHUB_RUN_ID", "42")
        found = author(str(tmp_path))
        assert (found.by, found.source) == ("alice", "GitHub Actions, acme/backtester run 42")

    @pytest.mark.parametrize(("name", "shown"), [("a\x1b[31m\nb", "a[31mb"), ("\n", "unknown"), ("a" * 999, "a" * 200)])
    def test_has_a_name_of_one_short_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shown: str
    ) -> None:
        monkeypatch.setattr("getpass.getuser", lambda: name)
        assert author(str(tmp_path)).by == shown

    def test_deploys_a_commit_or_more_than_it(self, migrations: Path) -> None:
        def git(*argv: str) -> str:
            identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
            done = subprocess.run(["git", "-C", str(migrations), *identity, *argv], check=True, capture_output=True)
            return done.stdout.decode().strip()

        git("init", "-q")
        assert author(str(migrations)).commit is None
        git("add", ".")
        git("commit", "-q", "-m", "Begin")
        commit = git("rev-parse", "HEAD")
        assert author(str(migrations)).commit == commit
        (migrations / "003_c.sql").write_bytes(b"")
        assert author(str(migrations)).commit == f"{commit}+"

    def test_may_have_a_git_that_talks_nonsense(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        git = tmp_path / "git"
        git.write_text("#!/bin/sh\necho HEAD\n")
        git.chmod(git.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert author(str(tmp_path)).commit is None
