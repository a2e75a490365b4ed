"""How a file can be run, and what is certain to go wrong with it. What is called certain here was tried on PostgreSQL 17."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.check.splitter import line_and_column
from deploy.check.transactions import File, Problem, Reading, Way, read_script


def reason_of(text: str) -> str | None:
    reading = read_script(text)
    assert reading.way is Way.OUTSIDE
    assert reading.execution_text == text
    return reading.reason


def problems_of(text: str) -> list[Problem]:
    return list(File(text).problems())


def the_problem_of(text: str) -> Problem:
    (problem,) = problems_of(text)
    return problem


class TestAFile:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "-- nothing\n",
            "create table a (b int); insert into a values (1);",
            "create index i on a (b); drop index j; reindex table a; cluster a using i; analyze a; refresh materialized view v;",
            "savepoint a; release a; rollback to a; lock table a; prepare q as select 1;",
            "create function f() returns int begin atomic select 1; end; create type e as enum ('x'); drop type e;",
            "reindex (concurrently off) table a; discard temp; alter system_table add b int;",
            "alter database d set work_mem = 1; alter table t detach partition p; alter table t /* concurrently */ add x int;",
            "create subscription s connection '' publication p with (connect = off);",
            "create subscription s connection '' publication p with (create_slot = 0, enabled);",
            "alter subscription s disable; alter subscription s set publication p with (refresh = 'false');",
            "do $$ begin perform 'x'; end $$; do $$ begin -- commit;\n perform 'begin commit;'; end $$; do language plpython3u 'commit;';",
            "select 'vacuum' \\gexec\n",
            "create index concurrently this is nonsense;",
            "begin nonsense;",
            "insert into a values ('BEGIN;'); /* COMMIT; */",
            "\\set AUTOCOMMIT off\ncreate table a (b int);",
        ],
    )
    def test_runs_in_one_transaction_with_its_ledger_row(self, text: str) -> None:
        reading = read_script(text)
        assert (reading.way, reading.reason, reading.begin, reading.execution_text) == (
            Way.TRANSACTION,
            None,
            "BEGIN",
            text,
        )
        assert problems_of(text) == []

    def test_loses_its_byte_order_mark(self) -> None:
        assert read_script("\ufeffselect 1;").execution_text == "select 1;"

    @given(
        st.text()
        | st.lists(st.sampled_from(["begin", ";", "commit", "'", "$$", "\\if", "\\q", " ", "vacuum", "\n"])).map(
            "".join
        )
    )
    def test_is_read_whatever_is_in_it(self, text: str) -> None:
        assert isinstance(read_script(text), Reading)


class TestAStatementThatCannotRunInATransaction:
    @pytest.mark.parametrize(
        ("statement", "what"),
        [
            ("CREATE UNIQUE INDEX CONCURRENTLY i ON a (b)", "CREATE INDEX CONCURRENTLY"),
            ("create /* x */ index -- y\n concurrently on :t (b)", "CREATE INDEX CONCURRENTLY"),
            ("DROP INDEX CONCURRENTLY IF EXISTS i", "DROP INDEX CONCURRENTLY"),
            ("REINDEX INDEX CONCURRENTLY i", "REINDEX CONCURRENTLY"),
            ("REINDEX (VERBOSE, CONCURRENTLY) TABLE a", "REINDEX CONCURRENTLY"),
            ("REINDEX SCHEMA s", "REINDEX SCHEMA"),
            ("REINDEX DATABASE d", "REINDEX DATABASE"),
            ("REINDEX SYSTEM d", "REINDEX SYSTEM"),
            ("VACUUM (ANALYZE) a", "VACUUM"),
            ("CLUSTER", "CLUSTER"),
            ("DISCARD ALL", "DISCARD ALL"),
            ("CREATE DATABASE d", "CREATE DATABASE"),
            ("DROP DATABASE IF EXISTS d", "DROP DATABASE"),
            ("CREATE TABLESPACE t LOCATION '/t'", "CREATE TABLESPACE"),
            ("DROP TABLESPACE t", "DROP TABLESPACE"),
            ("ALTER SYSTEM SET work_mem = '1GB'", "ALTER SYSTEM"),
            ("ALTER DATABASE d SET TABLESPACE t", "ALTER DATABASE SET TABLESPACE"),
            ("ALTER TABLE a DETACH PARTITION b CONCURRENTLY", "DETACH PARTITION CONCURRENTLY"),
            ("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", "CREATE SUBSCRIPTION with a slot"),
            ("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect)", "CREATE SUBSCRIPTION with a slot"),
            ("DROP SUBSCRIPTION s", "DROP SUBSCRIPTION with a slot"),
            ("ALTER SUBSCRIPTION s REFRESH PUBLICATION", "ALTER SUBSCRIPTION with refresh"),
            ("ALTER SUBSCRIPTION s ADD PUBLICATION p", "ALTER SUBSCRIPTION with refresh"),
            ("COMMIT PREPARED 'x'", "COMMIT PREPARED"),
            ("DO $$ DECLARE i int; BEGIN COMMIT; END $$", "COMMIT inside DO"),
            ("DO LANGUAGE plpgsql $$ BEGIN IF true THEN ROLLBACK AND CHAIN; END IF; END $$", "ROLLBACK inside DO"),
        ],
    )
    def test_is_run_outside_of_one(self, statement: str, what: str) -> None:
        assert reason_of(f"select 1;\n{statement};\nselect 2;") == f"line 2: {what} can't run in a transaction"

    def test_is_not_hidden_by_a_transaction_before_it(self) -> None:
        assert reason_of("begin;\nselect 1;\ncommit;\nvacuum;") == "line 4: VACUUM can't run in a transaction"

    def test_is_a_problem_within_the_transaction_of_the_file(self) -> None:
        assert the_problem_of("begin;\n  drop index concurrently i;\ncommit;") == Problem(
            id="fails-in-transaction",
            offset=9,
            message="DROP INDEX CONCURRENTLY can't run in a transaction, and stands within the file's own",
        )

    def test_is_a_problem_in_one_query_with_others(self) -> None:
        assert the_problem_of("select 1\\; vacuum;").message == (
            "VACUUM can't run in one query with other statements, which `\\;` makes of them"
        )

    @pytest.mark.parametrize(
        "text",
        [
            "begin; drop subscription if exists s; do $$ begin if false then commit; end if; end $$; commit;",
            "begin;\n\\if :committed\ncommit;\n\\endif\nvacuum;",
            "begin;\n\\i commit.sql\nvacuum;",
            "begin; :end; vacuum;",
        ],
    )
    def test_is_no_problem_where_it_may_work(self, text: str) -> None:
        assert problems_of(text) == []


class TestANewEnumValue:
    @pytest.mark.parametrize(
        "text",
        [
            "alter type s.e add value 'x''y';\ninsert into a values ('x''y');",
            "create type other as enum ('a');alter type e add value if not exists 'b';\ndo $$ begin perform 'b'::e; end $$;",
        ],
    )
    def test_is_committed_before_it_is_used(self, text: str) -> None:
        reason = reason_of(text)
        assert reason is not None
        assert reason.startswith("line 2: ")
        assert reason.endswith(" can't be used in the transaction that adds it to its type")

    @pytest.mark.parametrize(
        "text",
        [
            "alter type e add value 'b'; alter type e add value 'c' after 'b'; alter type e rename value 'b' to 'd'; select 'd';",
            "create type s.e as enum ('a'); alter type e add value 'b'; select 'b'::e;",
            "select 'b'; alter type e add value 'b'; select 'c';",
            "alter type e add value :'x'; select 'v';",
        ],
    )
    def test_needs_no_commit_when_it_is_not_used_or_its_type_is_new(self, text: str) -> None:
        assert read_script(text).way is Way.TRANSACTION


class TestAFileWithOneTransactionOfItsOwn:
    def test_runs_in_ours_with_its_words_blank_and_its_lines_where_they_were(self) -> None:
        text = "-- x\nBEGIN /* a\r\nb */;\ncreate table a (b int);\nCOMMIT;\n"
        reading = read_script(text)
        assert reading.way is Way.OWN_BLOCK
        assert reading.execution_text == "-- x\n          \r\n    ;\ncreate table a (b int);\n      ;\n"
        assert problems_of(text) == []

    @pytest.mark.parametrize(
        ("begin", "ours"),
        [
            ("begin work", "BEGIN"),
            ("start transaction", "BEGIN"),
            ("begin transaction isolation level serializable", "BEGIN ISOLATION LEVEL SERIALIZABLE"),
            ("START TRANSACTION READ WRITE , NOT\nDEFERRABLE", "BEGIN READ WRITE , NOT DEFERRABLE"),
        ],
    )
    def test_keeps_the_options_of_its_begin(self, begin: str, ours: str) -> None:
        reading = read_script(f"{begin}; select 1; end")
        assert (reading.way, reading.begin) == (Way.OWN_BLOCK, ours)
        assert reading.execution_text.split() == [";", "select", "1;"]

    @pytest.mark.parametrize(
        "end", ["COMMIT", "commit work", "COMMIT TRANSACTION AND NO CHAIN", "END", "end transaction"]
    )
    def test_may_end_it_in_any_of_its_words(self, end: str) -> None:
        assert read_script(f"begin; select 1; {end};").way is Way.OWN_BLOCK

    @pytest.mark.parametrize(
        "text",
        [
            "\\set x 1\n\\timing on\nset search_path = a; reset role; show x; begin; select f(); commit; select 'done (from)' as status;\n\\echo x",
            "begin; savepoint a; rollback to savepoint a; release a; commit;",
            "begin\\; select 1\\; commit;",
            "begin; \\if :x\nselect 1;\n\\endif\n commit;",
            "\\if :x\n\\echo x\n\\else\n\\echo y\n\\endif\nbegin; select 1; commit;",
            "begin; \\copy a from a.csv\ncommit; \\q",
            "begin; set local x = 1; commit;",
        ],
    )
    def test_may_have_things_around_it_that_do_the_same_inside(self, text: str) -> None:
        reading = read_script(text)
        assert (reading.way, problems_of(text)) == (Way.OWN_BLOCK, [])
        assert len(reading.execution_text) == len(text)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("begin; commit;\nbegin; commit;", "line 2: several transactions of its own"),
            ("begin;\nbegin; commit;", "line 2: several transactions of its own"),
            ("begin; commit;\ncommit;", "line 2: COMMIT without BEGIN"),
            ("select 1;\nrollback;", "line 2: ROLLBACK without BEGIN"),
            ("begin; rollback;", "line 1: its transaction doesn't end with a plain COMMIT"),
            ("begin; commit and chain;", "line 1: several transactions of its own"),
            ("begin; prepare transaction 'x';", "line 1: its transaction doesn't end with a plain COMMIT"),
            ("begin; commit \\g\n", "line 1: its BEGIN or COMMIT has a meta-command or a variable in it"),
            ("begin\n\\set x 1\nwork; commit", "line 1: its BEGIN or COMMIT has a meta-command or a variable in it"),
            ("begin isolation level :x; commit", "line 1: its BEGIN or COMMIT has a meta-command or a variable in it"),
            ("\\if :x\nbegin;\n\\endif\ncommit;", "line 2: its transaction depends on an \\if"),
            ("begin;\n\\if :x\ncommit;\n\\endif", "line 1: its transaction depends on an \\if"),
            ("begin read only; commit;", "line 1: BEGIN READ ONLY can't take in the ledger row"),
            ("begin; commit;\ncreate table a (b int);", "line 2: stands outside of the file's own transaction"),
            ("select f();\nbegin; commit;", "line 1: stands outside of the file's own transaction"),
            ("select :x;\nbegin; commit;", "line 1: stands outside of the file's own transaction"),
            (
                "set session transaction_isolation = 'serializable'; begin; commit;",
                "line 1: stands outside of the file's own transaction",
            ),
            ("\\i x.sql\nbegin; commit;", "line 1: stands outside of the file's own transaction"),
        ],
    )
    def test_runs_as_it_stands_when_that_would_change_what_it_does(self, text: str, reason: str) -> None:
        assert reason_of(text) == reason


class TestADirective:
    @pytest.mark.parametrize(
        "text",
        [
            "-- x\n  --deploy:no-transaction, for the batches\nselect 1;",
            "-- deploy: no-transaction\n\n-- deploy: no-transaction",
        ],
    )
    def test_in_the_head_of_a_file_keeps_it_out_of_a_transaction(self, text: str) -> None:
        reason = reason_of(text)
        assert reason is not None
        assert "no-transaction" in reason

    @pytest.mark.parametrize(
        "text",
        ["select 1;\n-- deploy: no-transaction", "\\echo\n-- deploy: no-transaction", "-- deploy: no-transactions"],
    )
    def test_elsewhere_is_a_comment(self, text: str) -> None:
        assert read_script(text).way is Way.TRANSACTION


class TestAProblem:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("select 'a;", "string"),
            ('select "a;', "quoted identifier"),
            ("select $$a;", "dollar quote"),
            ("select 1; /* a", "comment"),
            ("begin; select (1; commit;", "parenthesis"),
        ],
    )
    def test_is_what_never_ends(self, text: str, kind: str) -> None:
        assert the_problem_of(text).message == f"the {kind} that begins here never ends"

    @pytest.mark.parametrize(
        "text",
        [
            "copy a from stdin;\n1\n",
            "create procedure begin() language sql as ''; select 1;",
            "set standard_conforming_strings = off; select 'a\\'b';",
        ],
    )
    def test_is_not_what_psql_and_the_server_put_up_with(self, text: str) -> None:
        assert problems_of(text) == []

    def test_is_a_begin_without_commit(self) -> None:
        problem = the_problem_of("select 1;\n begin; select 2;")
        assert problem.offset == 11
        assert problem.message == "BEGIN without COMMIT: psql would roll all of it back and report success"

    @pytest.mark.parametrize(
        "text", ["begin; select 'commit' \\gexec\n", "begin; \\ir commit.sql\n", "begin; :commit;"]
    )
    def test_is_not_a_begin_whose_commit_may_be_elsewhere(self, text: str) -> None:
        assert problems_of(text) == []

    @pytest.mark.parametrize("command", ["\\c", "\\connect other"])
    def test_is_a_command_that_leaves_the_session(self, command: str) -> None:
        name = command.split(maxsplit=1)[0]
        assert (
            the_problem_of(f"select 1; {command}\n").message
            == f"{name} would leave the session that holds the deploy's lock"
        )

    @pytest.mark.parametrize("command", ["\\q", "\\quit"])
    def test_is_a_command_that_ends_the_file_before_its_end(self, command: str) -> None:
        assert (
            the_problem_of(f"select 1; {command}\nselect 2;").message
            == f"{command} ends the file here, so that what follows never runs"
        )

    @pytest.mark.parametrize("text", ["select 1; \\q\n-- end", "\\q", "\\if :done\n\\q\n\\c x\n\\endif\nselect 1;"])
    def test_is_not_a_command_that_loses_nothing_or_stands_in_a_branch(self, text: str) -> None:
        assert problems_of(text) == []

    def test_is_told_where_it_stands(self) -> None:
        text = "\\c x\nselect 1; \\q\n\\c y\nselect 'x"
        places = sorted(line_and_column(text, problem.offset) for problem in problems_of(text))
        assert places == [(1, 1), (2, 11), (3, 1), (4, 8)]


class TestAnIndex:
    def test_is_told_with_its_schema_if_the_file_names_it(self) -> None:
        reading = read_script(
            'create index concurrently if not exists I on s.t (a); create index "J" on t (a); create index on t (a);'
        )
        assert reading.indexes == (("s", "i"), (None, "J"))
        assert reading.concurrent_indexes == (("s", "i"),)

    def test_is_not_told_when_a_variable_names_it(self) -> None:
        reading = read_script('create index :"x" on t (a); create index i on :s.t (a); create index j on t (:a);')
        assert reading.indexes == ((None, "j"),)


class TestWhatTheRunnerHasToKnow:
    @pytest.mark.parametrize(
        ("text", "variables"),
        [
            ("\\set a 1\n\\set b\n\\set\n\\set :c 1\n\\set a 2\n", ("a", "b")),
            ("\\getenv h HOME\n\\prompt 'your name' name\n\\unset x\n\\echo y", ("h", "name")),
            ('select id, count(*), t.b, 1 as "C", \'x y\' as "d e", 1 \\gset\n', ("id", "count", "b", "C")),
            ("insert into t values (1) returning id \\gset new_\n", ("new_id",)),
            ("\\gset\nselect 1 from_ x y \\gset\nvacuum \\gset\n", ()),
        ],
    )
    def test_are_the_variables_that_a_file_sets(self, text: str, variables: tuple[str, ...]) -> None:
        assert read_script(text).variables == variables

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("\\encoding WIN1251\nselect 1;", True),
            ("SET client_encoding TO 'LATIN1';", True),
            ("set /* x */ names 'LATIN1';", True),
            ("\\encoding\nset x = 'client_encoding';", False),
        ],
    )
    def test_is_whether_a_file_names_its_encoding(self, text: str, expected: bool) -> None:
        assert read_script(text).has_client_encoding is expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("call p();", True),
            ("do $$ begin call p(); end $$;", True),
            ("do $$ begin perform 'call'; -- call\nend $$;", False),
            ("select 1;", False),
        ],
    )
    def test_is_whether_a_file_calls_procedures(self, text: str, expected: bool) -> None:
        assert read_script(text).calls is expected
        assert read_script(text).way is Way.TRANSACTION
