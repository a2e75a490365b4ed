"""What a server says is read without trust."""

from __future__ import annotations

import json
import subprocess
from dataclasses import astuple
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.backup import Backup, Manifest, Origin
from deploy.model.errors import ServerTalksNonsense
from deploy.model.ledger import Ledger, LedgerRow
from deploy.model.observation import Database, Holder, Replaced
from deploy.server.observation import observation_script, parse
from tests.unit.values import HERE, NOW, some_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syrupy.assertion import SnapshotAssertion

DATABASE: dict[str, Any] = {
    "name": "backtester",
    "version": 150020,
    "standby": False,
    "bytes": 30_000_000,
    "owner": "backtester",
    "user": "backtester",
    "superuser": False,
    "createdb": True,
    "owns": True,
    "encoding": "UTF8",
    "system": "7300000000000000000",
    "tables": 4,
    "prepared": 0,
    "slots": ["warehouse"],
    "subscriptions": 0,
    "replaced": [{"name": "backtester_replaced_20261121_080000", "bytes": 5}],
    "scratch": ["backtester_side_20261121_080000"],
    "locked_by": {"application": "psql", "pid": 7, "since": "noon"},
}
MANIFEST = {
    "manifest": 1,
    "name": "pre_deploy_20261122_115500.sql.gz",
    "taken_at": "2026-11-22T11:55:03Z",
    "sha256": "0a",
    "migration": "001_step.sql",
    "environment": "prod",
    "database": "backtester",
    "system": "7300000000000000000",
    "server_version": 150020,
    "verified": True,
    "restored_at": "2026-11-22T12:00:00Z",
    "tables": {"public.t": 3},
}
ROW = {
    "name": "001_step.sql",
    "sha256": "v1:0a",
    "way": "transaction",
    "started_at": "2026-11-21T09:00:00+00:00",
    "finished_at": "2026-11-21T09:00:01+00:00",
    "duration_ms": 12,
    "deploy_id": "20261121_090000_0badcafe",
}
HOLDER = {"job": "j", "command": "deploy", "since": "noon", "by": "alice", "from": "laptop", "commit": None}
FACTS = {
    "time": "20261122_120000",
    "user": "bob",
    "kernel": "Linux 6.1.0 x86_64",
    "lacks": "flock tar",
    "directory": "yes no",
    "free_kb": "1000",
    "migrations_sum": "0b",
    "lock": "held",
    "holder": json.dumps(HOLDER),
    "step": "apply",
    "last_job": "20261122_115500_c0ffee00 0123",
    "backup": "42 1795348503 pre_deploy_20261122_115500.sql.gz",
    "manifest": "./pre_deploy_20261122_115500.sql.gz.json\t" + json.dumps(MANIFEST),
    "database": json.dumps(DATABASE),
    "has_ledger": "yes",
    "ledger": json.dumps(ROW),
    "database_end": "",
    "audit": '{"event":"started"}',
    "end": "",
}


def answer(*more: str, **changes: str | None) -> str:
    facts = {**FACTS, **changes}
    lines = [
        f"{key} {value}".rstrip() if key in {"end", "database_end"} else f"{key} {value}"
        for key, value in facts.items()
        if value is not None
    ]
    return "".join(f"{line}\n" for line in [*more, *lines])


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever an observation is made of
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (*texts(key), *texts(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)


class TestAnObservation:
    def test_is_read_as_the_script_prints_it(self) -> None:
        seen = parse("prod", answer(), "", some_settings())
        assert (seen.time, seen.user, seen.kernel, seen.lacks) == (NOW, "bob", "Linux 6.1.0 x86_64", ("flock", "tar"))
        assert (seen.directory_exists, seen.directory_writable, seen.free_bytes) == (True, False, 1_024_000)
        assert seen.migrations_sum == "0b"
        assert seen.locked
        assert seen.holder == Holder("j", "deploy", "alice", "laptop", "noon", "apply")
        assert seen.last_job == "20261122_115500_c0ffee00 0123"
        assert seen.audit == ({"event": "started"},)
        assert seen.ledger == Ledger(
            exists=True,
            rows=(
                LedgerRow(
                    "001_step.sql",
                    "v1:0a",
                    "transaction",
                    "2026-11-21T09:00:00+00:00",
                    "2026-11-21T09:00:01+00:00",
                    12,
                    "20261121_090000_0badcafe",
                ),
            ),
        )
        assert seen.backups == (
            Backup(
                "pre_deploy_20261122_115500.sql.gz",
                42,
                datetime(2026, 11, 22, 11, 55, 3, tzinfo=UTC),
                Manifest(
                    "0a",
                    "2026-11-22T11:55:03+00:00",
                    "001_step.sql",
                    HERE,
                    150_020,
                    verified=True,
                    restored_at="2026-11-22T12:00:00+00:00",
                    rows={"public.t": 3},
                ),
            ),
        )
        assert seen.database == Database(
            **{
                **DATABASE,
                "slots": ("warehouse",),
                "replaced": (Replaced("backtester_replaced_20261121_080000", 5),),
                "scratch": ("backtester_side_20261121_080000",),
                "locked_by": "psql, pid 7, since noon",
            }
        )

    def test_of_a_fresh_server_has_nothing_but_the_server(self) -> None:
        bare = {key: None for key in FACTS if key not in {"time", "user", "kernel", "directory", "free_kb", "end"}}
        seen = parse("prod", answer(**{**bare, "lacks": "", "directory": "no yes"}), "", some_settings())
        assert (seen.directory_exists, seen.directory_writable, seen.lacks) == (False, True, ())
        assert (seen.backups, seen.partial, seen.locked, seen.holder, seen.last_job) == ((), (), False, None, None)
        assert (seen.database, seen.ledger, seen.migrations_sum, seen.audit) == (None, Ledger(), None, ())

    def test_is_found_behind_what_a_profile_prints(self) -> None:
        assert parse("prod", "Welcome!\n\n" + answer(), "", some_settings()).user == "bob"

    def test_believes_the_first_who_says_something(self) -> None:
        """A file that is printed later can't pass for the server."""
        assert parse("prod", answer().replace("end\n", "user mallory\nend\n"), "", some_settings()).user == "bob"

    def test_of_a_database_that_broke_off_has_none(self) -> None:
        seen = parse(
            "prod", answer(database_end=None, database_error="server closed the connection"), "", some_settings()
        )
        assert seen.database is None
        assert seen.database_error == "server closed the connection"

    def test_knows_what_docker_said(self) -> None:
        seen = parse(
            "prod",
            answer(database=None, container="exited", container_error="No such container: x"),
            "",
            some_settings(),
        )
        assert (seen.container_state, seen.container_error) == ("exited", "No such container: x")

    def test_tells_another_tools_table_from_the_ledger(self) -> None:
        assert parse("prod", answer(has_ledger="foreign", ledger=None), "", some_settings()).foreign_ledger

    def test_knows_what_a_backup_taken_now_would_be_of(self) -> None:
        settings = some_settings(environment="staging", database="shop")
        assert parse("prod", answer(), "", settings).here == Origin("staging", "shop", str(DATABASE["system"]))
        assert parse("prod", answer(database=None), "", settings).here == Origin("staging", "shop", "")

    @pytest.mark.parametrize("key", ["environment", "database", "system"])
    @pytest.mark.parametrize("value", ["", None])
    def test_of_a_manifest_that_doesnt_say_whose_it_is_still_believes_the_rest(self, key: str, value: object) -> None:
        manifest = f"{MANIFEST['name']}.json\t{json.dumps({**MANIFEST, key: value})}"
        (backup,) = parse("prod", answer(manifest=manifest), "", some_settings()).backups
        assert (backup.verified, backup.origin) == (True, None)

    def test_has_partial_backups_apart(self) -> None:
        seen = parse("prod", answer(backup="5 1795348503 .pre_deploy_20261122_115500.sql.gz.part"), "", some_settings())
        assert (seen.backups, seen.partial) == ((), (".pre_deploy_20261122_115500.sql.gz.part",))

    def test_has_an_unfinished_migration_as_such(self) -> None:
        row = {**ROW, "finished_at": None, "duration_ms": None}
        (found,) = parse("prod", answer(ledger=json.dumps(row)), "", some_settings()).ledger.rows
        assert (found.finished_at, found.duration_ms) == (None, None)

    def test_knows_that_nobody_holds_the_lock(self) -> None:
        seen = parse("prod", answer(database=json.dumps({**DATABASE, "locked_by": None})), "", some_settings())
        assert seen.database
        assert seen.database.locked_by is None

    def test_leaves_out_a_database_whose_name_only_looks_like_ours(self) -> None:
        replaced = [{"name": "backtester_replaced_99999999_999999", "bytes": 5}]
        seen = parse("prod", answer(database=json.dumps({**DATABASE, "replaced": replaced})), "", some_settings())
        assert seen.database
        assert seen.database.replaced == ()

    @pytest.mark.parametrize("line", ["{", '"text"', "[]", '{"a":' + "[" * 3000])
    def test_shows_an_audit_line_that_is_none(self, line: str) -> None:
        assert parse("prod", answer(audit=line), "", some_settings()).audit == ({"unreadable": line},)

    @pytest.mark.parametrize("holder", ["", "{", "null", '{"job":"j"}', "[" * 100_000])
    def test_knows_that_somebody_is_at_work_even_where_it_isnt_known_who(self, holder: str) -> None:
        seen = parse("prod", answer(holder=holder), "", some_settings())
        assert seen.locked
        assert seen.holder is None


class TestAManifest:
    @pytest.mark.parametrize(
        "changes",
        [
            {"taken_at": "yesterday"},
            {"taken_at": None},
            {"taken_at": "2026-11-22T11:55:03"},
            {"restored_at": "2026-11-22T11:55:03"},
            {"server_version": "new"},
            {"server_version": float("inf")},
            {"tables": []},
            {"tables": {"t": None}},
        ],
    )
    def test_that_cant_be_read_proves_nothing(self, changes: dict[str, Any]) -> None:
        manifest = "./pre_deploy_20261122_115500.sql.gz.json\t" + json.dumps({**MANIFEST, **changes})
        (backup,) = parse("prod", answer(manifest=manifest), "", some_settings()).backups
        assert not backup.verified

    @pytest.mark.parametrize("verified", [False, "true", 1, None])
    def test_proves_a_backup_by_the_very_word_true(self, verified: object) -> None:
        manifest = "./pre_deploy_20261122_115500.sql.gz.json\t" + json.dumps({**MANIFEST, "verified": verified})
        (backup,) = parse("prod", answer(manifest=manifest), "", some_settings()).backups
        assert backup.manifest
        assert not backup.verified

    def test_may_be_of_a_database_without_migrations_that_was_never_restored(self) -> None:
        changes = {"migration": None, "restored_at": None}
        manifest = "./pre_deploy_20261122_115500.sql.gz.json\t" + json.dumps({**MANIFEST, **changes})
        (backup,) = parse("prod", answer(manifest=manifest), "", some_settings()).backups
        assert backup.manifest
        assert (backup.manifest.migration, backup.manifest.restored_at) == (None, None)


class TestNonsense:
    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            pytest.param("", "", id="nothing"),
            pytest.param("", "This account is currently not available.\n", id="nologin"),
            pytest.param("rbash: \x1b[31mno\n", "", id="colours"),
            pytest.param(answer()[:-4], "", id="cut off"),
        ],
    )
    def test_is_called_so_in_two_lines(self, text: str, complaint: str, snapshot: SnapshotAssertion) -> None:
        with pytest.raises(ServerTalksNonsense) as refused:
            parse("prod", text, complaint, some_settings())
        assert (refused.value.message, refused.value.hint) == snapshot

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("end\n", id="only the end"),
            pytest.param(answer(time="now"), id="clock"),
            pytest.param(answer(directory="yes"), id="directory"),
            pytest.param(answer(free_kb="-"), id="df"),
            pytest.param(answer(backup="1 99999999999999999999 a.sql"), id="beyond time"),
            pytest.param(answer(backup="1 999999999999 a.sql"), id="beyond the year 9999"),
            pytest.param(answer(database="[" * 100_000), id="deep"),
            pytest.param(answer(database=json.dumps({**DATABASE, "bytes": float("inf")})), id="infinite"),
            pytest.param(answer(database=json.dumps({**DATABASE, "bytes": 10**400})), id="beyond count"),
            pytest.param(answer(backup=f"{10**400} 1 a.sql"), id="beyond any disk"),
            pytest.param(answer(ledger=json.dumps({**ROW, "name": "by hand"})), id="ledger"),
        ],
    )
    def test_in_one_fact_is_called_so_too(self, text: str) -> None:
        with pytest.raises(ServerTalksNonsense, match=r"^prod answered in a form that can't be read: "):
            parse("prod", text, "", some_settings())

    @given(st.text())
    def test_is_all_that_anything_else_is_called(self, text: str) -> None:
        with pytest.raises(ServerTalksNonsense) as refused:
            parse("prod", text, "", some_settings())
        assert refused.value.message.isprintable()

    @given(st.data())
    def test_is_all_that_an_answer_with_anything_in_it_is_called(self, data: st.DataObject) -> None:
        line = st.text(st.characters(exclude_characters="\n"))
        scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
        value = scalar | st.lists(scalar, max_size=2) | st.dictionaries(st.text(), scalar, max_size=2)
        shapes: dict[str, dict[str, Any]] = {
            "database": DATABASE,
            "ledger": ROW,
            "holder": HOLDER,
            "manifest": MANIFEST,
        }
        changes: dict[str, str | None] = {}
        for key in data.draw(st.sets(st.sampled_from(sorted(set(FACTS) - {"end"})), min_size=1, max_size=3)):
            if key in shapes and data.draw(st.booleans(), label=f"{key} as JSON"):
                field = data.draw(st.sampled_from(sorted(shapes[key])), label=key)
                changed = json.dumps({**shapes[key], field: data.draw(value, label=field)})
                changes[key] = ("./a.sql.gz.json\t" if key == "manifest" else "") + changed
            else:
                changes[key] = data.draw(st.none() | line, label=key)
        try:
            seen = parse("prod", answer(**changes), "", some_settings())
        except ServerTalksNonsense as nonsense:
            assert nonsense.message.isprintable()  # noqa: PT017 - it may also be readable
        else:
            assert all(text.isprintable() for text in texts(astuple(seen)))
            assert len(sorted(b.taken_at for b in seen.backups)) == len(seen.backups)


class TestAnEscapeSequence:
    BAD = "\x1b[2J\x07\x9b\u202e\ud800\x00"

    def poisoned(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, str):
            return value if value.startswith(("2026", "001_", "backtester_replaced")) else value + self.BAD
        if isinstance(value, dict):
            return {key: self.poisoned(inner) for key, inner in value.items()}
        return [self.poisoned(inner) for inner in value] if isinstance(value, list) else value

    def test_never_comes_out_of_json(self) -> None:
        """JSON writes it as harmless letters, so no filter on the server sees it."""
        changes = {key: json.dumps(self.poisoned(value)) for key, value in (("database", DATABASE), ("ledger", ROW))}
        changes["holder"] = json.dumps(self.poisoned(HOLDER))
        changes["audit"] = json.dumps({"event" + self.BAD: [self.BAD, {"a": self.BAD}]})
        changes["manifest"] = "./pre_deploy_20261122_115500.sql.gz.json\t" + json.dumps(
            {**self.poisoned(MANIFEST), "tables": {self.BAD: 1}}
        )
        seen = parse("prod", answer(**changes), "", some_settings())
        assert seen.database
        assert seen.holder
        assert seen.backups[0].manifest
        assert all(text.isprintable() for text in texts(astuple(seen)))

    def test_never_comes_out_of_a_plain_fact(self) -> None:
        plain = ["user", "kernel", "lacks", "migrations_sum", "step", "last_job", "has_ledger", "audit"]
        more = dict.fromkeys(["container", "database_error", "container_error"], "a" + self.BAD)
        changes = {key: FACTS[key] + self.BAD for key in [*plain, "backup"]}
        seen = parse("prod", answer(**changes, **more), "", some_settings())
        assert all(text.isprintable() for text in texts(astuple(seen)))


class TestTheScript:
    @pytest.mark.parametrize("audit_lines", [0, 5])
    def test_is_valid_sh(self, audit_lines: int) -> None:
        script = observation_script(some_settings(database="it's $(here)"), "/opt/my app", audit_lines)
        checked = subprocess.run(["sh", "-n"], input=script.encode(), capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, b"")

    def test_asks_for_the_audit_only_where_it_is_wanted(self) -> None:
        assert "observe_audit 5\n" in observation_script(some_settings(), "/opt/backtester", 5)
        assert "observe_audit 0\n" not in observation_script(some_settings(), "/opt/backtester", 0)

    def test_ends_with_the_word_that_tells_a_whole_answer(self) -> None:
        assert observation_script(some_settings(), "/opt/backtester", 0).endswith("printf 'end\\n'\n")
