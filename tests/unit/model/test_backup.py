"""A backup's name and manifest say what it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deploy.model.backup import Backup, Origin
from tests.unit.values import HERE, MOVED, NOW, STAGING, a_backup


class TestABackupsKind:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("pre_deploy_20261122_115500.sql.gz", "pre_deploy"),
            ("pre_rollback_20261122_115500.sql.gz", "pre_rollback"),
            ("backup_prod_20261122_115500.sql.gz", "backup"),
            ("backup_prod-eu1_20261122_115500.sql.gz", "backup"),
            ("backup_prod_20261122_115500.dump", "backup"),
            ("pre_deploy_20261122_115500.sql.zst", "pre_deploy"),
            ("backup_prod_latest.sql.gz", "foreign"),
            ("pre_deploy_20261122_115500.sql", "foreign"),
            ("pre_deploy_20261122_115500.sql.gz.json", "foreign"),
            ("my pre_deploy_20261122_115500.sql.gz", "foreign"),
            ("pre_deploy_٢٠٢٦١١٢٢_115500.sql.gz", "foreign"),
            ("dump.sql", "foreign"),
        ],
    )
    def test_is_told_by_its_whole_name(self, name: str, kind: str) -> None:
        assert Backup(name, 1, NOW).kind == kind

    def test_of_another_name_has_no_stamp(self) -> None:
        assert Backup("dump.sql", 1, NOW).stamp is None


class TestABackupsOrigin:
    def test_is_this_database_by_environment_database_and_system(self) -> None:
        assert a_backup().is_of(HERE)

    @pytest.mark.parametrize(
        "origin",
        [
            pytest.param(STAGING, id="another environment and server"),
            pytest.param(replace(HERE, environment="staging"), id="another environment on a copied volume"),
            pytest.param(replace(HERE, database="other"), id="another database of the same server"),
            pytest.param(MOVED, id="the server that it was moved from"),
            pytest.param(None, id="nobody knows"),
        ],
    )
    def test_is_another_where_any_of_them_is(self, origin: Origin | None) -> None:
        assert not a_backup(origin=origin).is_of(HERE)

    def test_of_a_file_without_a_manifest_is_not_known(self) -> None:
        assert a_backup(proven=False).origin is None
        assert not a_backup(proven=False).is_of(HERE)

    def test_is_taken_by_its_names_where_the_system_cant_be_asked(self) -> None:
        """On the night when the database is down, its newest backup is what is wanted."""
        down = replace(HERE, system="")
        assert a_backup().is_of(down)
        assert a_backup(origin=MOVED).is_of(down)
        assert not a_backup(origin=STAGING).is_of(down)


class TestABackupsTime:
    def test_is_what_its_manifest_says(self) -> None:
        backup = replace(a_backup(), name="pre_deploy_20200101_000000.sql.gz")
        assert backup.manifest
        assert backup.taken_at == datetime.fromisoformat(backup.manifest.taken_at)

    @pytest.mark.parametrize(
        ("name", "taken_at"),
        [
            ("pre_deploy_20261121_090000.sql.gz", datetime(2026, 11, 21, 9, tzinfo=UTC)),
            ("pre_deploy_20261321_090000.sql.gz", NOW),
            ("dump.sql", NOW),
        ],
    )
    def test_is_else_in_its_name_or_else_the_files(self, name: str, taken_at: datetime) -> None:
        assert Backup(name, 1, NOW).taken_at == taken_at


class TestABackup:
    def test_is_verified_only_by_a_manifest_that_says_so(self) -> None:
        assert a_backup().verified
        assert not a_backup(verified=False).verified
        assert not a_backup(proven=False).verified
