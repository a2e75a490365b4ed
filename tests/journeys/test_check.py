"""`fab check` and `fab new`, as they are typed; and mistakes where a real psql has them."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from deploy.check.files import check_text
from deploy.check.splitter import line_and_column
from tests.server.machine import run
from tests.unit.check.test_plpgsql import MISTAKES

if TYPE_CHECKING:
    from tests.server import Site

MISTAKEN = [
    *(f"DO $x$\n{body}$x$;\n" for body, _, _ in MISTAKES),
    "SELECT 'é' FORM a b;\n",
    "SELECT 1;\n\n  ALTER TABEL a ADD COLUMN b int;\n",
    "CREATE TABLE a (id int,);\n",
    "INSERT INTO a VALUES ('é', 1;\nSELECT 1;\n",
    "SELECT 1 FROM  ;\n",
    "-- é\nSELECT /* é */ 'a\nb' 'c' d e;\n",
    "SELECT 'é;\n",
    'SELECT "é;\n',
    "SELECT $é$ 1;\n",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT 1 FORM t x\n$$;\n",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  IF NEW.a = THEN\n  END IF;\nEND $$;\n",
    "CREATE TABLE IF NOT EXISTS (a int);\n",
    "SELECT 1\n  , FROM t;\n",
]


def place_by_psql(site: Site, text: str) -> tuple[int, int]:
    """Return line and column of the first error in a file, from psql's LINE and caret."""
    argv = ["docker", "exec", "-i", site.container, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=default"]
    done = subprocess.run(
        [*argv, "-U", site.user, "-d", site.database, "-f", "-"], input=text.encode(), capture_output=True, check=False
    )
    said = done.stderr.decode()
    shown = re.search(r"^(LINE \d+: )(.*)\n( *)\^", said, re.MULTILINE)
    assert shown, said
    # psql shows a statement without the white space before it, and a long line with "..." in place of its ends
    before = "..." if shown[2].startswith("...") else ""
    line = text.index(shown[2].removeprefix(before).removesuffix("..."))
    return line_and_column(text, line + len(shown[3]) - len(shown[1]) - len(before))


class TestAMistake:
    @pytest.mark.parametrize("text", MISTAKEN)
    def test_is_told_where_psql_has_it(self, site: Site, text: str) -> None:
        errors = [found for found in check_text("x", text).findings if found.severity == "error"]
        assert (errors[0].line, errors[0].column) == place_by_psql(site, text)


class TestCheck:
    def test_says_what_is_wrong_and_where(self, site: Site) -> None:
        site.write_migration("001_x.sql", "CREATE TABLE IF NOT EXISTS t (id int);\nDROP TABLE 'é;\n")
        site.write_migration("002_x.sql", "TRUNCATE trades;\n")
        told = site.fab("check", check=27, remote=False)
        assert "migrations/001_x.sql:2:12: ❌ error never-ends" in told.stdout
        assert "2 files, 1 error, 1 warning" in told.stdout

    def test_gives_a_list_as_json(self, site: Site) -> None:
        site.write_migration("001_x.sql", "TRUNCATE trades;\n")
        told = site.fab("check", "--json", check=0, remote=False)
        (found,) = json.loads(told.stdout)
        assert (found["file"], found["line"], found["id"]) == ("migrations/001_x.sql", 1, "truncate")

    def test_counts_warnings_where_it_is_strict(self, site: Site) -> None:
        site.write_migration("001_x.sql", "TRUNCATE trades;\n")
        site.fab("check", check=0, remote=False)
        site.fab("check", "--strict", check=27, remote=False)

    def test_prints_annotations_and_sarif(self, site: Site) -> None:
        site.write_migration("001_x.sql", "TRUNCATE trades;\n")
        assert site.fab("check", "--format=github", check=0, remote=False).stdout.startswith(
            "::warning file=migrations/"
        )
        document = json.loads(site.fab("check", "--format=sarif", check=0, remote=False).stdout)
        assert document["version"] == "2.1.0"
        site.fab("check", "--format=xml", check=10, remote=False)

    def test_looks_only_at_what_a_branch_adds(self, site: Site) -> None:
        def git(*args: str) -> None:
            run(["git", "-C", str(site.project), "-c", "user.name=a", "-c", "user.email=a@b", *args])

        git("init", "-q", "-b", "main", ".")
        site.write_migration("001_theirs.sql", "TRUNCATE trades;\n")
        git("add", ".")
        git("commit", "-qm", "theirs")
        site.write_migration("001_ours.sql", "SELECT 1;\n")
        found = json.loads(site.fab("check", "--base=main", "--json", check=27, remote=False).stdout)
        assert [(each["file"], each["id"]) for each in found] == [("migrations/001_ours.sql", "duplicate-number")]
        site.fab("new", "--renumber", "migrations/001_ours.sql", check=0, remote=False)
        assert json.loads(site.fab("check", "--base=main", "--json", check=0, remote=False).stdout) == []
        site.fab("check", "--base=nonsense", check=10, remote=False)


class TestNew:
    def test_takes_a_description_as_it_is_typed(self, site: Site) -> None:
        site.fab("new", "add", "user", "preferences", check=0, remote=False)
        site.fab("new", "добавить it's", check=0, remote=False)
        written = sorted((site.project / "migrations").glob("*.sql"))
        assert [file.name for file in written] == ["001_add_user_preferences.sql", "002_dobavit_it_s.sql"]
        assert written[0].read_text("utf-8").startswith("-- Migration: Add user preferences\n-- Created: 2")
        assert "0 errors, 0 warnings" in site.fab("check", check=0, remote=False).stdout
        site.fab("deploy", check=0)

    def test_refuses_what_describes_nothing(self, site: Site) -> None:
        site.fab("new", check=10, remote=False)
        site.fab("new", "用户", check=10, remote=False)
        site.fab("new", "--renumber", "fabfile.py", check=10, remote=False)
