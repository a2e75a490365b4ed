"""Whatever the code has, the documentation has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.model import errors
from deploy.model.errors import DeployError
from deploy.model.settings import DEFAULTS
from deploy.tasks import ns

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DeployError)]


def everything() -> str:
    return "\n".join(page.read_text("utf-8") for page in PAGES)


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
