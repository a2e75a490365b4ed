"""Where psql cuts a file. Each example was fed to psql 17 and a server that wrote down what came."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.check.splitter import Lines, Unterminated, inside_dollars, is_placeholder, line_and_column, skeleton, split

FRAGMENTS = [
    *"'\"$;:()\\/*-\n\r \t[]{}?,.+x1éEe",
    *(
        "select 1",
        "''",
        "$$",
        "$t$",
        "--",
        "/*",
        "*/",
        "E'",
        "\\;",
        "\\:",
        "\\g\n",
        "\\r ",
        "\\echo 'x' \\\\",
        "::",
        ":x",
        ":'x'",
        ':"x"',
    ),
    *(
        ":{?x}",
        "begin ",
        "case ",
        "end ",
        "create function f() ",
        "copy t from stdin;\n",
        "\n\\.\n",
        "\\copy t from stdin\n",
        "a[1:x]",
    ),
]
scripts = st.lists(st.sampled_from(FRAGMENTS)).map("".join) | st.text()


def texts(script: str) -> list[str]:
    return [statement.text for statement in split(script).statements]


def only_sql(script: str) -> str:
    (statement,) = split(script).statements
    return statement.sql


class TestAnyText:
    @given(scripts)
    def test_is_split_with_offsets_that_point_at_what_was_found(self, text: str) -> None:
        for statement in split(text).statements:
            assert text[statement.start : statement.stop] == statement.text
            assert len(statement.sql) == len(statement.text)

    @given(scripts)
    def test_gives_its_statements_and_commands_in_order_and_apart(self, text: str) -> None:
        script = split(text)
        edges = [edge for statement in script.statements for edge in (statement.start, statement.stop)]
        assert edges == sorted(edges)
        starts = [command.start for command in script.commands]
        assert starts == sorted(set(starts))
        assert all(text[start] == "\\" for start in starts)

    @given(scripts)
    def test_has_no_statement_that_is_only_white_space(self, text: str) -> None:
        assert all(statement.sql.strip(" \t\n\r\f\v") for statement in split(text).statements)

    @given(scripts)
    def test_that_is_left_open_is_open_at_a_place_in_the_text(self, text: str) -> None:
        unterminated = split(text).unterminated
        assert unterminated is None or 0 <= unterminated.offset <= len(text)

    @given(
        st.lists(
            st.sampled_from(
                ["select 'a;b'", "select $$;$$", "insert into t values (1, (2))", 'drop table ";"', "x /* ; */ y"]
            )
        )
    )
    def test_made_of_statements_gives_them_back_in_order(self, statements: list[str]) -> None:
        assert texts(";\n".join(statements)) == statements

    @given(scripts)
    def test_has_a_skeleton(self, text: str) -> None:
        assert isinstance(skeleton(text), str)


class TestAStatementEnds:
    @pytest.mark.parametrize(
        ("script", "expected"),
        [
            ("select 1; select 2", ["select 1", "select 2"]),
            ("select 'a;''b;'; select 2;", ["select 'a;''b;'", "select 2"]),
            ("select E'a\\';'; select 2;", ["select E'a\\';'", "select 2"]),
            ("select E'a'';' ; select 2;", ["select E'a'';'", "select 2"]),
            ("select nameE'a\\'; select 2;", ["select nameE'a\\'", "select 2"]),
            ("select U&'\\'; select 2;", ["select U&'\\'", "select 2"]),
            ('select "a;""b"; select 2;', ['select "a;""b"', "select 2"]),
            ("select $$;$$; select $a$;$$;$b$;$a$;", ["select $$;$$", "select $a$;$$;$b$;$a$"]),
            ("select a$$; select $1; select 2$;", ["select a$$", "select $1", "select 2$"]),
            (
                "select $$;a$$$$;$$; select $$;$$x$$; select :x$$;$$;",
                ["select $$;a$$$$;$$", "select $$;$$x$$", "select :x$$;$$"],
            ),
            (
                "create function f() as $1$$;$$; select 1end; select 2;",
                ["create function f() as $1$$;$$", "select 1end", "select 2"],
            ),
            (
                "select -1 - 2 / 3; -- a; b\nselect 2; /* c; /* d; */ ; */ select 3;",
                ["select -1 - 2 / 3", "select 2", "select 3"],
            ),
            ("select (1 /* /* ) */ */; select 2); select 3;", ["select (1 /* /* ) */ */; select 2)", "select 3"]),
            ("select ((1); select 2); select 3);", ["select ((1); select 2)", "select 3)"]),
            (";; -- only comments\n /* and */ ;", []),
            ("", []),
        ],
    )
    def test_at_a_semicolon_that_is_not_within_something(self, script: str, expected: list[str]) -> None:
        assert texts(script) == expected

    @pytest.mark.parametrize(
        "function",
        [
            "create function f() returns int begin atomic select case when true then 1 end; select 2; end",
            "CREATE OR REPLACE /* x */ PROCEDURE p() BEGIN ATOMIC INSERT INTO begins VALUES (1, case 2 when 2 then (3) end); END",
            "create function f(a int default (case 1 when (1) then 2 end)) returns int language sql as 'begin;'",
            "create function f() returns int return ((1) + g(begin => (2), x => case when (true) then 1 end))",
            "create function f() returns int return (1 /* /* begin */ */ + case 2 when 2 then 3 end)",
        ],
    )
    def test_after_the_body_of_a_function_that_is_not_quoted(self, function: str) -> None:
        assert texts(f"{function}; select 3;") == [function, "select 3"]

    def test_at_every_semicolon_when_begin_is_not_in_a_function(self) -> None:
        assert texts("create table begin (a int); select 1; end;") == ["create table begin (a int)", "select 1", "end"]

    @pytest.mark.parametrize("command", ["g", "gx", "gexec", "gset", "gdesc", "crosstabview", "watch"])
    def test_at_a_command_that_sends_it(self, command: str) -> None:
        script = split(f"select (1 \\{command} x\nselect 2;")
        assert [(s.text, s.terminator) for s in script.statements] == [("select (1", f"\\{command}"), ("select 2", ";")]

    def test_but_is_sent_with_the_next_at_an_escaped_semicolon(self) -> None:
        script = split("select 1\\; select (2\\;3); select 4;")
        assert [(s.text, s.terminator, s.joined) for s in script.statements] == [
            ("select 1", "\\;", True),
            ("select (2\\;3)", ";", True),
            ("select 4", ";", False),
        ]
        assert script.statements[1].sql == "select (2 ;3)"

    def test_never_when_the_buffer_is_cleared(self) -> None:
        assert texts("select 1\\; select (2 \\r\nselect 3; select 4 \\reset\n") == ["select 3"]


class TestAVariable:
    @pytest.mark.parametrize(
        ("script", "sql"),
        [
            ("select :x, :'x', :\"x\", :{?x};", "select vv, 'v' , \"v\" , TRUE ".rstrip()),
            ("select :a::text;", "select vv::text"),
            ("select t_:x;", "select t_vv"),
            ("select (:x), ARRAY[:x, :y];", "select (vv), ARRAY[vv, vv]"),
        ],
    )
    def test_is_replaced_by_something_that_a_parser_can_read(self, script: str, sql: str) -> None:
        (statement,) = split(script).statements
        assert statement.has_variables
        assert statement.sql == sql

    @pytest.mark.parametrize(
        "script",
        [
            "select ':x', $$:x$$, \":x\" /* :x */",
            "select 1::text, f(a := 1), 12:30",
            "select a[1:n], a[lower : upper], a[:n]",
            "select :'x, y'",
            "select a : b",
        ],
    )
    def test_is_not_seen_where_psql_has_none_or_where_an_array_is_sliced(self, script: str) -> None:
        (statement,) = split(script).statements
        assert not statement.has_variables
        assert statement.sql == script

    def test_can_be_escaped(self) -> None:
        assert only_sql("select a[1\\:n]") == "select a[1 :n]"

    @pytest.mark.parametrize(("name", "expected"), [("vv", True), ("value", False)])
    def test_is_recognised_by_the_name_that_a_parser_finds(self, name: str, expected: bool) -> None:
        assert is_placeholder(name) is expected


class TestAMetaCommand:
    def test_goes_to_the_end_of_the_line_or_to_two_backslashes(self) -> None:
        script = split("\\set x 1 \\\\ select :x; \\echo a \\echo b\nselect 7;")
        assert [(c.name, c.argument_text, c.start) for c in script.commands] == [
            ("set", "x 1", 0),
            ("echo", "a", 23),
            ("echo", "b", 31),
        ]
        assert [s.text for s in script.statements] == ["select :x", "select 7"]

    @pytest.mark.parametrize(
        ("line", "argument_text"),
        [
            ("\\echo 'it''s; \\\\'", "'it''s; \\\\'"),
            ('\\echo "a\\b" `c\\d`', '"a\\b" `c\\d`'),
            ("\\echo 'open", "'open"),
            ("\\! ls \\ 'x", "ls \\ 'x"),
            ("\\g | cat \\ ; select 1;", "| cat \\ ; select 1;"),
            ("\\g file", "file"),
        ],
    )
    def test_has_arguments_quoted_in_its_own_way(self, line: str, argument_text: str) -> None:
        script = split(f"{line}\nselect 2;")
        assert script.commands[0].argument_text == argument_text
        assert [s.text for s in script.statements] == ["select 2"]

    def test_within_a_statement_is_blank_for_the_parser(self) -> None:
        assert only_sql("select 1\n\\echo hi\n, 2") == "select 1\n        \n, 2"

    def test_before_a_function_leaves_its_body_whole(self) -> None:
        assert len(texts("\\echo hi\ncreate function f() returns int begin atomic select 1; end;")) == 1


class TestCopyData:
    @pytest.mark.parametrize(
        "copy",
        [
            "COPY t FROM stdin;\n",
            'copy "a;b" ("(", c) /* x */ from\nSTDIN with (format csv); -- comment\n',
            "\\copy t from stdin\n",
            "copy t from stdin \\g\n",
        ],
    )
    @pytest.mark.parametrize("newline", ["\n", "\r\n"])
    def test_is_stepped_over(self, copy: str, newline: str) -> None:
        script = split((copy + "it's;\t\\N\n\\.x\n\\.\nselect 5;").replace("\n", newline))
        assert script.statements[-1].text == "select 5"
        assert len(script.statements) == 1 + (not copy.startswith("\\"))
        assert script.unterminated is None

    @pytest.mark.parametrize(
        "script",
        ["COPY t TO stdout;\nselect 5;", "COPY t FROM 'stdin';\nselect 5;", "\\copy t from 'stdin'\nselect 5;"],
    )
    def test_is_not_expected_of_another_copy(self, script: str) -> None:
        assert texts(script)[-1] == "select 5"

    def test_comes_before_the_rest_of_its_line(self) -> None:
        script = split("COPY a FROM stdin; COPY b FROM stdin; select 'x\n1'\n\\.\n2'\n\\.\n';")
        assert [re.sub(r"\s+", " ", s.sql) for s in script.statements] == [
            "COPY a FROM stdin",
            "COPY b FROM stdin",
            "select 'x '",
        ]
        assert script.unterminated is None

    def test_comes_once_for_each_copy_that_is_sent_together(self) -> None:
        assert texts("COPY a FROM stdin\\; COPY b FROM stdin;\n1;\n\\.\n2;\n\\.\nselect 5;")[2:] == ["select 5"]

    def test_may_go_on_to_the_end_of_the_file(self) -> None:
        assert split("COPY t FROM stdin;\n1\n").unterminated == Unterminated("copy data", 19)
        assert split("COPY t FROM stdin; select 1;\n").unterminated == Unterminated("copy data", 29)

    def test_may_be_missing(self) -> None:
        assert split("COPY t FROM stdin;").unterminated is None


class TestWhatNeverEnds:
    @pytest.mark.parametrize(
        ("script", "kind", "offset"),
        [
            ("select 'open; select 2;", "string", 7),
            ("select E'open\\'; select 2;", "string", 7),
            ('select "open; select 2;', "quoted identifier", 7),
            ("select 'it''s open; select 2;", "string", 7),
            ("select 'a', 'it''''s ''open''; select 2;", "string", 12),
            ("select u&'open; select 2;", "string", 7),
            ("select name'open; select 2;", "string", 11),
            ('select "it""s open; select 2;', "quoted identifier", 7),
            ("select $a$open $$ $b$; select 2;", "dollar quote", 7),
            ("select 1 /* open /* */; select 2;", "comment", 9),
            ("/* open", "comment", 0),
            ("select 1; select (2, (3); select 4;", "parenthesis", 17),
            ("create procedure begin() language sql as ''; select begin;", "function body", 17),
            ("select (1, 'open", "string", 11),
        ],
    )
    def test_is_named_with_where_it_begins(self, script: str, kind: str, offset: int) -> None:
        assert split(script).unterminated == Unterminated(kind, offset)

    def test_is_nothing_when_the_last_semicolon_is_missing(self) -> None:
        assert split("select 1").unterminated is None


class TestAPlace:
    @pytest.mark.parametrize(("offset", "place"), [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (4, (2, 2))])
    def test_is_counted_from_one_in_characters(self, offset: int, place: tuple[int, int]) -> None:
        assert line_and_column("éa\nb", offset) == place

    @given(st.text("aé\n"), st.integers(0, 50))
    def test_is_the_same_for_many_offsets(self, text: str, offset: int) -> None:
        assert Lines(text).place(min(offset, len(text))) == line_and_column(text, min(offset, len(text)))


class TestADollarQuote:
    def test_is_opened(self) -> None:
        assert inside_dollars("$a$ b $a$") == (" b ", 3)
        assert [inside_dollars(token) for token in ("$", "$$", "$a$", "$1", "'a'")] == [None] * 5


class TestASkeleton:
    def test_keeps_words_and_signs_only(self) -> None:
        sql = "do -- x\n$a$ y $a$ /* /* z */ */ 'b' E'\\'' \"c\" - / 1"
        assert skeleton(sql).split() == ["do", "''", "''", "E''", '""', "-", "/", "1"]
