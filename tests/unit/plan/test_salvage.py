"""Which replaced database a salvage looks into."""

from __future__ import annotations

import pytest

from deploy.model.errors import NothingReplaced, UsageError
from deploy.model.observation import Replaced
from deploy.plan.salvage import choose_replaced, require_format
from tests.unit.values import a_database

OLD, NEW = "shop_replaced_20261121_090000", "shop_replaced_20261122_090000"
BOTH = a_database(replaced=(Replaced(OLD, 1), Replaced(NEW, 1)))


class TestTheReplacedDatabase:
    def test_is_the_newest_unless_another_is_wanted(self) -> None:
        assert choose_replaced("", BOTH) == NEW
        assert choose_replaced(OLD, BOTH) == OLD

    def test_is_refused_when_it_is_none_of_ours(self) -> None:
        """The job opens it, and closes it: that must be no other database."""
        with pytest.raises(UsageError) as refused:
            choose_replaced("postgres", BOTH)
        assert refused.value.details == (NEW, OLD)

    def test_has_to_be_there(self) -> None:
        with pytest.raises(NothingReplaced):
            choose_replaced("", a_database())


def test_a_format_is_csv_or_sql() -> None:
    require_format("csv")
    require_format("sql")
    with pytest.raises(UsageError, match="xml"):
        require_format("xml")
