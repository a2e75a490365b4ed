"""The published schemas of `--json`: what tests validate by, and `python -m tests.schemas`, which keeps them in step.

A schema in docs/schemas/v1 is written by hand but for what it has in common with others: that stands once, in shared.json, and is
copied into each, so that each can be used on its own.
"""

from __future__ import annotations

import json
import textwrap
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from deploy.check.catalogue import CATEGORIES
from deploy.model import errors
from deploy.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = Path(__file__).parents[1] / "docs" / "schemas" / "v1"
SHARED = FOLDER / "shared.json"
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DeployError)]
WIDTH = 120

formats = FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def _is_moment(found: object) -> bool:
    """A time without its zone is no moment."""
    return not isinstance(found, str) or datetime.fromisoformat(found).tzinfo is not None


def names() -> list[str]:
    """Return the tasks that have a schema."""
    return sorted(path.stem for path in FOLDER.glob("*.json") if path != SHARED)


def read(task: str) -> dict[str, Any]:
    """Return the schema of what `fab TASK --json` prints, as it is published."""
    schema: dict[str, Any] = json.loads((FOLDER / f"{task}.json").read_text("utf-8"))
    return schema


def strict(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the schema as our own tests mean it: a consumer lets new fields pass, we don't let undocumented ones."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items()}
    return {"additionalProperties": False, **found} if {"type", "properties"} <= found.keys() else found


@cache
def _validator(task: str, kind: str = "") -> Draft202012Validator:
    """Return what validates all that the task may print, or one kind of it."""
    schema = strict(read(task))
    if kind:
        schema["anyOf"] = [{"$ref": f"#/$defs/{kind}"}]
    return Draft202012Validator(schema, format_checker=formats)


def problem(task: str, document: object) -> str | None:
    """Return what is wrong with a document, as it would be printed, or None."""
    printed = json.loads(json.dumps(document))
    if _validator(task).is_valid(printed):
        return None
    refused = (
        isinstance(printed, dict) and printed.keys() == {"host", "outcome", "error"} and printed["outcome"] == "refused"
    )
    kind = "hosts" if isinstance(printed, dict) and "hosts" in printed else "refusal" if refused else "document"
    found = best_match(_validator(task, kind).iter_errors(printed))
    return f"{found.json_path}: {found.message}" if found else f"{task} prints no {kind}"


def problem_of_output(args: Sequence[str], stdout: str) -> str | None:
    """Return what is wrong with what `fab ARGS` printed on stdout, where that has to be a JSON document, or None."""
    task = next((arg for arg in args if not arg.startswith("-")), None)
    if task is None or "--json" not in args:
        return None
    try:
        return problem(task, json.loads(stdout))
    except ValueError as error:
        return f"it is not one JSON document: {error}"


def in_step() -> dict[Path, str]:
    """Return the text that each schema has to have: what is its own, and all that it refers to from shared.json."""
    shared = json.loads(SHARED.read_text("utf-8"))
    kinds = [kind for kind in ERRORS if kind is not DeployError]
    error = shared["$defs"]["error"]["properties"]
    error["status"]["enum"] = sorted(kind.status for kind in kinds)
    error["name"]["enum"] = sorted(kind.__name__ for kind in kinds)
    texts = {SHARED: shared}
    for task in names():
        found = read(task)
        own = {name: text for name, text in found["$defs"].items() if name not in shared["$defs"]}
        head = {
            "$schema": shared["$schema"],
            "$id": f"urn:backtester-deploy:json:v1:{task}",
            "title": f"fab {task} --json",
        }
        texts[FOLDER / f"{task}.json"] = {
            **head,
            "anyOf": found["anyOf"],
            "$defs": {**own, **_needed([found["anyOf"], own], shared["$defs"])},
        }
    category = texts[FOLDER / "check.json"]["$defs"]["document"]["items"]["properties"]["category"]
    category["enum"] = list(CATEGORIES)
    return {path: render(schema) + "\n" for path, schema in texts.items()}


def _needed(by: object, shared: dict[str, Any]) -> dict[str, Any]:
    """Return the shared definitions that are referred to, and those that these refer to."""
    wanted, found = list(_references(by)), set[str]()
    while wanted:
        name = wanted.pop()
        if name in shared and name not in found:
            found.add(name)
            wanted += _references(shared[name])
    return {name: shared[name] for name in sorted(found)}


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from _references(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix("#/$defs/")
        yield from _references(list(schema.values()))


def render(value: object, indent: str = "") -> str:
    """Write JSON as people do: short lists on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if _is_simple(value) and len(indent) + len(flat) < WIDTH - 30:
        return flat
    deeper = indent + "  "
    if isinstance(value, dict):
        lines = [f"{json.dumps(key)}: {render(item, deeper)}" for key, item in value.items()]
        return "{\n" + ",\n".join(deeper + line for line in lines) + f"\n{indent}}}"
    if isinstance(value, list) and _is_simple(value):
        filled = textwrap.fill(
            flat[1:-1], WIDTH, initial_indent=deeper, subsequent_indent=deeper, break_on_hyphens=False
        )
        return f"[\n{filled}\n{indent}]"
    if isinstance(value, list):
        return "[\n" + ",\n".join(deeper + render(item, deeper) for item in value) + f"\n{indent}]"
    return flat


def _is_simple(value: object) -> bool:
    """Has it no object of more than one key?"""
    if isinstance(value, dict):
        return len(value) < 2 and all(_is_simple(item) for item in value.values())
    return not isinstance(value, list) or all(_is_simple(item) for item in value)


if __name__ == "__main__":
    for path, text in in_step().items():
        path.write_text(text, "utf-8")
