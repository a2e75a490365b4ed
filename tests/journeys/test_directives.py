"""A file asks for something in its first lines, and gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.server import Site

SHOW = "SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')"


class TestTimeouts:
    def test_hold_for_their_file_alone(self, site: Site) -> None:
        asks = "-- deploy: lock-timeout 30s\n-- deploy: statement-timeout 10min\n"
        site.write_migration("001_seen.sql", "CREATE TABLE IF NOT EXISTS seen (file int PRIMARY KEY, timeouts text);\n")
        note = "INSERT INTO seen VALUES ({}, (" + SHOW + ")) ON CONFLICT DO NOTHING;\n"  # noqa: S608 - a migration, not a query
        site.write_migration("002_in.sql", asks + note.format(2))
        site.write_migration("003_out.sql", f"{asks}-- deploy: no-transaction\n" + note.format(3))
        site.write_migration("004_after.sql", note.format(4))
        site.fab("deploy", check=0)
        found = site.psql("SELECT file || ' ' || timeouts FROM seen ORDER BY file").splitlines()
        assert found == ["2 30s 10min", "3 30s 10min", "4 5s 0"]

    def test_stop_a_statement_that_takes_longer(self, site: Site) -> None:
        site.write_migration("001_slow.sql", "-- deploy: statement-timeout 200ms\nSELECT pg_sleep(30);\n")
        refused = site.fab("deploy", check=28)
        assert "statement timeout" in refused.stdout


class TestARepeatableFile:
    def test_is_run_again_when_its_text_changes(self, site: Site) -> None:
        view = "-- deploy: repeatable\nCREATE OR REPLACE VIEW answer AS SELECT {} AS value;\n"
        site.write_migration("001_answer.sql", view.format(41))
        site.write_migration("002_table.sql", "CREATE TABLE IF NOT EXISTS t (id int);\n")
        site.fab("deploy", check=0)
        site.write_migration("001_answer.sql", view.format(42))
        again = site.fab("deploy", check=0)
        assert "001_answer.sql applied successfully" in again.stdout
        assert "002_table.sql" not in again.stdout
        assert site.psql("SELECT value FROM answer").strip() == "42"
        assert "nothing pending" in site.fab("deploy", check=0).stdout


class TestARequiredExtension:
    def test_is_missed_before_anything_is_touched(self, site: Site) -> None:
        site.write_migration("001_first.sql", "CREATE TABLE first (id int);\n")
        site.write_migration("002_far.sql", "-- deploy: requires-extension no_such_thing\nSELECT 1;\n")
        refused = site.fab("deploy", check=38)
        assert "002_far.sql requires the extension no_such_thing" in refused.stdout
        assert site.psql("SELECT to_regclass('first') IS NULL").strip() == "t"

    def test_is_there(self, site: Site) -> None:
        site.write_migration("001_near.sql", "-- deploy: requires-extension plpgsql\nSELECT 1;\n")
        site.fab("deploy", check=0)
