"""Whatever a server says, in whatever type and size: a command ends in order, and nothing of it is obeyed by a terminal."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.commands.backups import back_up, backups, verify
from deploy.commands.doctor import examine
from deploy.commands.look import history, status
from deploy.commands.release import release
from deploy.commands.rollback import rollback, undo
from deploy.commands.watch import watch
from deploy.model.errors import DeployError, ServerTalksNonsense
from deploy.plan.release import Wish
from deploy.report import document
from deploy.server.observation import parse
from tests.unit.commands.server import Paper, SeenServer
from tests.unit.model.test_event import EXAMPLES
from tests.unit.server.test_observation import DATABASE, FACTS, HOLDER, MANIFEST, ROW, answer
from tests.unit.values import a_migration, some_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.model.observation import Observation

HUGE = 10**400
"""A number that no float holds, though JSON may."""

EVIL = "\x1b[2J\x07\x9b31m\u202e"
"""What a terminal obeys."""

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([HUGE, -HUGE, 2**63, -1, 0])
    | st.floats()
    | st.text()
    | st.just(EVIL),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=3,
)

EVENTS = [json.loads(written) for written, _ in EXAMPLES]

quickly = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("project")
    for migration in (a_migration(1), a_migration(2)):
        (folder / migration.name).write_bytes(migration.content)
    return str(folder)


@pytest.fixture(autouse=True, scope="module")
def hurry() -> Iterator[None]:
    """What is looked at again after a moment is looked at again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", lambda _: None)
        yield


def mangled(data: st.DataObject, found: dict[str, Any]) -> dict[str, Any]:
    """Give some of its fields other values, the nested ones too."""
    for key in data.draw(st.sets(st.sampled_from(sorted(set(found) - {"event"}) or ["event"]), max_size=2)):
        inner = found[key]
        if isinstance(inner, list) and inner and isinstance(inner[0], dict) and data.draw(st.booleans()):
            found = {**found, key: [mangled(data, inner[0]), *inner[1:]]}
        else:
            found = {**found, key: data.draw(VALUES, label=key)}
    return found


def ends_in_order(command: Callable[[Paper], Any]) -> None:
    """Run it, and see that it either ends or is refused, in words that can be printed."""
    paper = Paper()
    try:
        documents = command(paper)
    except DeployError as refused:
        paper.error(refused, "prod")
        documents = document.refusal_document(refused, "prod")
    said = paper.stream.getvalue()
    assert not {character for character in said if not character.isprintable()} - {"\n"}
    json.dumps(documents, allow_nan=False)
    paper.document(json.dumps(documents, ensure_ascii=False))
    written = paper.stream.getvalue()[len(said) :]
    assert not {character for character in written if not character.isprintable()} - {"\n"}


class TestAnyEvents:
    @quickly
    @given(st.data())
    def test_end_a_deploy_in_order(self, project: str, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(EVENTS), max_size=5), label="events")
        events = [mangled(data, found) for found in chosen]

        def deploying(paper: Paper) -> Any:  # noqa: ANN401 - JSON
            server = SeenServer(migrations_dir=project).says(
                *events, {"event": "ended", "outcome": "done", "reason": ""}
            )
            results = release([server], Wish(), paper, dry_run=False)
            if results[0].error:
                paper.error(results[0].error, "prod")
            return [document.release_document(result) for result in results]

        ends_in_order(deploying)

    @quickly
    @given(st.data())
    def test_end_a_follower_in_order(self, data: st.DataObject) -> None:
        events = [mangled(data, found) for found in data.draw(st.lists(st.sampled_from(EVENTS), max_size=5))]
        look = parse("prod", answer(), "", some_settings())
        ends_in_order(lambda paper: watch(SeenServer(look).says(*events, mark="0123"), paper).step)


def look_at(data: st.DataObject) -> Observation:
    """Draw what a server may answer, or throw nonsense as a command would."""
    shapes: dict[str, dict[str, Any]] = {"database": DATABASE, "ledger": ROW, "holder": HOLDER, "manifest": MANIFEST}
    changes: dict[str, str | None] = {}
    for key in data.draw(st.sets(st.sampled_from(sorted(set(FACTS) - {"end"})), max_size=3)):
        if key in shapes:
            written = json.dumps(mangled(data, shapes[key]))
            changes[key] = f"./pre_deploy_20261122_115500.sql.gz.json\t{written}" if key == "manifest" else written
        else:
            line = st.text(st.characters(exclude_characters="\n"))
            changes[key] = data.draw(
                st.sampled_from([None, EVIL, "9" * 4000, f"5 9 {EVIL}", FACTS[key]]) | line, label=key
            )
    audit: dict[str, Any] = {
        "event": "started",
        "job": "j",
        "command": "deploy",
        "by": "al",
        "from": "here",
        "commit": None,
        "at": "now",
        "plan": {},
    }
    ended = {
        "event": "finished",
        "job": "j",
        "outcome": "done",
        "seconds": 5,
        "rows": [{"name": "001_step.sql", "finished": True}],
    }
    lines = [f"audit {json.dumps(mangled(data, found))}" for found in (audit, ended)]
    return parse("prod", answer(*lines, **changes), "", some_settings())


class TestAnyLook:
    @quickly
    @given(st.data())
    def test_is_shown_in_order(self, project: str, data: st.DataObject) -> None:
        server = SeenServer(drawn(data), migrations_dir=project)

        def looking(paper: Paper) -> Any:  # noqa: ANN401 - JSON
            checks, _ = examine("prod", lambda: server.settings, lambda _: None, lambda: server)
            paper.doctor("prod", checks)
            observed, found_backups, stale = backups(server, timedelta(hours=26))
            paper.backups("prod", observed, found_backups)
            if stale:
                paper.error(stale, "prod")
            entries = history(server, limit=5)
            paper.history("prod", entries)
            paper.status(found := status(server))
            return [
                document.status_document(found),
                document.history_document(entries),
                document.doctor_document(checks),
            ]

        ends_in_order(looking)

    @quickly
    @given(st.data())
    def test_is_planned_from_in_order(self, project: str, data: st.DataObject) -> None:
        """Everything that decides before it changes."""
        seen = drawn(data)
        server = SeenServer(seen, migrations_dir=project)
        ends_in_order(
            lambda paper: [document.release_document(r) for r in release([server], Wish(), paper, dry_run=True)]
        )
        ends_in_order(
            lambda paper: document.rollback_document(
                rollback(server, "latest", paper, assume_yes=True, dry_run=True, in_place=False)
            )
        )
        for job in (
            lambda paper: document.rollback_document(undo(server, paper, assume_yes=True)),
            lambda paper: document.backup_result_document(back_up(server, paper)),
            lambda paper: [document.backup_result_document(r) for r in verify(server, "latest", paper, every=False)],
        ):
            server.says(
                {"event": "failed", "reason": "no_space", "detail": ""},
                {"event": "ended", "outcome": "failed", "reason": "no_space"},
            )
            ends_in_order(job)
            server.script.logs.clear()


def healthy() -> Observation:
    return parse("prod", answer(), "", some_settings())


def drawn(data: st.DataObject) -> Observation:
    """What can't be read at all is refused in one place, which has its own tests."""
    try:
        return look_at(data)
    except ServerTalksNonsense:
        return healthy()
