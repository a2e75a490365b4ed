"""The catalogue of errors: scripts and workflows rely on its numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from deploy.model import errors
from deploy.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLISHED = {
    "UsageError": 10,
    "SettingsInvalid": 11,
    "NotConfirmed": 12,
    "NoTerminal": 13,
    "HostNeeded": 14,
    "MigrationsNotFound": 20,
    "MigrationEdited": 21,
    "MigrationMissing": 22,
    "MigrationLate": 23,
    "MigrationDuplicate": 24,
    "MigrationMisnamed": 25,
    "MigrationUnreadable": 26,
    "MigrationInvalid": 27,
    "MigrationFailed": 28,
    "MigrationUnfinished": 29,
    "DatabaseUnreachable": 30,
    "DatabaseStandby": 31,
    "DatabaseBusy": 32,
    "DatabaseChanged": 33,
    "DatabaseFenced": 34,
    "DatabaseTooOld": 35,
    "DatabaseLost": 36,
    "DatabaseRightsLacking": 37,
    "ExtensionLacking": 38,
    "SchemaDrifted": 39,
    "BackupFailed": 40,
    "BackupUnverified": 41,
    "BackupNotFound": 42,
    "BackupUnusable": 43,
    "NoSpace": 44,
    "RestoreFailed": 45,
    "RollbackBlocked": 46,
    "BackupStale": 47,
    "SwapFailed": 48,
    "NothingReplaced": 49,
    "ServerUnfit": 50,
    "DockerUnusable": 51,
    "ContainerDown": 52,
    "LockHeld": 53,
    "UploadDamaged": 54,
    "JobDied": 55,
    "NoJob": 56,
    "JobCancelled": 57,
    "DirectoryUnusable": 58,
    "OutcomeUnknown": 59,
    "ServerUnreachable": 60,
    "HostKeyUnknown": 61,
    "HostKeyChanged": 62,
    "LoginRefused": 63,
    "ConnectionLost": 64,
    "SshConfigInvalid": 65,
    "ServerTalksNonsense": 66,
}
"""Add to it; a number that stands here never changes, and never means anything else."""


def every_error(kind: type[DeployError] = DeployError) -> Iterator[type[DeployError]]:
    for each in kind.__subclasses__():
        yield each
        yield from every_error(each)


def in_the_catalogue() -> dict[str, type[DeployError]]:
    return {kind.__name__: kind for kind in every_error() if kind.__module__ == errors.__name__}


class TestTheCatalogue:
    def test_keeps_every_status_that_was_published(self) -> None:
        assert {name: kind.status for name, kind in in_the_catalogue().items()} == PUBLISHED

    def test_gives_each_error_a_status_of_its_own(self) -> None:
        assert len(set(PUBLISHED.values())) == len(PUBLISHED)

    def test_has_every_error_that_the_tool_knows(self) -> None:
        """An error of another module would have no place in the documentation."""
        ours = {kind for kind in every_error() if kind.__module__.startswith("deploy.")}
        assert ours == set(in_the_catalogue().values())

    def test_is_in_sections_whose_heading_is_the_first_digit(self) -> None:
        with open(errors.__file__, encoding="utf-8") as source:  # noqa: PTH123 - it is a module's own name for it
            text = source.read()
        family = 0
        for heading, name in re.findall(r"^# (\d)0s: |^class (\w+)\(DeployError\)", text, re.MULTILINE):
            family = int(heading) if heading else family
            if name:
                assert PUBLISHED[name] // 10 == family, name

    @pytest.mark.parametrize("kind", in_the_catalogue().values())
    def test_says_of_each_what_happened(self, kind: type[DeployError]) -> None:
        assert re.fullmatch(r".+[^.]\.", kind.__doc__ or "")

    @pytest.mark.parametrize("kind", in_the_catalogue().values())
    def test_is_of_errors_with_a_message_and_a_hint(self, kind: type[DeployError]) -> None:
        error = kind("what happened", hint="What to do.", details=("a caret",))
        assert str(error) == error.message == "what happened"
        assert (error.hint, error.details) == ("What to do.", ("a caret",))


class TestAStatus:
    def test_is_never_one_that_a_shell_python_or_fab_uses(self) -> None:
        """0 is success, 1 Python's, 2 a shell's and fab's for usage, 126 and above what a shell reports."""
        assert all(10 <= status < 70 for status in PUBLISHED.values())
