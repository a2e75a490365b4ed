"""The ledger tells what counts as applied."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from deploy.model.ledger import Ledger
from tests.unit.values import a_migration, a_row, ledger_of


class TestALedger:
    def test_counts_only_what_was_finished(self) -> None:
        ledger = ledger_of(a_migration(1), unfinished=[a_migration(2)])
        assert [row.name for row in ledger.applied] == ["001_step.sql"]
        assert [row.name for row in ledger.unfinished] == ["002_step.sql"]

    def test_has_as_its_last_the_highest_number_whenever_it_was_applied(self) -> None:
        ledger = ledger_of(a_migration(1000), a_migration(2), unfinished=[a_migration(2000)])
        assert ledger.last == "1000_step.sql"

    def test_without_rows_has_no_last(self) -> None:
        assert Ledger().last is None


class TestALedgersFingerprint:
    def test_of_no_rows_is_the_word_that_sql_gives(self) -> None:
        assert Ledger().fingerprint == Ledger(exists=True).fingerprint == "none"

    def test_is_the_md5_that_hold_sql_computes(self) -> None:
        one, two = a_migration(1), a_migration(2)
        said = f"{one.name} {one.sha256} true,{two.name} {two.sha256} false"
        expected = hashlib.md5(said.encode(), usedforsecurity=False).hexdigest()
        assert ledger_of(one, unfinished=[two]).fingerprint == expected

    @given(st.permutations([1, 2, 3, 4]))
    def test_is_the_same_in_whatever_order_they_were_applied(self, order: list[int]) -> None:
        assert ledger_of(*map(a_migration, order)).fingerprint == ledger_of(*map(a_migration, range(1, 5))).fingerprint

    def test_is_another_after_any_change(self) -> None:
        row = a_row(a_migration(1))
        changed = [
            replace(row, name="002_step.sql"),
            replace(row, sha256="v1:0"),
            replace(row, finished_at=None),
        ]
        assert len({Ledger(rows=(r,)).fingerprint for r in [row, *changed]}) == 4
