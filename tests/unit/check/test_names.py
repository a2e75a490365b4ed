"""Names as parse trees and files have them."""

from __future__ import annotations

from deploy.check.names import Names, name_in
from deploy.check.parser import Tree, parse


class TestNames:
    def test_are_the_same_with_and_without_a_schema(self) -> None:
        names = Names()
        names.add("TABLE", ("s", "t"))
        assert names.has("TABLE", ("t",))
        assert names.has("TABLE", ("s", "t"))
        assert not names.has("TABLE", ("other", "t"))
        assert not names.has("VIEW", ("t",))

    def test_stand_in_no_expression(self) -> None:
        tree = parse("select 1")
        assert isinstance(tree, Tree)
        assert name_in(tree.node.target_list[0]) == ()
