"""Whatever the code has, the documentation has; and what the documentation has, is there."""

# ruff: noqa: RUF001 - one page is in Russian

from __future__ import annotations

import ast
import json
import re
import shlex
from copy import deepcopy
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from deploy.model import errors
from deploy.model.errors import DeployError
from deploy.model.settings import DEFAULTS
from deploy.tasks import described, ns
from tests import schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "migrations" / "README.md"]
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


class TestTheHelp:
    @pytest.mark.parametrize("name", sorted(ns.task_names))
    def test_of_each_command_is_a_sentence_its_options_and_an_example(self, name: str) -> None:
        task = ns[name]
        sentence, empty, example = [line.strip() for line in task.__doc__.strip().splitlines()]
        assert re.fullmatch(r"[A-Z].{20,}\.", sentence)
        assert not empty
        assert re.match(rf"Example: fab (?:-H prod )?{name}\b", example)
        assert set(task.help) == set(list(signature(task.body).parameters)[1:])
        assert all(re.fullmatch(r"\S.{7,}\.", said) for said in task.help.values()), task.help


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


CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]+`", re.DOTALL | re.MULTILINE)
TYPED = re.compile(r"(?<![\w/.…-])fab +([-a-z][^`\n]*)")
CORE = {"--version": 0, "-H": 1, "-S": 1, "-R": 0, "-d": 0, "--list": 0, "--help": 1, "--print-completion-script": 1}
"""The flags of fab itself that the documents use, and how many words stand behind each."""


def commands(page: Path) -> Iterator[str]:
    """Find what somebody would type behind `fab` in the code of a page."""
    for block in CODE.findall(page.read_text("utf-8")):
        yield from (match[1] for match in TYPED.finditer(re.sub(r"\\\n", " ", block)))


def words_of(command: str) -> list[str]:
    """Split a command as a shell does, up to what belongs to another: a pipe, a comment, the sentence that it stands in."""
    command = re.split(r" \d?> ?| #| \||[;&|<>)]|[.,:] |  |: ", command.replace("[", " ").replace("]", " "))[0]
    return shlex.split(command.partition("…")[0].rstrip(".,:;"))


def wrong_in(command: str) -> str:
    """Say what is wrong with a command, or nothing."""
    words = words_of(command)
    while words and words[0] in CORE:
        del words[: 1 + CORE[words[0]]]
    words = described(words)
    task: str | None = None
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            task = word
            if task not in ns.task_names:
                return f"{task!r} is no command"
            continue
        flag, equals, _ = word.partition("=")
        known = {"--" + a.name.replace("_", "-"): a for a in deepcopy(ns[task]).get_arguments()} if task else {}
        if flag not in known:
            return f"{task} has no {flag}"
        if known[flag].takes_value and not equals:
            words = words[1:]
        if not known[flag].takes_value and equals:
            return f"{flag} of {task} takes no value"
    return ""


class TestACommandInTheDocumentation:
    @pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
    def test_can_be_typed(self, page: Path) -> None:
        wrong = {command: wrong_in(command) for command in commands(page)}
        assert {command: why for command, why in wrong.items() if why} == {}

    @pytest.mark.parametrize(
        ("command", "wrong"),
        [
            ("-H prod deploy --only=001 --json", ""),
            ("-H prod deploy        # a comment that isn't a task", ""),
            ("new add user preferences", ""),
            ("new --renumber FILE", ""),
            ("-H prod rollbak --backup=latest", "'rollbak' is no command"),
            ("-H prod rollback --backup latest", ""),
            ("-H prod rollback --file=latest", "rollback has no --file"),
            ("-H prod deploy --yes=1", "--yes of deploy takes no value"),
        ],
    )
    def test_is_read_as_fab_reads_it(self, command: str, wrong: str) -> None:
        assert wrong_in(command) == wrong

    def test_is_found_wherever_it_stands(self) -> None:
        assert len(list(commands(ROOT / "README.md"))) > 20
        assert len(list(commands(ROOT / "docs" / "guide.ru.md"))) > 30


LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")


def prose(page: Path) -> str:
    return re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return what can stand behind # for a page, as GitHub makes it of the headings."""
    headings = re.findall(r"^#{1,6} (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[str, str]]:
    return LINK.findall(prose(page))


class TestALinkInTheDocumentation:
    @pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
    def test_leads_somewhere(self, page: Path) -> None:
        dead = [
            f"{path}#{anchor}"
            for path, anchor in links(page)
            for target in [page.parent / path if path else page]
            if not target.exists() or (anchor and anchor not in anchors(target))
        ]
        assert dead == []

    def test_leads_to_every_page_from_the_index(self) -> None:
        index = ROOT / "docs" / "README.md"
        reached = {(index.parent / path).resolve() for path, _ in links(index)}
        assert {page.resolve() for page in PAGES} - reached == {index.resolve()}


PROMISED = re.compile(r"\[`(\w+)::(\w+)`\]\(([\w/.]+)\)")


class TestAPromise:
    def test_is_shown_by_a_test_that_is_there(self) -> None:
        found = PROMISED.findall((ROOT / "README.md").read_text("utf-8"))
        assert len(found) > 20
        assert [promise for promise in found if promise[1] not in methods_of(ROOT / promise[2], promise[0])] == []

    def test_has_one_in_each_row(self) -> None:
        table = re.search(r"^\| promise .*?\n\n", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
        assert table
        assert [row for row in table[0].splitlines()[2:] if row and not PROMISED.search(row)] == []


def methods_of(path: Path, name: str) -> set[str]:
    """Name the tests of a class in a file."""
    found = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
    return {each.name for node in found if node.name == name for each in node.body if isinstance(each, ast.FunctionDef)}


SECTIONS = """
    Система миграций / Преимущества / Структура миграций / Правила именования / Создание новой миграции / Шаг 1: Создайте файл
    / Шаг 2: Напишите SQL с идемпотентностью / Шаг 3: Протестируйте локально / Шаг 4: Закоммитьте / Шаг 5: CI/CD применит автоматически
    / Применение миграций вручную / Локально / На продакшне / Бэкапы базы данных / Создание бэкапа / Восстановление из бэкапа
    / Рекомендации / Перед созданием миграции / Перед деплоем на прод / Откат миграции / Частые проблемы / Миграция не применилась
    / Ошибка "relation already exists" / База повреждена после миграции / Автоматизация / Расписание бэкапов (cron)
    / Pre-deployment бэкап в CI/CD / См. также
"""
"""Of the guide that this tool takes over."""


class TestTheRussianGuide:
    def test_goes_through_the_sections_of_the_guide_that_it_succeeds(self) -> None:
        """In their order; whoever knows the old one finds the place."""
        headings = iter(re.findall(r"^#{2,3} (.*)$", prose(ROOT / "docs" / "guide.ru.md"), re.MULTILINE))
        wanted = [" ".join(section.split()) for section in re.split(r" / |\n +/ ", SECTIONS)]
        assert [section for section in wanted if section not in headings] == []
