"""What `-- deploy:` lines ask for."""

from __future__ import annotations

from deploy.check.directives import Directives
from deploy.check.files import check_text
from deploy.check.transactions import read_script


def directives_of(text: str) -> Directives:
    return read_script(text).directives


def ids(text: str) -> list[str]:
    return [found.id for found in check_text("x", text).findings]


class TestDirectives:
    def test_are_read_from_the_lines_before_the_first_statement(self) -> None:
        read = directives_of(
            "-- deploy: lock-timeout 30s\n--deploy:statement-timeout 10min\n  -- deploy: repeatable\r\n"
            '-- deploy: requires-extension "uuid-ossp"\n-- deploy: requires-extension hstore\n'
            "-- deploy: allow drop-table, nobody uses it\n\nselect 1;"
        )
        assert (read.lock_timeout_ms, read.statement_timeout_ms, read.repeatable) == (30_000, 600_000, True)
        assert (read.requires_extensions, read.allows) == (("uuid-ossp", "hstore"), ("drop-table",))
        assert (read.no_transaction, read.wrong) == (None, [])

    def test_leave_the_settings_alone_where_there_are_none(self) -> None:
        assert directives_of("-- deployed by hand\nselect 1;") == Directives()

    def test_ask_for_no_transaction_with_or_without_a_reason(self) -> None:
        assert directives_of("-- x\n-- deploy: no-transaction, in batches\nselect 1;").no_transaction == 5


class TestIgnore:
    def test_is_for_the_statement_that_follows_it(self) -> None:
        text = "-- deploy: ignore drop-table empty\ndrop table if exists a;\ndrop table if exists b;"
        assert [(found.id, found.line) for found in check_text("x", text).findings] == [("drop-table", 3)]

    def test_is_for_the_whole_file_in_a_header_with_an_empty_line_behind_it(self) -> None:
        assert ids("-- deploy: ignore drop-table x\n\ndrop table if exists a; drop table if exists b;") == []

    def test_is_for_a_command_of_psql_too(self) -> None:
        assert ids("select 1;\n-- deploy: ignore includes-file it is there\n\\i other.sql\n") == []

    def test_reaches_into_the_do_block_that_follows(self) -> None:
        assert ids("-- deploy: ignore truncate cache\ndo $$ begin truncate a; truncate b; end $$;") == []

    def test_in_a_do_block_is_for_the_statement_that_follows_there(self) -> None:
        text = "do $$ begin\n-- deploy: ignore truncate cache\ntruncate a;\ntruncate b;\nend $$;"
        assert [(found.id, found.line) for found in check_text("x", text).findings] == [("truncate", 4)]

    def test_within_a_statement_is_for_that_statement(self) -> None:
        assert ids("alter table t\n-- deploy: ignore drop-column dead\ndrop column if exists a;") == []

    def test_behind_the_last_statement_silences_what_the_whole_file_has(self) -> None:
        assert ids("drop table if exists a;\n-- deploy: ignore drop-table late\n") == []

    def test_is_counted(self) -> None:
        (silenced,) = check_text("x", "-- deploy: ignore truncate cache\ntruncate a;").silenced
        assert silenced.id == "truncate"
