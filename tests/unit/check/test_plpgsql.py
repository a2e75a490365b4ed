"""Bodies of DO blocks and functions, cut into what they run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.check.files import check_text
from deploy.check.parser import complaint_of_plpgsql
from deploy.check.plpgsql import Part, body_in, parts_of


def told(body: str) -> list[tuple[str, str, bool]]:
    return [(part.kind, part.text, part.guarded) for part in parts_of(body)]


class TestABody:
    def test_runs_its_statements_one_after_another(self) -> None:
        body = "declare x int := case when true then 1 else 2 end; begin x := 1; perform f(); truncate a; drop table b; end"
        assert told(body) == [("sql", "truncate a", False), ("sql", "drop table b", False)]

    def test_tells_where_each_stands(self) -> None:
        assert parts_of("begin\n truncate a ;end") == [
            Part("sql", "truncate a", 7, 17, guarded=False, conditional=False)
        ]

    @pytest.mark.parametrize(
        "body",
        [
            "begin if a then truncate t; end if; end",
            "begin if a then null; elsif b then truncate t; else null; end if; end",
            "begin case x when 1 then truncate t; end case; end",
            "begin case when x then null; else truncate t; end case; end",
            "begin while a loop truncate t; end loop; end",
            "begin for r in select 1 loop truncate t; end loop; end",
            "begin foreach r in array a loop truncate t; end loop; end",
            "begin truncate t; exception when others then null; end",
            "<<outer>> begin begin truncate t; exception when others or sqlstate 'x' then null; end; end outer",
            "begin if found then return; end if; truncate t; end",
            "begin loop if found then exit; end if; truncate t; end loop; end",
        ],
    )
    def test_guards_what_depends_on_something(self, body: str) -> None:
        assert told(body) == [("sql", "truncate t", True)]

    @pytest.mark.parametrize(
        "body",
        [
            "begin loop truncate t; end loop; end",
            "begin for i in 1..3 loop truncate t; end loop; end",
            "begin begin null; end; truncate t; end",
            "begin if a then null; end if; truncate t; return; end",
        ],
    )
    def test_guards_nothing_else(self, body: str) -> None:
        assert told(body) == [("sql", "truncate t", False)]

    @pytest.mark.parametrize(
        ("handler", "guards"),
        [
            ("when others then null", True),
            ("when duplicate_object or unique_violation then raise notice 'there'", True),
            ("when sqlstate '42701' then null", True),
            ("when division_by_zero then null; when undefined_table then null", True),
            ("when division_by_zero then null", False),
            ("when sqlstate '22012' then null", False),
            ("when duplicate_object then raise", False),
            ("when others then raise exception 'no'", False),
        ],
    )
    def test_is_guarded_by_a_handler_of_what_is_done_already(self, handler: str, guards: bool) -> None:
        assert told(f"begin create type a as enum (); exception {handler}; end") == [
            ("sql", "create type a as enum ()", guards)
        ]

    def test_runs_what_stands_in_a_handler_only_if_something_fails(self) -> None:
        body = "begin begin null; exception when others then truncate a; end; truncate b; end"
        assert told(body) == [("sql", "truncate a", True), ("sql", "truncate b", False)]

    def test_runs_what_a_loop_is_over(self) -> None:
        body = (
            "begin for r in delete from a returning b loop null; end loop; for r in select 1 loop null; end loop; end"
        )
        assert told(body) == [("sql", "delete from a returning b", False)]

    def test_reads_execute_of_a_literal(self) -> None:
        body = "begin execute 'drop table ''a'''; execute $x$ truncate b $x$ using 1; end"
        assert told(body) == [("literal", "drop table 'a'", False), ("literal", " truncate b ", False)]

    @pytest.mark.parametrize(
        "statement",
        [
            "execute 'a' || b",
            "return query execute x",
            "open c for execute x",
            "for r in execute x loop null; end loop",
        ],
    )
    def test_cannot_tell_what_is_built_at_run_time(self, statement: str) -> None:
        assert [part.kind for part in parts_of(f"begin {statement}; end")] == ["dynamic"]

    def test_may_end_transactions(self) -> None:
        assert told("begin commit; rollback and chain; end") == [
            ("control", "commit", False),
            ("control", "rollback and chain", False),
        ]

    def test_loses_into_which_only_plpgsql_knows(self) -> None:
        ((_, text, _),) = told("begin insert into t values (1) returning a, b into strict x, y; end")
        assert text.split() == "insert into t values (1) returning a, b".split()  # noqa: SIM905 - it is the same text

    @given(
        st.text()
        | st.lists(
            st.sampled_from(
                ["begin", "end", "if", "then", "else", "case", "when", "loop", "for", "exception", ";", "<<"]
            )
        ).map(" ".join)
    )
    def test_is_read_whatever_is_in_it(self, body: str) -> None:
        assert isinstance(parts_of(body), list)


class TestAPlaceInABody:
    @pytest.mark.parametrize("sql", ["do $$it's here$$", "do 'it''s here'"])
    def test_is_told_in_its_statement(self, sql: str) -> None:
        assert body_in(sql, "it's here").place(len("it's ")) == sql.index("here")

    def test_is_the_statement_where_there_are_escapes(self) -> None:
        assert body_in("do E'a\\tb'", "a\tb").place(2) == 0


# Tried on PostgreSQL 15: the caret stands where this says; tests/journeys/test_check.py tries it again.
MISTAKES = [
    ("BEGIN\n  IF 1=1 THN RAISE 'x'; END IF; END ", 'missing "THEN" at end of SQL expression', 29),
    ("begin perform 1 end ", "syntax error at end of input", 21),
    (" begin return; if true then null; end; end ", 'syntax error at or near ";"', 38),
    ("begin selec 1; end", 'syntax error at or near "selec"', 7),
    ("begin drop table; end", "syntax error at end of input", 17),
    ("declare x int; begin x = = 1; end", 'syntax error at or near "="', 26),
    ("declare x int; begin x := (1; end", 'mismatched parentheses at or near ";"', 29),
    ("declare a int begin null; end", 'syntax error at or near "begin"', 15),
    ("begin if true then null; end if end", 'syntax error at or near "end"', 33),
    ("begin null; end loop;", 'syntax error at or near "loop"', 17),
    ("begin for i in 1..3 lop null; end loop; end", 'missing "LOOP" at end of SQL expression', 29),
    ("begin raise notice 'x', ; end", 'missing expression at or near ";"', 25),
    ("begin execute 'x' || ; end", "syntax error at end of input", 21),
    ("begin null", "syntax error at end of input", 11),
    ("begin if 1 then null; else if 2 then null; end if; end", "syntax error at end of input", 55),
    ("declare a int; begin select 1 into a from; end", "syntax error at end of input", 42),
    ("begin case 1 when 1 then null; end; end", 'syntax error at or near ";"', 35),
    ("begin create index i on t(; end", "unexpected end of function definition at end of input", 32),
    ("declare x int = 4 5; begin end", 'syntax error at or near "5"', 19),
    ("begin if not exists (select 1 form t) then null; end if; end", 'syntax error at or near "t"', 36),
    ("", "syntax error at end of input", 1),
    ("begin\n  total := 1; end", '"total" is not a known variable', 9),
    ("begin select 1, 2 into a, b; end", '"a" is not a known variable', 24),
    ("declare a int; a text; begin end", 'duplicate declaration at or near "a"', 16),
    ("begin exit; end", "EXIT cannot be used outside a loop, unless it has a label", 7),
    (
        "begin null; exit nowhere; end",
        'there is no label "nowhere" attached to any block or loop enclosing this statement',
        18,
    ),
    ("declare x constant int := 1; begin x := 2; end", 'variable "x" is declared CONSTANT', 36),
    ("begin perform 'x; end", 'unterminated quoted string at or near "\'x; end"', 15),
    (
        "begin alter table if exists a rename to b; if true null; end if; end",
        'missing "THEN" at end of SQL expression',
        56,
    ),
    ("begin loop exit when 1 = ; end loop; end", "syntax error at end of input", 25),
    ("begin ) update b set c = (1) where d; end", 'syntax error at or near ")"', 7),
    ("begin i perform i; end", 'syntax error at or near "i"', 7),
    ("begin */ 1; end", 'syntax error at or near "*/"', 7),
    (
        "begin insert into b select case when c then 1 else 2 end, d. e.f, from g; end",
        'syntax error at or near "from"',
        67,
    ),
]


class TestAMistakeInABody:
    @pytest.mark.parametrize(("body", "message", "column"), MISTAKES)
    def test_is_told_with_its_place(self, body: str, message: str, column: int) -> None:
        (found,) = check_text("x", f"do $x$\n{body}$x$;").findings
        text = f"\n{body}"
        offset = [i for i in range(len(text) + 1) if text.count("\n", 0, i) + 1 == found.line][
            found.column - (7 if found.line == 1 else 1)
        ]
        assert (found.id, found.message, offset) == ("syntax-error", message, column)

    def test_is_not_what_the_grammar_cannot_know(self) -> None:
        """Variables of a trigger, types of a server."""
        assert complaint_of_plpgsql("do $$ declare r app.t; begin r.x := 1; end $$") is None
        assert (
            complaint_of_plpgsql("create function f() returns trigger language plpgsql as $$ begin return new; end $$")
            is None
        )
