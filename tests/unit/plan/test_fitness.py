"""A server is fit, or refused with what mends it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.errors import (
    ContainerDown,
    DatabaseFenced,
    DatabaseStandby,
    DatabaseTooOld,
    DatabaseUnreachable,
    DeployError,
    DirectoryUnusable,
    DockerUnusable,
    LockHeld,
    ServerUnfit,
    SettingsInvalid,
)
from deploy.plan.fitness import explain_database_error, require_unlocked, require_workplace
from tests.unit.values import HOLDER, a_database, an_observation, some_settings

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

PERMISSION = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
"""What docker 24 says."""


class TestAHealthyServer:
    def test_is_fit(self) -> None:
        seen = an_observation()
        assert require_workplace(seen, some_settings(), "/opt/backtester") is seen.database


class TestAnUnfitServer:
    @pytest.mark.parametrize(
        ("changes", "kind"),
        [
            pytest.param({"lacks": ("flock", "tar")}, ServerUnfit, id="programs lacking"),
            pytest.param({"database": None, "database_error": "psql: not found"}, ServerUnfit, id="no database"),
            pytest.param({"database": a_database(version=120_017)}, DatabaseTooOld, id="old"),
            pytest.param({"database": a_database(standby=True)}, DatabaseStandby, id="standby"),
            pytest.param({"foreign_ledger": True}, SettingsInvalid, id="foreign ledger"),
            pytest.param({"directory_writable": False}, DirectoryUnusable, id="directory of another"),
            pytest.param(
                {"directory_writable": False, "directory_exists": False}, DirectoryUnusable, id="no directory"
            ),
            pytest.param({"locked": True, "holder": HOLDER}, LockHeld, id="job at work"),
            pytest.param({"locked": True}, LockHeld, id="job begins"),
            pytest.param(
                {"locked": True, "holder": replace(HOLDER, job="-", command="the upload of x")},
                LockHeld,
                id="upload at work",
            ),
            pytest.param({"database": a_database(locked_by="psql, pid 7, since noon")}, LockHeld, id="session at work"),
        ],
    )
    def test_is_refused_in_words(
        self, changes: dict[str, Any], kind: type[DeployError], snapshot: SnapshotAssertion
    ) -> None:
        with pytest.raises(kind) as refused:
            require_workplace(an_observation(**changes), some_settings(), "/opt/backtester")
        assert (refused.value.message, refused.value.hint) == snapshot

    def test_may_have_no_database_and_yet_nobody_at_work(self) -> None:
        require_unlocked(an_observation(database=None))


class TestADatabaseThatDoesntAnswer:
    @pytest.mark.parametrize(
        ("said", "kind"),
        [
            (PERMISSION, DockerUnusable),
            ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?", DockerUnusable),
            ("sudo: a password is required", DockerUnusable),
            ("sh: 1: docker: not found", DockerUnusable),
            ("bash: line 1: docker: command not found", DockerUnusable),
            ("Error response from daemon: No such container: backtester_postgres_prod", ContainerDown),
            ('Error: no container with name or ID "backtester_postgres_prod" found', ContainerDown),
            ("Error response from daemon: Container 0a1b is restarting, wait until it is running", ContainerDown),
            ("Error response from daemon: Container 0a1b is paused, unpause the container before exec", ContainerDown),
            ("Error response from daemon: container 0a1b is not running", ContainerDown),
            ('FATAL: database "backtester" is not currently accepting connections', DatabaseFenced),
            ('FATAL:  database "backtseter" does not exist', DatabaseUnreachable),
            ('FATAL:  role "postgres" does not exist', DatabaseUnreachable),
            ("FATAL:  the database system is starting up", DatabaseUnreachable),
            ("sh: psql: not found", ServerUnfit),
            ('exec: "psql": executable file not found in $PATH', ServerUnfit),
            ("connection to server on socket failed: Connection refused", DatabaseUnreachable),
            (
                'psql: error: connection to server on socket "/tmp/.s" failed: No such file or directory',
                DatabaseUnreachable,
            ),
            ('connection to server on socket "/tmp/.s" failed: FATAL:  no pg_hba.conf entry', DatabaseUnreachable),
            ("something that nobody has heard of", DatabaseUnreachable),
            ("", DatabaseUnreachable),
        ],
    )
    def test_is_explained_in_words(self, said: str, kind: type[DeployError], snapshot: SnapshotAssertion) -> None:
        seen = an_observation(database=None, database_error=said)
        error = explain_database_error(seen, some_settings())
        assert type(error) is kind
        assert (error.message, error.hint) == snapshot

    def test_may_be_explained_by_its_container_alone(self) -> None:
        seen = an_observation(database=None, container_error="No such container: x", container_state="exited")
        assert isinstance(explain_database_error(seen, some_settings()), ContainerDown)

    def test_of_a_stopped_container_says_its_state(self) -> None:
        seen = an_observation(database=None, database_error="is not running", container_state="exited")
        assert explain_database_error(seen, some_settings()).message.endswith("isn't running: exited")

    def test_without_a_container_has_no_docker_to_lack(self) -> None:
        seen = an_observation(database=None, database_error="sh: 1: docker: not found")
        assert isinstance(explain_database_error(seen, some_settings(container="")), DatabaseUnreachable)

    @given(st.text(), st.text(), st.none() | st.text())
    def test_is_always_explained(self, said: str, container: str, state: str | None) -> None:
        """Braces and percent signs in what was said are no business of ours."""
        seen = replace(
            an_observation(database=None),
            database_error=said,
            container_error=container,
            container_state=state,
        )
        error = explain_database_error(seen, some_settings(docker=("sudo", "-n", "{docker}")))
        assert error.message
        assert error.hint
