"""What was seen, in words."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.values import HOLDER, a_database


class TestTheHolderOfTheLock:
    def test_is_shown_with_who_since_when_from_where_and_the_step(self) -> None:
        assert str(HOLDER) == "deploy by alice from laptop since 2026-11-22T11:55:00Z, at: apply"

    def test_may_not_have_come_to_a_step_yet(self) -> None:
        assert str(replace(HOLDER, step="")).endswith(", at: the start")


class TestADatabase:
    def test_has_the_major_version_that_people_speak_of(self) -> None:
        assert a_database(version=150_020).major == 15
