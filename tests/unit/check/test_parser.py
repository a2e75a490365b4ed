"""PostgreSQL's grammar, one statement at a time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy.check.parser import SyntaxProblem, Tree, complaint_of_plpgsql, parse


class TestAStatement:
    def test_gives_its_kind_and_its_node(self) -> None:
        tree = parse("CREATE INDEX CONCURRENTLY i ON t (a)")
        assert isinstance(tree, Tree)
        assert (tree.kind, tree.node.idxname, tree.node.concurrent) == ("index_stmt", "i", True)

    def test_that_is_wrong_is_told_with_its_place_in_characters(self) -> None:
        assert parse("select 'é', from_ x y") == SyntaxProblem('syntax error at or near "y"', 20)

    def test_with_a_nul_is_refused_because_the_grammar_would_stop_there(self) -> None:
        assert parse("select 1\0 nonsense") == SyntaxProblem("invalid character: NUL", 8)

    def test_that_is_empty_is_nothing(self) -> None:
        assert parse("-- comment") is None

    def test_that_is_too_deep_for_protobuf_is_not_called_wrong(self) -> None:
        assert parse("select " + "||".join("a" * 60)) is None

    @pytest.mark.parametrize(
        "sql", ["select 1" + "+1" * 50_000, "select " + "a[1]," + "(" * 40_000, "select 'x'" + " || 'x'" * 9_000]
    )
    def test_that_would_overflow_the_stack_is_not_parsed(self, sql: str) -> None:
        """It would end the process."""
        assert parse(sql) is None

    @pytest.mark.parametrize(
        "sql",
        [f"values {','.join(['(1, a[2])'] * 5_000)}", f"select '{'x' * 50_000}', $${'y' * 50_000}$$"],
    )
    def test_may_be_long(self, sql: str) -> None:
        assert isinstance(parse(sql), Tree)

    def test_with_many_brackets_that_only_close_is_wrong(self) -> None:
        assert isinstance(parse("select 1" + ")" * 40_000 + "," * 40_000), SyntaxProblem)

    def test_in_a_body_may_be_deeper_than_python_reads_json(self) -> None:
        assert complaint_of_plpgsql(f"do $$ begin {'if a then ' * 2_000} {'end if; ' * 2_000} end $$") is None


class TestTheGrammar:
    def test_is_not_loaded_for_a_file_that_has_nothing_to_decide(self) -> None:
        """Loading it takes longer than reading a thousand files without it."""
        program = (
            "import sys; from deploy.check.transactions import read_script;"
            "read_script('create table a (b int); insert into a values (1);'); print('postgast' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == "False\n"
