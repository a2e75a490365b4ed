"""What has to be true after a round, found out with psql, gzip, flock and ps, never with the tool's own code or words."""

# ruff: noqa: S608 - what is put into these statements are names of the tests' own

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.faults import processes
from tests.faults.pieces import Kind, State, data_of, states
from tests.journeys.invariants import (
    assert_every_backup_restores,
    assert_nothing_is_locked,
    assert_the_copied_migrations_are_whole,
    backups,
    is_partial,
    replaced_databases,
    wait_until_nobody_works,
)
from tests.server.machine import as_root, run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.faults import Fault
    from tests.faults.ground import Ground
    from tests.faults.scenes import Scene
    from tests.server import Site

STATUSES = {0, 130, *range(10, 70)}
"""How fab may end by itself, as docs/exit-statuses.md has it."""

CUT_OFF = {-1, -2, -9, -15}
"""How a client ends that was hit by a signal."""

OF_SSH = {255}
"""How ssh itself ends, where its connection is lost."""


@dataclass(frozen=True, slots=True)
class Look:
    """The database at one moment: how much of each file, which rows, and all of it summed up."""

    pieces: Mapping[str, State]
    data: str
    everything: str
    backups: int


def look(site: Site, database: str | None = None) -> Look:
    return Look(states(site, database), data_of(site, database), sum_of(site, database), count_backups(site))


def sum_of(site: Site, database: str | None = None) -> str:
    """Sum up all of a database but its ledger; the order of its lines is left out, which an UPDATE that was undone may change."""
    lines = sorted(site.dump(database, without_ledger=True).splitlines())
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def count_backups(site: Site) -> int:
    return sum(len(backups(site, kind)) for kind in ("pre_deploy", "pre_rollback", "backup_prod"))


@dataclass(frozen=True, slots=True)
class Ended:
    """How the client ended, and what it said."""

    status: int
    said: str


class Truth:
    """The judge of one round: what was there before, what would be there had nothing gone wrong, and what is there now."""

    def __init__(self, ground: Ground, scene: Scene, before: Look, after: Look) -> None:
        self._ground = ground
        self._site = ground.site
        self._scene = scene
        self._before = before
        self._after = after

    def judge(self, ended: Ended, fault: Fault) -> None:
        """Look at what the fault has left.

        Raises:
            AssertionError: the promise is broken; says in which way.
        """
        self._everything_has_ended()
        assert_nothing_is_locked_but_by_a_fence(self._site)
        if lets_in(self._site):
            now = look(self._site)
            self._is_before_or_after(now, fault)
            if not fault.brings_others:
                self._kept_its_word(ended, now)
            assert_the_ledger_is_true(self._site, now.pieces)
        assert "Traceback" not in ended.said
        allowed = STATUSES | CUT_OFF | (OF_SSH if self._scene.by_hand else set())
        # Ctrl-C while fab itself is still being loaded
        assert ended.status in allowed or (ended.status == 1 and not ended.said), ended.status
        self._nothing_is_lost()
        assert_the_audit_is_true(self._site, torn=fault.of_the_disk)
        assert_every_backup_restores(self._site)
        assert_the_copied_migrations_are_whole(self._site)
        assert_files_are_private(self._site)

    def judge_the_next_deploy(self) -> list[str]:
        """Deploy, and see that all is there, and nothing else. Returns what only `repair` could mend.

        Raises:
            AssertionError: it doesn't mend what the fault has left.
        """
        repaired = []
        if not lets_in(self._site):
            repaired.append("a fence")
            self._site.fab("deploy", check=34)
            self._site.fab("repair", check=0)
        self._site.fab("deploy", check=0)
        if left := leftovers(self._site):
            repaired += left
            self._site.fab("repair", check=0)
        self._everything_has_ended()
        assert not leftovers(self._site), leftovers(self._site)
        assert_nothing_is_locked(self._site)
        now = states(self._site)
        assert set(now.values()) == {State.WHOLE}, now
        assert_the_ledger_is_true(self._site, now)
        assert_every_backup_restores(self._site)
        assert_the_copied_migrations_are_whole(self._site)
        return repaired

    def _everything_has_ended(self) -> None:
        wait_until_nobody_works(self._site)
        deadline = time.monotonic() + 15
        while left := [p.words for p in processes.on_server(self._ground.server.session) if "sshd" not in p.words]:
            assert time.monotonic() < deadline, f"still running on the server: {left}"
            time.sleep(0.05)

    def _is_before_or_after(self, now: Look, fault: Fault) -> None:
        allowed = {State.NONE, State.WHOLE}
        for name, state in now.pieces.items():
            outside = f"_{Kind.INDEX}." in name
            assert state in (allowed | {State.PART} if outside else allowed), f"{name} is there in part"
        wholes = [state == State.WHOLE for state in now.pieces.values()]
        assert wholes == sorted(wholes, reverse=True), f"a later file is there without an earlier one: {now.pieces}"
        assert now.data in {self._before.data, self._after.data}
        if fault.brings_others:
            return
        known = {self._before.everything: self._before, self._after.everything: self._after}
        if not self._scene.deploys:
            assert now.everything in known, "the database is neither what it was nor what it should be"
        for each in known.values():
            if now.pieces == each.pieces and now.data == each.data:
                assert now.everything == each.everything, "more has changed than the files say"

    def _kept_its_word(self, ended: Ended, now: Look) -> None:
        """What the client said is so."""
        if ended.status == 0:
            assert now.everything == self._after.everything, "it said that all went well"
            assert now.backups >= self._after.backups, "it said that all went well"
        if re.search("nothing was (changed|applied)|is untouched|is as it was", ended.said):
            assert now.everything == self._before.everything, "it said that nothing was changed"
        for name in re.findall(r"(\S+\.sql) was rolled back as a whole", ended.said):
            assert now.pieces[name] == State.NONE, f"it said that {name} was rolled back"
        for name in re.findall(r"✅ (\S+\.sql) applied successfully", ended.said):
            assert now.pieces[name] == State.WHOLE, f"it said that {name} was applied"

    def _nothing_is_lost(self) -> None:
        """An exchange destroys nothing: what was live is live, or kept, or restorable from the safety backup."""
        if not self._scene.exchanges:
            return
        site = self._site
        if lets_in(site) and data_of(site) == self._before.data:
            return
        if "--in-place" in self._scene.command:
            assert backups(site, "pre_rollback"), "the data is gone, and there is no safety backup"
            return
        kept = [name for name in databases(site) if sum_of_closed(site, name) == self._before.everything]
        assert kept, f"what was live is nowhere any more: {databases(site)}"


def databases(site: Site) -> list[str]:
    """Return the live database and all that were made beside it."""
    query = f"SELECT datname FROM pg_database WHERE datname ~ '^{site.database}(_|$)' ORDER BY datname"
    return site.psql(query, "postgres").splitlines()


def lets_in(site: Site) -> bool:
    return site.psql(f"SELECT datallowconn FROM pg_database WHERE datname = '{site.database}'", "postgres") == "t"


def sum_of_closed(site: Site, database: str) -> str:
    """Sum up a database that may let nobody in."""
    query = f"SELECT datallowconn FROM pg_database WHERE datname = '{database}'"
    was_open = site.psql(query, "postgres") == "t"
    site.psql(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true", "postgres")
    found = sum_of(site, database)
    if not was_open:
        site.psql(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false", "postgres")
    return found


def leftovers(site: Site) -> list[str]:
    """Return what a killed job may leave: databases, a fence, an open replaced one, partial files, files in the container.

    A job that was being taken up may stay, since another may be arriving just now: it goes after an hour.
    """
    replaced = replaced_databases(site)
    found = [name for name in databases(site) if name != site.database and name not in replaced]
    found += [] if lets_in(site) else [f"{site.database} lets nobody in"]
    opened = "SELECT datname FROM pg_database WHERE datallowconn AND datname LIKE '%\\_replaced\\_%'"
    found += [f"{name} lets people in" for name in site.psql(opened, "postgres").splitlines()]
    found += [path for path in site.remote_files() if is_partial(path) and path.startswith("backups/")]
    listing = run(["docker", "exec", site.container, "sh", "-c", "cd /tmp && ls -d deploy.* 2>/dev/null || true"])
    return found + [f"/tmp/{name} in the container" for name in listing.decode().split()]


def assert_nothing_is_locked_but_by_a_fence(site: Site) -> None:
    if lets_in(site):
        assert_nothing_is_locked(site)


def ledger_of(site: Site) -> list[dict[str, Any]]:
    """Return the ledger's rows, none where there is no ledger."""
    if site.psql("SELECT to_regclass('deploy.migrations')") == "":
        return []
    rows: list[dict[str, Any]] = json.loads(
        site.psql("SELECT coalesce(json_agg(to_json(m) ORDER BY name), '[]') FROM deploy.migrations AS m")
    )
    return rows


def assert_the_ledger_is_true(site: Site, pieces: Mapping[str, State]) -> None:
    """A row is finished where its file is there as a whole, and has that file's sum; only what runs outside may be started alone."""
    rows = {row["name"]: row for row in ledger_of(site)}
    finished = {name for name, row in rows.items() if row["finished_at"] is not None}
    for name, state in pieces.items():
        if f"_{Kind.INDEX}." in name and name in rows and name not in finished:
            continue  # told as "started, not finished", whatever there is of it
        assert (name in finished) == (state == State.WHOLE), f"{name}: {state}, the ledger says {rows.get(name)}"
        assert name not in rows or name in finished, f"{name} is started only, though it runs in a transaction"
    for name in finished:
        content = (site.project / "migrations" / name).read_bytes()
        assert rows[name]["sha256"] == "v1:" + hashlib.sha256(content).hexdigest()


def assert_the_audit_is_true(site: Site, *, torn: bool) -> None:
    """Each job has begun before it ended, once; each row of the ledger is of a job that is known; what a job says of rows is so."""
    if "deploys.jsonl" not in site.remote_files():
        return
    lines = []
    for text in site.read_remote("deploys.jsonl").decode().splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            assert torn, f"a line of the audit is torn: {text!r}"
    started = [line["job"] for line in lines if line["event"] == "started"]
    finished = [line["job"] for line in lines if line["event"] == "finished"]
    assert len(set(started)) == len(started)
    assert len(set(finished)) == len(finished)
    if not torn:
        assert set(finished) <= set(started)
    if not lets_in(site):
        return
    rows = ledger_of(site)
    unknown = {row["deploy_id"] for row in rows} - set(started)
    assert not unknown, f"the ledger has rows of jobs that the audit lacks: {unknown}"
    last_exchange = max((n for n, line in enumerate(lines) if line["command"] in {"rollback", "undo"}), default=-1)
    for line in lines[last_exchange + 1 :]:
        if line["event"] == "finished" and line["command"] == "deploy" and "rows" in line:
            said = {row["name"] for row in line["rows"] if row["finished"]}
            there = {row["name"] for row in rows if row["deploy_id"] == line["job"] and row["finished_at"] is not None}
            assert said == there, f"the audit says {said} of {line['job']}, the ledger {there}"


def assert_files_are_private(site: Site) -> None:
    """Nobody else reads backups or jobs, but for what is on its way to where everybody may read it."""
    script = (
        'cd "$0" && for folder in backups .deploy; do if [ -d "$folder" ]; then find "$folder" ! -type l -perm /077'
        ' ! -path "*/migrations*" ! -name "*-db.sh" -printf "%p %m\\n"; fi; done'
    )
    loose = run(as_root("sh", "-c", script, str(site.remote_dir))).decode()
    assert not loose, f"others may read or write: {loose}"
