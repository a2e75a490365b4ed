"""Two schemas as pg_dump writes them, compared object by object."""

from __future__ import annotations

import pytest

from deploy.model.errors import MigrationDuplicate, MigrationInvalid, SchemaDrifted
from deploy.plan.drift import explain_drift, find_drift, objects_of, plan_expected, require_contained
from tests.unit.values import a_migration, ledger_of


def entry(kind: str, name: str, text: str, schema: str = "public") -> str:
    return f"--\n-- Name: {name}; Type: {kind}; Schema: {schema}; Owner: -\n--\n\n{text}\n\n\n"


HEAD = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\nSET statement_timeout = 0;\n\nSET default_tablespace = '';\n\n"
TABLE = entry("TABLE", "trades", "CREATE TABLE public.trades (\n    id integer,\n    price numeric\n);")
INDEX = entry("INDEX", "by_price", "CREATE INDEX by_price ON public.trades USING btree (price);")
END = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n"
SAME = HEAD + TABLE + INDEX + END


class TestADump:
    def test_is_read_object_by_object_without_its_noise(self) -> None:
        found = objects_of(HEAD + TABLE + "SET default_table_access_method = heap;\n\n" + INDEX + END)
        assert [str(each) for each in found.values()] == ["TABLE public.trades", "INDEX public.by_price"]
        assert found["TABLE", "public", "trades"].text[0] == "CREATE TABLE public.trades ("
        assert found["INDEX", "public", "by_price"].text == (
            "CREATE INDEX by_price ON public.trades USING btree (price);",
        )

    def test_may_have_several_entries_of_one_name(self) -> None:
        acl = entry("ACL", "TABLE trades", "GRANT SELECT ON TABLE public.trades TO a;")
        more = entry("ACL", "TABLE trades", "GRANT SELECT(id) ON TABLE public.trades TO b;")
        assert len(objects_of(acl + more)["ACL", "public", "TABLE trades"].text) == 2


class TestDrift:
    def test_is_none_between_the_same(self) -> None:
        drift = find_drift(SAME, SAME.replace("abc", "xyz"), ())
        assert drift.differences == ()
        assert explain_drift(drift) is None

    def test_is_not_the_order_of_columns(self) -> None:
        other = SAME.replace("    id integer,\n    price numeric\n", "    price numeric,\n    id integer\n")
        assert find_drift(SAME, other, ()).differences == ()

    def test_is_shown_as_a_diff_from_the_migrations_to_the_database(self) -> None:
        changed = SAME.replace("price numeric\n", "price numeric,\n    note text\n")
        extra = entry("VIEW", "cheap", "CREATE VIEW public.cheap AS SELECT 1;")
        drift = find_drift(HEAD + TABLE + INDEX + END, changed.replace(INDEX, "") + extra, ())
        assert [(str(d.what), d.how) for d in drift.differences] == [
            ("INDEX public.by_price", "only_in_migrations"),
            ("VIEW public.cheap", "only_in_database"),
            ("TABLE public.trades", "differs"),
        ]
        assert drift.differences[0].diff == ("-CREATE INDEX by_price ON public.trades USING btree (price);",)
        assert "+    note text" in drift.differences[2].diff
        error = explain_drift(drift)
        assert isinstance(error, SchemaDrifted)
        assert error.message == "the database differs from its migrations in 3 objects"

    @pytest.mark.parametrize(
        "pattern",
        ["public.by_price", "public.by_*", "INDEX public.by_price", "INDEX *", "public.trades", "public.tra?es"],
    )
    def test_may_be_ignored_by_name_type_or_table(self, pattern: str) -> None:
        drift = find_drift(SAME, SAME.replace(INDEX, ""), (pattern,))
        assert (drift.differences, drift.ignored) == ((), 1)

    @pytest.mark.parametrize("pattern", ["by_price", "public.by", "TABLE public.by_price", "other.*"])
    def test_is_not_ignored_by_a_part_of_a_name(self, pattern: str) -> None:
        assert len(find_drift(SAME, SAME.replace(INDEX, ""), (pattern,)).differences) == 1

    @pytest.mark.parametrize(
        ("kind", "name"),
        [("CONSTRAINT", "trades trades_pkey"), ("COMMENT", "COLUMN trades.id"), ("ACL", "TABLE trades")],
    )
    def test_of_what_belongs_to_a_table_is_ignored_with_it(self, kind: str, name: str) -> None:
        drift = find_drift(SAME, SAME + entry(kind, name, "x"), ("public.trades",))
        assert (drift.differences, drift.ignored) == ((), 1)


class TestWhatIsExpected:
    def test_is_what_the_applied_files_make(self) -> None:
        files, doubts = plan_expected([a_migration(n) for n in (1, 2, 3)], ledger_of(a_migration(1), a_migration(2)))
        assert [f.migration.number for f in files] == [1, 2]
        assert doubts == ()

    def test_is_what_all_files_make_where_nothing_was_deployed_yet(self) -> None:
        from deploy.model.ledger import Ledger  # noqa: PLC0415 - only here

        files, _ = plan_expected([a_migration(1), a_migration(2)], Ledger())
        assert len(files) == 2

    def test_is_doubtful_where_a_file_was_edited_or_is_missing(self) -> None:
        ledger = ledger_of(a_migration(1, text="SELECT 2;"), a_migration(2))
        _, doubts = plan_expected([a_migration(1)], ledger)
        assert [doubt.split(":")[0] for doubt in doubts] == [
            "001_step.sql was edited after it was applied",
            "002_step.sql was applied but isn't here",
        ]

    def test_is_not_found_out_where_it_would_be_felt(self) -> None:
        role = a_migration(1, text="CREATE ROLE x;")
        with pytest.raises(MigrationInvalid, match=r"001_step\.sql reaches beyond"):
            plan_expected([role], ledger_of(role))
        with pytest.raises(MigrationInvalid, match=r"init-db\.sql reaches beyond its database \(line 2: CREATE ROLE x"):
            require_contained("init-db.sql", "SELECT 1;\nCREATE ROLE x;")
        require_contained("init-db.sql", "SELECT 1;")

    def test_needs_an_order(self) -> None:
        with pytest.raises(MigrationDuplicate):
            plan_expected([a_migration(1, name="a"), a_migration(1, name="b")], ledger_of())
