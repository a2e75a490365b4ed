"""Names on the road: nothing leads out of its directory, and nobody's file is taken for another."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.errors import NoSpace, ServerTalksNonsense, UsageError
from deploy.plan.transfer import Upload, is_file_here, name_here, plan_upload, table_file
from tests.unit.values import NOW, a_backup, an_observation


class TestWhatBackupMeans:
    @pytest.mark.parametrize("wanted", ["./x.sql", "/tmp/x.sql", "backups/old/x.sql", "../x.sql"])
    def test_a_path_is_a_file_here_whether_it_exists_or_not(self, wanted: str) -> None:
        assert is_file_here(wanted, [], exists=False)

    def test_a_bare_name_is_a_file_here_when_only_here_is_one(self) -> None:
        assert is_file_here("x.sql", [], exists=True)
        assert not is_file_here("x.sql", [], exists=False)
        assert not is_file_here("backups/x.sql", [], exists=False)

    @pytest.mark.parametrize("wanted", ["x.sql", "backups/x.sql"])
    def test_what_the_server_has_comes_first(self, wanted: str) -> None:
        assert not is_file_here(wanted, [a_backup(name="x.sql")], exists=True)

    @pytest.mark.parametrize("wanted", ["latest", "pre_deploy", "pre_rollback", "backup"])
    def test_the_newest_of_a_kind_is_never_a_file_here(self, wanted: str) -> None:
        assert not is_file_here(wanted, [], exists=True)


class TestAnUpload:
    @pytest.mark.parametrize(
        "name",
        ["", ".x", "-x", "a b", "a/b", "ü.sql", "x.json", "x.part", "latest", "backup_prod_latest.sql.gz", "x" * 201],
    )
    def test_is_refused_by_a_name_that_would_be_lost_there(self, name: str) -> None:
        with pytest.raises(UsageError, match="no name"):
            plan_upload(name, 1, NOW, an_observation())

    def test_is_refused_where_another_file_has_its_name(self) -> None:
        seen = an_observation(backups=(a_backup(name="x.sql", size=2),))
        with pytest.raises(UsageError, match="another backup"):
            plan_upload("x.sql", 1, NOW, seen)

    def test_is_refused_for_lack_of_space_unless_it_is_there(self) -> None:
        with pytest.raises(NoSpace, match=r"2\.0 GB, 1\.0 GB are free"):
            plan_upload("x.sql", 2 * 10**9, NOW, an_observation(free_bytes=10**9))
        there = an_observation(free_bytes=0, backups=(a_backup(name="x.sql", size=5),))
        assert plan_upload("x.sql", 5, NOW, there).bytes == 5

    def test_is_seen_by_the_plan_before_it_has_travelled(self) -> None:
        seen = an_observation(backups=(a_backup(name="x.sql", size=5), a_backup(name="y.sql")))
        upload = Upload(Path("x.sql"), plan_upload("x.sql", 5, NOW, seen), "0" * 64)
        assert [b.name for b in upload.announced_in(seen).backups] == ["y.sql", "x.sql"]
        assert upload.announced_in(seen).backups[1].manifest is None


class TestANameHere:
    @pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/x", "a/b", "a\\b", ".bashrc", "a\x1b[2J", "x" * 201])
    def test_is_refused_when_it_could_lead_elsewhere(self, name: str) -> None:
        with pytest.raises(ServerTalksNonsense):
            name_here(name)

    @given(st.text())
    def test_stays_in_its_directory_whatever_the_server_says(self, name: str) -> None:
        try:
            path = PurePosixPath("out") / name_here(name)
        except ServerTalksNonsense:
            return
        assert path.parent == PurePosixPath("out")
        assert path.name == name


class TestATablesFile:
    def test_is_called_as_the_table(self) -> None:
        assert table_file("public.orders", "csv") == "salvage_public.orders.csv"

    @given(st.text(min_size=1), st.text(min_size=1))
    def test_is_safe_and_no_other_tables_whatever_they_are_called(self, one: str, other: str) -> None:
        names = [table_file(table, "sql") for table in (one, other)]
        assert all(name.startswith("salvage_") and set(name) <= SAFE and len(name) < 150 for name in names)
        assert (names[0].lower() == names[1].lower()) == (one == other)


SAFE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
