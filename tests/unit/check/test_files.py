"""Files as a whole: names, bytes, transactions; and that nothing makes it stumble."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.check.catalogue import CATALOGUE, Finding
from deploy.check.files import Checked, Source, check_files, check_text, errors_of
from deploy.check.squawk import findings_of, merged

CLEAN = b"CREATE TABLE IF NOT EXISTS a (id int);\n"
WORDS = [
    *(
        "alter",
        "table",
        "t",
        "add",
        "column",
        "drop",
        "if",
        "exists",
        "not",
        "create",
        "index",
        "on",
        "do",
        "$$",
        "begin",
    ),
    *(
        "end",
        ";",
        "commit",
        "'",
        '"',
        "(",
        ")",
        "\\if x\n",
        "\\endif\n",
        "-- deploy: ignore drop-table x\n",
        "execute",
        "\n",
        "é",
    ),
    *(
        "update",
        "set",
        "a",
        "=",
        "+",
        "1",
        "delete",
        "from",
        "where",
        "true",
        "type",
        "value",
        "int",
        "returns",
        "language",
    ),
]


def ids(content: bytes) -> list[tuple[str, int, int]]:
    return [(found.id, found.line, found.column) for found in check_files([Source("001_x.sql", content)]).findings]


def names(*sources: Source, others: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(found.file, found.id) for found in check_files(sources, others).findings]


class TestNames:
    def test_must_be_those_of_migrations(self) -> None:
        found = names(Source("1_x.sql", CLEAN), Source("002_x.SQL", CLEAN), Source("003_x.sql", None))
        assert found == [("002_x.SQL", "bad-name"), ("003_x.sql", "bad-name"), ("1_x.sql", "bad-name")]

    def test_must_not_share_a_number(self) -> None:
        found = names(Source("001_x.sql", CLEAN), Source("0001_y.sql", CLEAN))
        assert found == [("0001_y.sql", "duplicate-number"), ("001_x.sql", "duplicate-number")]

    def test_are_compared_with_those_of_another_branch(self) -> None:
        found = check_files([Source("002_x.sql", CLEAN)], ["002_theirs.sql", "001_a.sql", "README.md"]).findings
        assert [(each.id, each.message) for each in found] == [
            ("duplicate-number", "has the same number as 002_theirs.sql")
        ]

    def test_may_leave_out_a_number_but_that_is_told(self) -> None:
        assert names(Source("001_x.sql", CLEAN), Source("004_x.sql", CLEAN)) == [("004_x.sql", "number-gap")]
        assert names(Source("001_x.sql", CLEAN), Source("20260101_x.sql", CLEAN)) == []
        assert names(Source("001_x.sql", CLEAN), others=("004_x.sql",)) == []


class TestBytes:
    def test_are_utf8(self) -> None:
        assert ids(b"select 1;\nselect '\xff';\n") == [("not-utf8", 2, 9)]

    def test_may_be_something_else_that_the_file_names(self) -> None:
        assert ids(b"\\encoding LATIN1\nselect '\xff';\n") == []

    def test_are_told_once_what_they_are_not(self) -> None:
        assert ids("select a\ufffdb;".encode()) == [("odd-character", 1, 9)]
        assert ids(b"select a\xffb;") == [("not-utf8", 1, 9)]

    def test_have_no_nul(self) -> None:
        assert ids(b"select 1;\nselect \0 x;\n") == [("nul-byte", 2, 8)]
        assert {name for name, _, _ in ids("select 1;".encode("utf-16"))} == {"not-utf8", "nul-byte"}

    def test_have_no_byte_order_mark(self) -> None:
        assert ids(b"\xef\xbb\xbfselect 1;") == [("byte-order-mark", 1, 1)]

    def test_end_lines_with_lf(self) -> None:
        assert ids(b"select 1;\r\nselect 2;\r\n") == [("carriage-returns", 1, 10)]


class TestWhatIsBuiltAtRunTime:
    @pytest.mark.parametrize(
        "text",
        [
            "do $$ begin execute 'drop table ' || x; end $$;",
            "do language plperl $$ drop $$;",
            "select 'drop table x' \\gexec\n",
            "\\set x 1\nselect :x x x;",
            "create or replace function f() returns void language plpgsql as $$ begin execute x; end $$;",
        ],
    )
    def test_is_counted_as_not_analysed(self, text: str) -> None:
        checked = check_text("x", text)
        assert checked.not_analysed == 1
        assert {found.severity for found in checked.findings} <= {"info"}


class TestErrors:
    def test_are_only_what_is_certain(self) -> None:
        """What may not be reached, or depends on a variable, is no error."""
        text = "\\if :x\nselect broken here now;\n\\nonsense\n\\c other\n\\endif\n\\set a 1\nselect :a b c;"
        assert errors_of("x", text) == []
        assert [found.severity for found in check_text("x", text).findings] == ["warning"] * 3

    def test_stand_before_a_byte_order_mark_is_thought_of(self) -> None:
        assert errors_of("x", "\ufeffselect 1;") == []

    def test_are_not_told_of_strings_that_another_setting_reads(self) -> None:
        assert errors_of("x", "set standard_conforming_strings = off; select 'a\\'b', ';';") == []

    def test_are_not_told_of_what_psql_never_sends(self) -> None:
        found = check_text("x", "select 1;\n\\q\nselec 2;").findings
        assert [each.id for each in found] == ["quits-early"]
        (found_before,) = errors_of("x", "create index \\nonsense i;\n")[:1]
        assert (found_before.message, found_before.column) == ("syntax error at end of input", 14)

    def test_are_not_told_where_something_else_may_begin_or_end_transactions(self) -> None:
        assert errors_of("x", "\\i begin.sql\nlock table t;\ncommit;\n") == []


class TestStatements:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("\\copy t to 'x'\n\\copy (select 1) to stdout\n", ["uses-file"]),
            ("\\if :x\n\\copy t from 'x'\n\\endif\n", ["uses-file"]),
            ("truncate t;\n\\copy t from 'x'\n", ["truncate", "uses-file"]),
            ("-- deploy: no-transaction\ndo $$ begin commit; end $$;", []),
            ("create function f() returns int language c as 'a', 'b';", ["create-function-not-idempotent"]),
            ("create or replace function f() returns int begin atomic select 1; end;", []),
            ("create or replace function f() returns int language plpython3u as 'nonsense (';", []),
            ("do language plpython3u $$ nonsense ( $$;", []),
            ("\\set body x\ndo :'body';", []),
            ("do language plpgsql; do language commit;", []),
            ("create schema s create table t (a int) create view v as select 1;\ncreate index if not exists i on s.t (a);", ["create-schema-not-idempotent"]),
            ("drop table if exists a; create table a (b int); insert into a values (1); create index on a (b);", ["drop-table"]),
            ("drop schema if exists s cascade; create table s.t (a int);", ["drop-schema"]),
            ("create table a (b int); drop table a;", ["create-table-not-idempotent"]),
            ("alter table if exists a rename to b; create table a (c int);", ["rename-table"]),
            ("create table if not exists a (b int); alter table a rename to c; create index if not exists i on c (b);", ["rename-not-idempotent"]),
            ("alter domain d drop constraint if exists c; alter domain d add constraint c check (value > 0);", []),
            ("alter domain d set default 1; alter publication p set table t; alter type t alter attribute a type int;", []),
            ("alter index if exists i set (fillfactor = 50); alter table t add column if not exists a int generated always as (1) virtual;", []),
            ("alter table t add constraint c not null a;", ["add-constraint-not-idempotent", "set-not-null-scans"]),
            ("alter table t add constraint c unique using index i;", ["add-constraint-not-idempotent"]),
            ("alter table t alter column a drop expression if exists;", []),
            ("drop tablespace if exists t;", ["runs-outside-transaction"]),
            ("drop user mapping if exists for u server s;", []),
            ("drop function if exists f(int); create function f(int) returns int language sql as 'select 1';", []),
            ("drop cast if exists (a as b); drop operator if exists + (int, none);", []),
            ("alter function f(int) rename to g; alter type t rename attribute a to b;", ["rename-not-idempotent", "rename-column", "rename-not-idempotent"]),
            ("alter table t add column if not exists a int not null default lower('x');", []),
            ("do $$ begin perform 1; truncate t t t; end $$;", ["syntax-error"]),
            ("alter table if exists t set schema s;", []),
            ("drop role if exists a; create role a;", []),
            ("create index if not exists i on t (a); drop index i;", ["create-index-blocks-writes"]),
            ("create index if not exists i on t (a); reindex index i;", ["create-index-blocks-writes"]),
            ("reindex (concurrently) table t; vacuum t; refresh materialized view concurrently m;", ["breaks-atomicity"]),
            ("refresh materialized view m with no data; vacuum (full off) t;", ["refresh-blocks", "breaks-atomicity"]),
            ("cluster;", ["cluster", "runs-outside-transaction"]),
            ("reindex database d;", ["reindex-blocks", "runs-outside-transaction"]),
            ("merge into t using u on t.a = u.a when matched then do nothing;", []),
            ("copy t to stdout; update t set a = b + 1, c = 2 where d = 3;", []),
            ("create temp table x (a int); insert into x values (1); update x set a = a + 1;", []),
            ("update t set a = lower(a), b = b || 'x' where b not like '%x';", []),
            ("update t set n = -n where a = 1;", ["update-not-idempotent"]),
            ("delete from t where current of c; delete from t where f(1);", []),
            ("begin; prepare transaction 'x';", ["ends-in-rollback"]),
            ("begin; lock table t in share mode; commit; vacuum t;", ["lock-table", "breaks-atomicity"]),
            ("create user mapping if not exists for u server s; create server if not exists s foreign data wrapper f;", []),
            ("drop type if exists a, b;", ["drop-type"]),
            ("select 'é'; with x as (delete from t) select 1;", ["delete-without-where"]),
        ],
    )  # fmt: skip
    def test_are_looked_at_with_what_stood_before(self, text: str, expected: list[str]) -> None:
        assert [found.id for found in check_text("x", text).findings] == expected

    def test_give_the_place_of_what_stands_in_with(self) -> None:
        (found,) = check_text("x", "select 'é'; with é as (delete from t) select 1;").findings
        assert (found.line, found.column) == (1, 24)


REPORT = '[{"file": "m/1.sql", "line": 1, "column": 8, "rule_name": "%s", "message": "a\\n b", "help": null}]'
TEXT = {"m/1.sql": "select 'é';\ntable é; drop table x;\n"}


class TestSquawk:
    def test_adds_what_we_did_not_find(self) -> None:
        theirs = findings_of(REPORT % "adding-required-field", TEXT)
        assert theirs == [Finding("m/1.sql", 2, 8, "squawk-adding-required-field", "lock", "warning", "a b")]
        assert merged(Checked((), (), 1, 0), theirs, TEXT) == theirs

    def test_does_not_say_twice_what_we_found_about_the_same_statement(self) -> None:
        theirs = findings_of(REPORT % "ban-drop-table", TEXT)
        ours = check_text("m/1.sql", TEXT["m/1.sql"])
        assert merged(ours, theirs, TEXT) == list(ours.findings)

    def test_does_not_say_what_is_ignored(self) -> None:
        text = {"m/1.sql": "-- deploy: ignore drop-table x\ndrop table if exists x;"}
        theirs = findings_of(REPORT % "ban-drop-table", text)
        assert merged(check_text("m/1.sql", text["m/1.sql"]), theirs, text) == []

    def test_says_nothing_of_matters_of_taste(self) -> None:
        assert findings_of(REPORT % "prefer-text-field", TEXT) == []

    @pytest.mark.parametrize(
        "output", ["", "nonsense", "{}", "[1]", "[{}]", '[{"rule_name": "ban-drop-table", "file": "?"}]', "null"]
    )
    def test_may_say_what_it_likes(self, output: str) -> None:
        assert findings_of(output, TEXT) == []


class TestAnything:
    @given(st.binary() | st.text().map(lambda text: text.encode(errors="replace")))
    def test_is_checked(self, content: bytes) -> None:
        self.check(content)

    @given(st.lists(st.sampled_from(WORDS)).map(" ".join))
    def test_that_looks_like_sql_is_checked(self, text: str) -> None:
        self.check(text.encode())

    @staticmethod
    def check(content: bytes) -> None:
        """Every finding is in the catalogue, and stands in the file."""
        lines = content.decode("latin-1").split("\n")
        for found in check_files([Source("001_x.sql", content)]).findings:
            assert found.id in CATALOGUE
            assert 1 <= found.line <= len(lines)
            assert found.column >= 1
