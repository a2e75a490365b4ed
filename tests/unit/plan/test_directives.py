"""What a file's directives mean for the plan of a deploy."""

from __future__ import annotations

import pytest

from deploy.model.errors import ExtensionLacking, MigrationEdited, MigrationInvalid
from deploy.plan.release import ReleasePlan, Wish, compare, plan_release
from tests.unit.values import a_database, a_migration, an_observation, ledger_of, some_settings

REPEATABLE = "-- deploy: repeatable\nCREATE OR REPLACE VIEW v AS SELECT 1;\n"
ONE, THREE = a_migration(1), a_migration(3)
VIEW = a_migration(2, name="view", text=REPEATABLE)
EDITED = a_migration(2, name="view", text=REPEATABLE.replace("1", "2"))


def plan(
    *found: object, applied: tuple[object, ...] = (), extensions: tuple[str, ...] = (), **wish: str
) -> ReleasePlan:
    seen = an_observation(ledger=ledger_of(*applied), database=a_database(extensions=extensions))  # type: ignore[arg-type]  # migrations
    return plan_release(found, "sum", seen, some_settings(), Wish(**wish))  # type: ignore[arg-type]  # migrations and flags


class TestARepeatableFile:
    def test_is_run_again_when_it_was_edited(self) -> None:
        """A lower number than what is applied is no reason against it."""
        decided = plan(ONE, EDITED, THREE, applied=(ONE, VIEW, THREE))
        assert [p.migration.name for p in decided.pending] == [EDITED.name]
        assert decided.warnings == (f"{EDITED.name} is repeatable and was edited; it is run again",)

    def test_is_left_alone_when_it_was_not(self) -> None:
        assert plan(ONE, VIEW, applied=(ONE, VIEW)).pending == ()

    def test_is_pending_and_neither_edited_nor_late(self) -> None:
        standing = compare((ONE, EDITED, THREE), ledger_of(ONE, VIEW, THREE))
        assert (standing.pending, standing.changed, standing.late) == ((EDITED,), (), ())

    def test_is_not_recorded_by_a_baseline_that_it_has_a_row_of(self) -> None:
        decided = plan(ONE, EDITED, THREE, applied=(ONE, VIEW), baseline="3")
        assert decided.baseline == (THREE,)
        assert [p.migration.name for p in decided.pending] == [EDITED.name]

    def test_has_to_say_so_itself(self) -> None:
        edited = a_migration(1, text="SELECT 'repeatable';\n")
        with pytest.raises(MigrationEdited):
            plan(edited, applied=(ONE,))


class TestARequiredExtension:
    FILE = a_migration(2, text="-- deploy: requires-extension vector\nSELECT 1;\n")

    def test_must_be_offered_before_anything_is_touched(self) -> None:
        with pytest.raises(ExtensionLacking, match=r"002_step\.sql requires the extension vector") as refused:
            plan(ONE, self.FILE, extensions=("plpgsql", "pgcrypto"))
        assert refused.value.hint

    def test_is_no_obstacle_where_the_server_has_it(self) -> None:
        assert len(plan(ONE, self.FILE, extensions=("plpgsql", "vector")).pending) == 2

    def test_is_no_matter_once_the_file_is_applied(self) -> None:
        assert plan(ONE, self.FILE, applied=(ONE, self.FILE), extensions=("plpgsql",)).pending == ()


class TestAPendingFileWithAnError:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("SELECT 1;\n  SELEC 2;\n", r"002_step\.sql:2:3: syntax error at or near \"SELEC\""),
            ("-- deploy: lock-timeout soon\nSELECT 1;\n", r"002_step\.sql:1:1: lock-timeout: must be a duration"),
            ("BEGIN;\nVACUUM;\nCOMMIT;\n", r"002_step\.sql:2:1: VACUUM can't run in a transaction"),
        ],
    )
    def test_stops_the_deploy(self, text: str, said: str) -> None:
        with pytest.raises(MigrationInvalid, match=said):
            plan(ONE, a_migration(2, text=text))

    def test_is_no_matter_once_it_is_applied(self) -> None:
        broken = a_migration(2, text="SELEC 2;\n")
        assert plan(ONE, broken, applied=(ONE, broken)).pending == ()

    def test_is_not_one_with_warnings(self) -> None:
        assert len(plan(a_migration(1, text="DROP TABLE t;\n")).pending) == 1
