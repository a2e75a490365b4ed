"""Whatever the code has, the documentation has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from deploy.model import errors
from deploy.model.errors import DeployError
from deploy.model.settings import DEFAULTS
from deploy.tasks import ns
from tests import schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DeployError)]


def everything() -> str:
    return "\n".join(page.read_text("utf-8") for page in PAGES)


def examples() -> list[tuple[str, str]]:
    """Return the documents of docs/json.md, each with the command under whose heading it stands; before the first it is any command's."""
    found = re.split(r"^## +([a-z]+)$", (ROOT / "docs" / "json.md").read_text("utf-8"), flags=re.MULTILINE)
    return [
        (task, text)
        for task, section in zip(["deploy", *found[1::2]], found[::2], strict=True)
        for text in re.findall(r"^```json\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    ]


def row(*cells: str) -> re.Pattern[str]:
    """Match a row of a Markdown table that begins with these cells."""
    return re.compile(r"^\|" + r"\|".join(rf" *`?{re.escape(cell)}`? *" for cell in cells) + r"\|", re.MULTILINE)


def flags() -> list[tuple[str, str]]:
    """Name every flag that has a sentence in --help, as it is typed."""
    return [(name, "--" + flag.replace("_", "-")) for name, task in sorted(ns.tasks.items()) for flag in task.help]


class TestTheDocumentation:
    @pytest.mark.parametrize("name", sorted(ns.task_names))
    def test_has_every_command(self, name: str) -> None:
        assert re.search(
            rf"`[^`\n]*\b{re.escape(name)}\b[^`\n]*`|^\s*fab (?:-H \S+ )?{re.escape(name)}\b",
            everything(),
            re.MULTILINE,
        )

    @pytest.mark.parametrize(("command", "flag"), flags())
    def test_has_every_flag(self, command: str, flag: str) -> None:
        assert re.search(rf"{re.escape(flag)}\b", everything()), f"{flag} of {command}"

    @pytest.mark.parametrize("name", DEFAULTS)
    def test_has_every_setting_with_its_default(self, name: str) -> None:
        page = (ROOT / "docs" / "settings.md").read_text("utf-8")
        (found,) = re.findall(rf"^\| `{name}` \| ([^|]*)\|", page, re.MULTILINE)
        assert found.startswith(f"`{DEFAULTS[name]}`" if DEFAULTS[name] else "empty")

    def test_has_no_setting_that_isnt_there(self) -> None:
        page = (ROOT / "docs" / "settings.md").read_text("utf-8")
        assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(DEFAULTS)

    @pytest.mark.parametrize("kind", [kind for kind in ERRORS if kind is not DeployError])
    def test_has_every_exit_status_with_its_name(self, kind: type[DeployError]) -> None:
        page = (ROOT / "docs" / "exit-statuses.md").read_text("utf-8")
        assert row(str(kind.status), kind.__name__).search(page)

    def test_has_no_exit_status_that_isnt_there(self) -> None:
        page = (ROOT / "docs" / "exit-statuses.md").read_text("utf-8")
        found = re.findall(r"^\| *`?(\d+)`? *\| *`?(\w+)`? *\|", page, re.MULTILINE)
        assert {(int(status), name) for status, name in found} == {
            (kind.status, kind.__name__) for kind in ERRORS if kind is not DeployError
        }

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_links_to_files_that_are_there(self, page: Path) -> None:
        links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text("utf-8"))
        assert [link for link in links if not (page.parent / link).exists()] == []


class TestTheSchemas:
    def test_are_there_for_every_command_that_prints_json(self) -> None:
        """A new one needs its `anyOf` and its own `$defs` in docs/schemas/v1; `make schemas` adds what it shares with others."""
        assert schemas.names() == sorted(name for name, task in ns.tasks.items() if "json" in task.help)

    @pytest.mark.parametrize("task", schemas.names())
    def test_are_on_the_page_with_an_example(self, task: str) -> None:
        page = (ROOT / "docs" / "json.md").read_text("utf-8")
        assert re.search(rf"^\| `{task}` \|.*\| \[{task}\.json\]\(schemas/v1/{task}\.json\) \|$", page, re.MULTILINE)
        assert task in [of for of, _ in examples()]

    @pytest.mark.parametrize(("task", "text"), examples())
    def test_fit_the_examples(self, task: str, text: str) -> None:
        assert schemas.problem(task, json.loads(text)) is None

    @pytest.mark.parametrize("path", schemas.in_step(), ids=lambda path: path.stem)
    def test_are_in_step_with_the_code(self, path: Path) -> None:
        """`make schemas` brings them there: statuses, categories and all that one shares with others."""
        assert path.read_text("utf-8") == schemas.in_step()[path]

    @pytest.mark.parametrize("task", schemas.names())
    def test_are_schemas(self, task: str) -> None:
        Draft202012Validator.check_schema(schemas.read(task))

    def test_let_a_consumer_pass_what_comes_later(self) -> None:
        for task, text in examples():
            found = json.loads(text)
            for part in found if isinstance(found, list) else [found]:
                part["news"] = 1
            Draft202012Validator(schemas.read(task)).validate(found)
            assert schemas.problem(task, found)

    def test_say_what_each_size_and_time_is_counted_in(self) -> None:
        units = {"bytes": "bytes", "_bytes": "bytes", "_s": "seconds", "_ms": "milliseconds", "_at": "ISO 8601"}
        for task in schemas.names():
            for name, found in fields(schemas.read(task)):
                unit = next((unit for end, unit in units.items() if name.endswith(end)), None)
                assert unit is None or unit in found.get("description", ""), f"{task}: {name}"


def fields(schema: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk through every field that a schema describes."""
    if isinstance(schema, list):
        for item in schema:
            yield from fields(item)
    elif isinstance(schema, dict):
        if "type" in schema:
            yield from schema.get("properties", {}).items()
        yield from fields(list(schema.values()))
