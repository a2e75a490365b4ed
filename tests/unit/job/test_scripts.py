"""Values of ours become shell here, and arrive as they were."""

from __future__ import annotations

import subprocess
from importlib import resources
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.job.scripts import (
    APPLY_KEY,
    LOCK_KEY,
    PLAIN_OPTIONS,
    assignments,
    function,
    script,
    settings_head,
    sql,
    stem,
)
from tests.unit.values import some_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
HEAD = (
    "remote_dir",
    "base",
    "environment",
    "container",
    "database",
    "user",
    "pg_bin",
    "pg_options",
    "ledger_schema",
    "lock_key",
    "apply_key",
    "stem",
)


def arrives(text: str, words: str) -> list[str]:
    """Run a script in the real sh; return what the words after it expand to."""
    said = subprocess.run(
        ["sh", "-c", f"{text}\nprintf '%s\\0' {words}"], capture_output=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    assert said.stderr == b""
    return said.stdout.decode().split("\0")[:-1]


class TestAssignments:
    @settings(max_examples=50)
    @given(st.lists(TEXT, min_size=1, max_size=5))
    def test_arrive_in_sh_as_they_were(self, values: Sequence[str]) -> None:
        named: Mapping[str, object] = {f"v{number}": value for number, value in enumerate(values)}
        assert arrives(assignments(named), " ".join(f'"${name}"' for name in named)) == list(values)

    @pytest.mark.parametrize("value", ["'", "$(exit 3)", "`exit 3`", "\\", "\n", "-n", "~", "*", "a'\"b", "ä 🔒", ""])
    def test_mean_nothing_to_sh(self, value: str) -> None:
        assert arrives(assignments({"v": value}), '"$v"') == [value]

    def test_take_numbers(self) -> None:
        assert assignments({"a": 1, "b": 0.5}) == "a=1\nb=0.5\n"


class TestAFunction:
    @settings(max_examples=50)
    @given(st.lists(TEXT, max_size=3), st.lists(TEXT, max_size=3))
    def test_puts_its_own_arguments_behind_those_it_was_made_of(self, argv: list[str], more: list[str]) -> None:
        text = function("call", ["printf", "%s\\0", "first", *argv]) + assignments(
            {f"v{number}": value for number, value in enumerate(more)}
        )
        words = " ".join(f'"$v{number}"' for number in range(len(more)))
        assert arrives(f"{text}call {words}", "last")[:-1] == ["first", *argv, *more]

    def test_of_nothing_runs_what_it_is_given(self) -> None:
        assert arrives(function("inside", []) + "inside printf 'a\\0'", "b") == ["a", "b"]


class TestTheHeadOfAScript:
    @settings(max_examples=50)
    @given(
        st.lists(TEXT, min_size=6, max_size=6),
        st.lists(TEXT.filter(bool), min_size=1, max_size=3),
    )
    def test_says_every_setting_as_it_is(self, texts: list[str], docker: list[str]) -> None:
        remote_dir, container, database, user, postgres_bin, schema = texts
        chosen = some_settings(
            container=container,
            database=database,
            user=user,
            postgres_bin=postgres_bin,
            ledger_schema=schema,
            docker=tuple(docker),
        )
        assert arrives(settings_head(chosen, remote_dir), " ".join(f'"${name}"' for name in HEAD)) == [
            remote_dir,
            f"{remote_dir}/.deploy",
            "prod",
            container,
            database,
            user,
            f"{postgres_bin}/" if postgres_bin else "",
            PLAIN_OPTIONS,
            schema,
            str(LOCK_KEY),
            str(APPLY_KEY),
            stem(database),
        ]

    @pytest.mark.parametrize("docker", [("printf", "%s\\0"), ("env", "-i", "printf", "%s\\0")])
    def test_calls_docker_word_by_word(self, docker: tuple[str, ...]) -> None:
        head = settings_head(some_settings(docker=docker, container="my db"), "/opt")
        assert arrives(f"{head}inside psql -c 'SELECT 1'", "end") == [
            "exec",
            "-i",
            "my db",
            "psql",
            "-c",
            "SELECT 1",
            "end",
        ]
        assert arrives(f"{head}engine ps -a", "end") == ["ps", "-a", "end"]

    def test_goes_nowhere_where_postgres_is_on_the_server_itself(self) -> None:
        head = settings_head(some_settings(container=""), "/opt")
        assert arrives(f"{head}inside printf '%s\\0' here", "end") == ["here", "end"]


class TestTheStemOfADatabasesName:
    @given(TEXT)
    def test_leaves_room_for_what_comes_behind_it(self, database: str) -> None:
        name = f"{stem(database)}_replaced_20261122_120000"
        assert len(name.encode()) <= 63

    def test_is_the_name_where_that_fits(self) -> None:
        assert stem("ä" * 19) == "ä" * 19

    def test_tells_long_names_apart_that_begin_alike(self) -> None:
        """Else a repair of one database would take the side database of another for its own."""
        one, other = stem("a" * 40 + "1"), stem("a" * 40 + "2")
        assert one != other
        assert one.startswith("a" * 29 + "_")

    def test_never_ends_within_a_letter(self) -> None:
        assert stem("a" + "ä" * 20).startswith("a" + "ä" * 14 + "_")


class TestTheFilesOfThePackage:
    @pytest.mark.parametrize(
        "name", [f.name for f in (resources.files("deploy.job") / "sh").iterdir() if f.name.endswith(".sh")]
    )
    def test_in_sh_are_valid_sh(self, name: str) -> None:
        checked = subprocess.run(["sh", "-n"], input=script(name).encode(), capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, b"")

    def test_in_sql_are_found_by_name(self) -> None:
        assert sql("hold").startswith("-- Take the deploy lock")


class TestTheLockKeys:
    def test_never_change(self) -> None:
        """Two versions of this tool have to keep each other out."""
        assert (LOCK_KEY, APPLY_KEY) == (110_386_840_629_113, 110_386_840_629_114)
