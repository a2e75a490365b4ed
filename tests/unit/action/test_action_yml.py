"""The action's interface, its pins and its documentation are of one piece."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.action.inputs import LEFT_OUT, PREFIX, Inputs
from deploy.tasks import ns

ROOT = Path(__file__).parents[3]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
PAGE = (ROOT / "docs" / "github-actions.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


class TestActionYml:
    def test_has_the_inputs_that_are_read(self) -> None:
        assert {name.replace("-", "_") for name in ACTION["inputs"]} == {each.name for each in fields(Inputs)}

    def test_hands_each_over_as_a_variable(self) -> None:
        (step,) = (step for step in ACTION["runs"]["steps"] if step.get("id") == "run")
        assert step["env"] == {
            PREFIX + name.upper().replace("-", "_"): f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]
        }

    def test_has_no_expression_in_a_script_and_no_part_from_elsewhere(self) -> None:
        for step in ACTION["runs"]["steps"]:
            assert "${{" not in step["run"]
            assert "uses" not in step

    def test_names_every_command_for_workflows(self) -> None:
        said = set(re.findall(r"\w+", ACTION["inputs"]["command"]["description"]))
        assert set(ns.task_names) - said == set(LEFT_OUT)


class TestTheWorkflows:
    @pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
    def test_take_parts_by_their_full_commit(self, path: Path) -> None:
        used = re.findall(r"^ *(?:- )?uses: *(\S+)(.*)", path.read_text("utf-8"), re.MULTILINE)
        assert used
        for name, comment in used:
            assert name == "./" or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name)
            assert name == "./" or re.fullmatch(r" # v\d+\.\d+\.\d+", comment)

    def test_deploy_and_roll_back_one_at_a_time(self) -> None:
        deploy = yaml.safe_load((ROOT / ".github/workflows/ci-cd.yml").read_text("utf-8"))["jobs"]["deploy"]
        rollback = yaml.safe_load((ROOT / ".github/workflows/rollback.yml").read_text("utf-8"))
        assert deploy["concurrency"] == rollback["concurrency"]
        assert deploy["concurrency"]["cancel-in-progress"] is False


class TestThePins:
    @pytest.mark.parametrize("dependency", [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]])
    def test_are_what_the_project_asks_for(self, dependency: str) -> None:
        """If this fails, a dependency was changed: run `make pins`."""
        wanted = Requirement(dependency)
        found = [pin for pin in pins() if canonicalize_name(pin.name) == canonicalize_name(wanted.name)]
        assert found, f"{wanted.name} isn't in action/requirements.txt"
        for pin in found:
            (exact,) = pin.specifier
            assert exact.operator == "=="
            assert wanted.specifier.contains(exact.version)

    def test_have_their_sums(self) -> None:
        for entry in entries():
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry

    def test_say_nothing_of_where_they_come_from(self) -> None:
        text = (ROOT / "action" / "requirements.txt").read_text("utf-8")
        assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links", text)


def entries() -> list[str]:
    text = (ROOT / "action" / "requirements.txt").read_text("utf-8")
    return [entry for entry in re.split(r"(?<!\\)\n", text) if entry.strip() and not entry.lstrip().startswith("#")]


def pins() -> list[Requirement]:
    return [Requirement(entry.split(" \\", 1)[0]) for entry in entries()]


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


class TestThePage:
    @pytest.mark.parametrize("name", ACTION["inputs"])
    def test_has_every_input_with_its_default(self, name: str) -> None:
        (default,) = re.findall(rf"^\| `{name}` \| ([^|]*) \|", section("Inputs"), re.MULTILINE)
        assert default == (f"`{ACTION['inputs'][name]['default']}`" if ACTION["inputs"][name]["default"] else "empty")

    @pytest.mark.parametrize("name", ACTION["outputs"])
    def test_has_every_output(self, name: str) -> None:
        assert re.search(rf"^\| `{name}` \|", section("Outputs"), re.MULTILINE)

    @pytest.mark.parametrize("name", sorted(set(ns.task_names) - set(LEFT_OUT)))
    def test_has_every_command(self, name: str) -> None:
        (row,) = re.findall(r"^\| `command` \|.*", PAGE, re.MULTILINE)
        assert f"`{name}`" in row
