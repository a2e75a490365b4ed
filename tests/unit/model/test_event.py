"""Events as the job writes them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.event import (
    BackupProven,
    BackupsPruned,
    BackupStarted,
    BackupTaken,
    ChangesShown,
    ConfirmationAwaited,
    CopyRestored,
    DatabaseForgotten,
    Event,
    FileMeasured,
    FileTimed,
    HeldLock,
    InvalidIndexes,
    JobBegun,
    JobEnded,
    JobFailed,
    JobNotStarted,
    LockRefused,
    MigrationApplied,
    MigrationStarted,
    Progressed,
    RehearsalStarted,
    RehearsalTimed,
    Rehearsed,
    Retrying,
    RowSettled,
    StepStarted,
    Stored,
    TableChange,
    Waiting,
    Warned,
    WrittenRows,
    event_from,
)

EXAMPLES: list[tuple[str, Event]] = [
    ('{"event":"begun","job":"j","command":"deploy"}', JobBegun("j", "deploy")),
    ('{"event":"step","name":"back up"}', StepStarted("back up")),
    ('{"event":"backing_up","backup":"b.sql.gz"}', BackupStarted("b.sql.gz")),
    (
        '{"event":"backed_up","backup":"b.sql.gz","bytes":5,"sha256":"0a","tables":2,"rows":9}',
        BackupTaken("b.sql.gz", 5, "0a", 2, 9),
    ),
    ('{"event":"progress","bytes":1200,"of":null}', Progressed(1200, None)),
    ('{"event":"progress","bytes":null,"of":null}', Progressed(None, None)),
    ('{"event":"migration","name":"001_a.sql"}', MigrationStarted("001_a.sql")),
    ('{"event":"applied","name":"001_a.sql"}', MigrationApplied("001_a.sql")),
    ('{"event":"migration","name":"001_a.sql","run":1}', MigrationStarted("001_a.sql", 1)),
    ('{"event":"applied","name":"001_a.sql","run":2}', MigrationApplied("001_a.sql", 2)),
    ('{"event":"copied","tables":2,"rows":9}', CopyRestored(2, 9)),
    ('{"event":"rehearsing","run":1}', RehearsalStarted(1)),
    (
        (
            '{"event":"measured","name":"001_a.sql","open":true,"made":["public.n"],"locks":[{"table":"public.t","mode":"ShareLock"}],'
            '"written":[{"table":"public.t","inserted":1,"updated":2,"deleted":3}],'
            '"rewritten":[{"table":"public.t","bytes":4}],"indexes":[{"table":"public.i","bytes":5}]}'
        ),
        FileMeasured(
            "001_a.sql",
            True,
            ("public.n",),
            (HeldLock("public.t", "ShareLock"),),
            (WrittenRows("public.t", 1, 2, 3),),
            (Stored("public.t", 4),),
            (Stored("public.i", 5),),
        ),
    ),
    (
        '{"event":"timed","files":[{"name":"001_a.sql","ms":7,"held":[{"table":"public.t","mode":"ShareLock","ms":6}]}]}',
        RehearsalTimed((FileTimed("001_a.sql", 7, (HeldLock("public.t", "ShareLock", 6),)),)),
    ),
    ('{"event":"rehearsed"}', Rehearsed()),
    ('{"event":"invalid_indexes","indexes":["public.i"]}', InvalidIndexes(("public.i",))),
    (
        '{"event":"waiting","pid":7,"application":"","user":"u","state":"active","since":"now","query":"SELECT 1"}',
        Waiting(7, "", "u", "active", "now", "SELECT 1"),
    ),
    ('{"event":"retrying","in_s":2,"try":2,"of":5}', Retrying(2, 2, 5)),
    (
        '{"event":"changes","rows":[{"table":"public.t","now":1,"then":null}],"pending_again":["002_b.sql"]}',
        ChangesShown((TableChange("public.t", 1, None),), ("002_b.sql",)),
    ),
    ('{"event":"confirm"}', ConfirmationAwaited()),
    ('{"event":"pruned","count":2}', BackupsPruned(2)),
    ('{"event":"forgotten","database":"d_replaced_20261121_080000"}', DatabaseForgotten("d_replaced_20261121_080000")),
    ('{"event":"proven","backup":"b.sql.gz","restored_at":"now"}', BackupProven("b.sql.gz", "now")),
    ('{"event":"warning","text":"w"}', Warned("w")),
    ('{"event":"failed","reason":"no_space","detail":"d"}', JobFailed("no_space", "d")),
    ('{"event":"ended","outcome":"failed","reason":"no_space"}', JobEnded("failed", "no_space")),
    (
        '{"event":"ended","outcome":"done","reason":"","rows":[{"name":"001_a.sql","finished":true,"ms":3}]}',
        JobEnded("done", "", (RowSettled("001_a.sql", finished=True, ms=3),)),
    ),
    (
        '{"event":"ended","outcome":"done","reason":"","replaced_database":"r","pending_again":["002_b.sql"],"outage_ms":80}',
        JobEnded("done", "", (), "r", ("002_b.sql",), 80),
    ),
    ('{"event":"not_started","reason":"upload"}', JobNotStarted("upload")),
    (
        '{"event":"lock_held","holder":{"by":"al","from":"here","command":"deploy","since":"noon"},"step":"apply"}',
        LockRefused("al", "here", "deploy", "noon", "apply"),
    ),
    (
        '{"event":"lock_held","holder":null,"step":""}',
        LockRefused("unknown", "unknown", "unknown", "unknown", ""),
    ),
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


class TestAnEvent:
    @pytest.mark.parametrize(("written", "meant"), EXAMPLES)
    def test_is_read_as_the_job_writes_it(self, written: str, meant: Event) -> None:
        assert event_from(json.loads(written)) == meant

    def test_of_each_kind_stands_in_these_examples(self) -> None:
        from deploy.model.event import _READERS  # noqa: PLC0415 - only to see that none was forgotten

        assert {json.loads(written)["event"] for written, _ in EXAMPLES} == set(_READERS)

    @given(st.sampled_from(EXAMPLES), st.data())
    def test_that_is_mangled_is_refused_as_promised(self, example: tuple[str, Event], data: st.DataObject) -> None:
        """Any field may be gone or hold anything."""
        event: dict[str, Any] = json.loads(example[0])
        for key in data.draw(st.sets(st.sampled_from(sorted(event)))):
            event[key] = data.draw(JSON, label=key)
        for key in data.draw(st.sets(st.sampled_from(sorted(event)))):
            del event[key]
        with suppress(ValueError, KeyError, TypeError):
            event_from(event)

    @pytest.mark.parametrize(("kind", "field"), [("ended", "outage_ms"), ("changes", "written_since")])
    @pytest.mark.parametrize("count", ["soon", -1, 0.5, True, [80], 2**63])
    def test_counts_only_with_numbers(self, kind: str, field: str, count: object) -> None:
        written = {json.loads(written)["event"]: json.loads(written) for written, _ in EXAMPLES}
        with pytest.raises(ValueError, match="no count"):
            event_from(written[kind] | {field: count})

    @given(JSON)
    def test_that_is_anything_else_is_refused_as_promised(self, found: Any) -> None:  # noqa: ANN401 - JSON
        with pytest.raises((ValueError, KeyError, TypeError)):
            event_from(found)
