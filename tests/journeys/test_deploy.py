"""`fab -H prod deploy` on a real server: what it does, what it leaves there, and what it leaves alone."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.journeys.watching import everything_on, refusal_of
from tests.server.machine import run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.server import ServerUnderTest, Site

HERE = Path(__file__).resolve().parents[2]
"""This project's own folder."""

USERS = "CREATE TABLE IF NOT EXISTS users (id int PRIMARY KEY, name text);\nINSERT INTO users VALUES (1, 'anna') ON CONFLICT DO NOTHING;\n"
ORDERS = "CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, user_id int REFERENCES users);\n"
EMAIL = "ALTER TABLE users ADD COLUMN IF NOT EXISTS email text;\n"


def ledger_of(site: Site) -> list[str]:
    """Return the names that count as applied, in the order in which they were."""
    return site.psql("SELECT name FROM deploy.migrations WHERE finished_at IS NOT NULL ORDER BY started_at").split()


def backups_of(site: Site) -> list[str]:
    """Return the names of the dumps, oldest first."""
    return [
        Path(f).name
        for f in site.remote_files()
        if f.startswith("backups/") and f.endswith(".sql.gz") and "latest" not in f
    ]


def audit_of(site: Site) -> list[dict[str, Any]]:
    """Read the audit, every line of which must be JSON."""
    return [json.loads(line) for line in site.read_remote("deploys.jsonl").splitlines()]


def the_document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Read stdout, which must be one JSON document and nothing else."""
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


class FirstDeploy:
    """A database with a table of its own, two migrations, one deploy; `before` is the dump that its backup has to equal."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.psql("CREATE TABLE old (id int, note text); INSERT INTO old VALUES (1, E'tab\\there'), (2, NULL)")
        site.psql("ALTER TABLE old OWNER TO pg_monitor; GRANT SELECT ON old TO PUBLIC; COMMENT ON TABLE old IS 'kept'")
        self.before = site.dump()
        site.write_migration("001_users.sql", USERS)
        site.write_migration("002_orders.sql", ORDERS)
        (site.project / "migrations" / "README.md").write_text("the rules\n", encoding="utf-8")
        self.done = site.fab("deploy", check=0)

    @property
    def backup(self) -> str:
        (name,) = backups_of(self.site)
        return name


@pytest.fixture(scope="class")
def first(server: ServerUnderTest) -> Iterator[FirstDeploy]:
    with server.fresh(15) as site:
        yield FirstDeploy(site)


class TestTheFirstDeploy:
    def test_says_what_the_guide_said(self, first: FirstDeploy) -> None:
        """These lines are what people grep for."""
        lines = first.done.stdout.splitlines()
        kept = [line for line in lines if line.startswith(("🔒", "📄")) or line.endswith("successfully")]
        assert kept == [
            "🔒 Creating pre-deployment backup...",
            "📄 Applying migration: 001_users.sql",
            "  ✅ 001_users.sql applied successfully",
            "📄 Applying migration: 002_orders.sql",
            "  ✅ 002_orders.sql applied successfully",
        ]
        assert first.done.stderr == ""

    def test_applies_every_file_and_remembers_it(self, first: FirstDeploy) -> None:
        site = first.site
        assert site.psql("SELECT name FROM users") == "anna"
        assert ledger_of(site) == ["001_users.sql", "002_orders.sql"]
        row = site.psql(
            "SELECT sha256, way, finished_at >= started_at, duration_ms >= 0, applied_by <> '', applied_from <> '', tool_version <> ''"
            " FROM deploy.migrations WHERE name = '001_users.sql'"
        )
        assert row == f"v1:{sha256(USERS.encode()).hexdigest()}|transaction|t|t|t|t|t"

    def test_puts_the_directory_on_the_server(self, first: FirstDeploy) -> None:
        uploaded = [f for f in first.site.remote_files() if f.startswith("migrations/")]
        assert uploaded == ["migrations/001_users.sql", "migrations/002_orders.sql", "migrations/README.md"]
        assert first.site.read_remote("migrations/001_users.sql").decode() == USERS

    def test_takes_a_backup_that_restores_with_plain_psql(self, first: FirstDeploy, server: ServerUnderTest) -> None:
        dump = gzip.decompress(first.site.read_remote(f"backups/{first.backup}"))
        with server.fresh(15) as scratch:
            scratch.psql(dump.decode())
            assert scratch.dump() == first.before

    def test_lets_nobody_else_read_a_backup(self, first: FirstDeploy) -> None:
        found = first.site.ssh(f"cd {first.site.remote_dir} && stat -c '%a %U' backups backups/{first.backup} .deploy")
        assert found.decode().splitlines() == ["700 deployer", "600 deployer", "700 deployer"]

    def test_writes_a_manifest_beside_the_backup(self, first: FirstDeploy) -> None:
        dump = first.site.read_remote(f"backups/{first.backup}")
        manifest = json.loads(first.site.read_remote(f"backups/{first.backup}.json"))
        assert manifest["sha256"] == sha256(dump).hexdigest()
        assert manifest["bytes"] == len(dump)
        assert manifest["tables"] == {"public.old": 2}
        assert manifest["verified"] is True
        assert manifest["migration"] is None
        assert manifest["database"] == first.site.database

    def test_points_latest_to_it_and_leaves_nothing_unfinished(self, first: FirstDeploy) -> None:
        site = first.site
        latest = site.ssh(f"readlink {site.remote_dir}/backups/backup_prod_latest.sql.gz")
        assert latest.decode().strip() == first.backup
        assert [f for f in site.remote_files() if f.endswith(".part")] == []

    def test_writes_down_who_did_what(self, first: FirstDeploy) -> None:
        begun, ended = audit_of(first.site)
        assert (begun["event"], ended["event"], ended["outcome"]) == ("started", "finished", "done")
        assert begun["by"] == ended["by"] != ""
        assert begun["plan"]["backup"] == first.backup
        assert begun["plan"]["files"] == [
            {"name": "001_users.sql", "sha256": f"v1:{sha256(USERS.encode()).hexdigest()}"},
            {"name": "002_orders.sql", "sha256": f"v1:{sha256(ORDERS.encode()).hexdigest()}"},
        ]
        assert [(row["name"], row["finished"]) for row in ended["rows"]] == [
            ("001_users.sql", True),
            ("002_orders.sql", True),
        ]

    def test_is_seen_by_status_and_history(self, first: FirstDeploy) -> None:
        found = the_document(first.site.fab("status", "--json", check=0))
        assert found["applied"] == ["001_users.sql", "002_orders.sql"]
        assert found["pending"] == found["changed"] == found["late"] == []
        assert found["latest_backup"]["name"] == first.backup
        assert found["lock"] is None
        (entry,) = json.loads(first.site.fab("history", "--json", check=0).stdout)
        assert (entry["outcome"], entry["applied"]) == ("done", ["001_users.sql", "002_orders.sql"])


class TestALaterDeploy:
    def test_of_nothing_new_does_nothing(self, site: Site) -> None:
        """A backup each time would push the useful ones out; --always-backup asks for one."""
        site.write_migration("001_users.sql", USERS)
        site.fab("deploy", check=0)
        before = everything_on(site)
        done = site.fab("deploy", check=0)
        assert "prod: nothing pending" in done.stdout
        assert everything_on(site) == before
        assert len(backups_of(site)) == 1
        found = the_document(site.fab("deploy", "--always-backup", "--json", check=0))
        assert found["outcome"] == "nothing_pending"
        assert backups_of(site)[1:] == [found["backup"]]
        assert json.loads(site.read_remote(f"backups/{found['backup']}.json"))["migration"] == "001_users.sql"

    def test_applies_only_what_is_new_and_keeps_as_many_backups_as_were_asked_for(self, site: Site) -> None:
        keep = {"FABRIC_DEPLOY_KEEP_BACKUPS": "2"}
        site.write_migration("001_users.sql", USERS)
        site.fab("deploy", check=0, env=keep)
        site.write_remote("backups/by_hand.sql.gz", b"of somebody else")
        (site.project / "migrations" / "notes.txt").write_text("gone soon\n", encoding="utf-8")
        site.write_migration("002_orders.sql", ORDERS)
        found = the_document(site.fab("deploy", "--json", check=0, env=keep))
        assert (found["outcome"], found["applied"]) == ("applied", ["002_orders.sql"])
        (site.project / "migrations" / "notes.txt").unlink()
        site.write_migration("003_email.sql", EMAIL)
        site.fab("deploy", check=0, env=keep)
        kept = backups_of(site)
        assert kept[0] == "by_hand.sql.gz"
        assert len(kept) == 3
        assert [f for f in site.remote_files() if f.endswith(".json")] == [f"backups/{name}.json" for name in kept[1:]]
        assert [f for f in site.remote_files() if f.startswith("migrations/")] == [
            "migrations/001_users.sql",
            "migrations/002_orders.sql",
            "migrations/003_email.sql",
        ]
        assert ledger_of(site) == ["001_users.sql", "002_orders.sql", "003_email.sql"]

    def test_of_another_text_about_the_migrations_copies_it_and_takes_no_backup(self, site: Site) -> None:
        site.write_migration("001_users.sql", USERS)
        site.fab("deploy", check=0)
        (site.project / "migrations" / "README.md").write_text("the rules\n", encoding="utf-8")
        assert the_document(site.fab("deploy", "--json", check=0))["outcome"] == "nothing_pending"
        assert site.read_remote("migrations/README.md") == b"the rules\n"
        assert len(backups_of(site)) == 1


class TestADryRun:
    def test_shows_the_plan_and_changes_nothing(self, site: Site) -> None:
        """As little as `fab -R`, on a server that has never seen a deploy and on one that has."""
        site.write_migration("001_users.sql", USERS)
        site.write_migration("002_index.sql", "CREATE INDEX CONCURRENTLY IF NOT EXISTS users_name ON users (name);\n")
        untouched = everything_on(site)
        for shown in (site.fab("deploy", "--dry-run", check=0), site.fab("-R", "deploy", check=0)):
            assert "apply 001_users.sql" in shown.stdout
            assert "apply 002_index.sql (outside a transaction)" in shown.stdout
            assert "take a backup" in shown.stdout
            assert "📄" not in shown.stdout
        assert everything_on(site) == untouched
        site.fab("deploy", check=0)
        site.write_migration("003_orders.sql", ORDERS)
        deployed = everything_on(site)
        found = the_document(site.fab("deploy", "--dry-run", "--json", check=0))
        assert found["outcome"] == "planned"
        assert found["plan"]["pending"] == ["003_orders.sql"]
        the_document(site.fab("-R", "deploy", "--json", check=0))
        assert everything_on(site) == deployed


class TestTheFlags:
    def test_only_applies_one_and_warns_of_what_it_makes_late(self, site: Site) -> None:
        site.write_migration("001_users.sql", USERS)
        site.write_migration("002_orders.sql", ORDERS)
        site.write_migration("003_email.sql", EMAIL)
        assert ledger_after(site, "deploy", "--only=1") == ["001_users.sql"]
        done = site.fab("deploy", "--only=003", check=0)
        assert "002_orders.sql will be late afterwards" in done.stdout
        assert ledger_of(site) == ["001_users.sql", "003_email.sql"]
        assert refusal_of(site.fab("deploy", "--only=003", check=10)).hint == "Run it again with --reapply=003"
        late = refusal_of(site.fab("deploy", check=23))
        assert late.message == "002_orders.sql has a lower number than 003_email.sql, which is applied"
        assert "--allow-late" in late.hint
        assert ledger_after(site, "deploy", "--allow-late") == ["001_users.sql", "003_email.sql", "002_orders.sql"]

    def test_reapply_runs_an_applied_file_again_edited_or_not(self, site: Site) -> None:
        site.write_migration(
            "001_count.sql", "CREATE TABLE IF NOT EXISTS runs (n int);\nINSERT INTO runs VALUES (1);\n"
        )
        site.fab("deploy", check=0)
        assert ledger_after(site, "deploy", "--reapply=001") == ["001_count.sql"]
        assert site.psql("SELECT n FROM runs") == "1\n1"
        edited = "CREATE TABLE IF NOT EXISTS runs (n int);\nINSERT INTO runs VALUES (2);\n"
        site.write_migration("001_count.sql", edited)
        site.fab("deploy", check=21)
        assert ledger_after(site, "deploy", "--reapply=001_count.sql") == ["001_count.sql"]
        assert site.psql("SELECT n FROM runs") == "1\n1\n2"
        assert site.psql("SELECT sha256 FROM deploy.migrations") == f"v1:{sha256(edited.encode()).hexdigest()}"
        assert "nothing pending" in site.fab("deploy", check=0).stdout

    def test_a_reapplied_file_that_fails_stays_applied(self, site: Site) -> None:
        """Its old row comes back with the rest of the transaction."""
        site.write_migration("001_users.sql", USERS)
        site.fab("deploy", check=0)
        before = site.dump()
        site.write_migration("001_users.sql", "DROP TABLE users;\nSELECT 1 / 0;\n")
        site.fab("deploy", "--reapply=1", check=28)
        assert site.dump() == before

    def test_baseline_records_without_running_and_applies_the_rest(self, site: Site) -> None:
        site.psql("CREATE TABLE users (id int)")
        site.write_migration("001_users.sql", "CREATE TABLE users (id int);\n")
        site.write_migration("002_more.sql", "CREATE TABLE users (id int);\n")
        site.write_migration("003_email.sql", EMAIL)
        shown = site.fab("deploy", "--baseline=002", "--dry-run", check=0).stdout
        assert "record as applied, without running it: 002_more.sql" in shown
        done = the_document(site.fab("deploy", "--baseline=002", "--json", check=0))
        assert done["applied"] == ["003_email.sql"]
        assert site.psql("SELECT name, way FROM deploy.migrations ORDER BY name").splitlines() == [
            "001_users.sql|baseline",
            "002_more.sql|baseline",
            "003_email.sql|transaction",
        ]
        assert "nothing pending" in site.fab("deploy", check=0).stdout

    def test_baseline_takes_what_was_begun_and_finished_by_hand(self, site: Site) -> None:
        site.psql("CREATE TABLE tags (name text); INSERT INTO tags VALUES ('a'), ('a')")
        site.write_migration("001_tags.sql", "CREATE UNIQUE INDEX CONCURRENTLY tags_name ON tags (name);\n")
        site.fab("deploy", check=29)
        site.psql("DROP INDEX tags_name; TRUNCATE tags; CREATE UNIQUE INDEX tags_name ON tags (name)")
        site.fab("deploy", "--baseline=001", check=0)
        assert site.psql("SELECT way, finished_at IS NOT NULL FROM deploy.migrations") == "baseline|t"
        assert "nothing pending" in site.fab("deploy", check=0).stdout

    def test_that_name_no_migration_are_refused(self, site: Site) -> None:
        site.write_migration("001_users.sql", USERS)
        untouched = everything_on(site)
        for flag in ("--only=7", "--reapply=users", "--baseline=001; DROP TABLE x"):
            refused = refusal_of(site.fab("deploy", flag, check=10))
            assert refused.message == f"{flag} names no migration that is here"
        assert everything_on(site) == untouched


def ledger_after(site: Site, *args: str) -> list[str]:
    site.fab(*args, check=0)
    return ledger_of(site)


class TestADatabaseThatHasItsTablesAlready:
    def test_is_adopted_by_the_first_deploy(self, site: Site) -> None:
        """The files are idempotent: they find what an earlier way of deploying has made, and its data stays."""
        site.psql(USERS)
        site.psql(ORDERS)
        site.psql("INSERT INTO users VALUES (2, 'boris'); INSERT INTO orders VALUES (10, 2)")
        before = site.dump(without_ledger=True)
        site.write_migration("001_users.sql", USERS)
        site.write_migration("002_orders.sql", ORDERS)
        assert "no ledger yet" in site.fab("status", check=0).stdout
        assert ledger_after(site, "deploy") == ["001_users.sql", "002_orders.sql"]
        assert site.dump(without_ledger=True) == before

    def test_may_have_a_foreign_table_where_the_ledger_would_be(self, site: Site) -> None:
        site.psql("CREATE SCHEMA deploy; CREATE TABLE deploy.migrations (version int)")
        site.write_migration("001_users.sql", USERS)
        untouched = everything_on(site)
        assert "isn't this tool's ledger" in refusal_of(site.fab("deploy", check=11)).message
        assert everything_on(site) == untouched
        site.fab("deploy", check=0, env={"FABRIC_DEPLOY_LEDGER_SCHEMA": 'my "own" schema'})
        assert site.psql('SELECT name FROM "my ""own"" schema".migrations') == "001_users.sql"


class TestThisProjectsOwnMigrations:
    @pytest.mark.parametrize("version", [15, 17])
    def test_run_on_what_init_db_makes_and_can_run_again(self, server: ServerUnderTest, version: int) -> None:
        with server.fresh(version) as site:
            site.psql((HERE / "init-db.sql").read_text(encoding="utf-8"))
            shutil.copytree(HERE / "migrations", site.project / "migrations", dirs_exist_ok=True)
            site.fab("deploy", check=0)
            files = sorted(path.name for path in (HERE / "migrations").glob("*.sql"))
            assert ledger_of(site) == files
            assert site.psql("SELECT to_regclass('backtester.user_preferences') IS NOT NULL") == "t"
            assert site.psql("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == "0"
            before = site.dump(without_ledger=True)
            site.fab(*(word for file in files for word in ("deploy", f"--reapply={file}")), check=0)
            assert site.psql("SELECT count(DISTINCT deploy_id) FROM deploy.migrations") == str(len(files))
            assert site.dump(without_ledger=True) == before


class TestADeployWithoutAHost:
    """The same job on this machine, in the project's own folder."""

    @pytest.fixture
    def local(self, site: Site) -> Site:
        return replace(site, env={**site.env, "FABRIC_DEPLOY_REMOTE_DIR": "."})

    def test_applies_to_the_local_container_and_leaves_the_files_alone(self, local: Site) -> None:
        file = local.write_migration("001_users.sql", USERS)
        inode = file.stat().st_ino
        done = local.fab("deploy", check=0, remote=False)
        assert "📄 Applying migration: 001_users.sql" in done.stdout
        assert done.stderr == ""
        assert ledger_of(local) == ["001_users.sql"]
        assert file.stat().st_ino == inode
        (backup,) = (local.project / "backups").glob("pre_deploy_*.sql.gz")
        assert backup.stat().st_mode & 0o777 == 0o600
        assert (local.project / "backups" / "backup_local_latest.sql.gz").resolve() == backup
        assert local.remote_files() == []
        assert "✅ local: nothing pending" in local.fab("deploy", check=0, remote=False).stdout

    def test_never_replaces_a_folder_that_happens_to_be_called_migrations(self, local: Site) -> None:
        """Another framework's, beside the one that `migrations_dir` names."""
        foreign = local.project / "migrations" / "0001_initial.py"
        foreign.write_text("of Django\n", encoding="utf-8")
        (local.project / "sql").mkdir()
        (local.project / "sql" / "001_users.sql").write_text(USERS, encoding="utf-8")
        local.fab("deploy", check=0, remote=False, env={"FABRIC_DEPLOY_MIGRATIONS_DIR": "sql"})
        assert ledger_of(local) == ["001_users.sql"]
        assert foreign.read_text(encoding="utf-8") == "of Django\n"
        assert [path.name for path in (local.project / "migrations").iterdir()] == ["0001_initial.py"]

    def test_asks_the_container_of_this_machine_by_default(self, local: Site) -> None:
        """Never the server's: without -H, the name of the local container is meant."""
        local.write_migration("001_users.sql", USERS)
        bare = replace(local, env={})
        assert "backtester_postgres" in refusal_of(bare.fab("deploy", check=52, remote=False)).message
        assert not (local.project / "backups").exists()


def programs_on_the_server(site: Site, scripts: dict[str, str]) -> str:
    """Put small programs on the server and return the folder's path."""
    folder = f"{site.remote_dir}/programs"
    for name, text in scripts.items():
        site.write_remote(f"programs/{name}", text.encode())
    site.ssh(f"chmod -R 700 {folder}")
    return folder


class TestOtherWaysToTheDatabase:
    def test_docker_may_be_several_words(self, site: Site) -> None:
        """As `sudo -n docker` is; a stand-in takes the place of sudo."""
        folder = programs_on_the_server(site, {"sudo": '#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\nexec "$@"\n'})
        site.write_migration("001_users.sql", USERS)
        site.fab("deploy", check=0, env={"FABRIC_DEPLOY_DOCKER": f"{folder}/sudo -n docker"})
        assert ledger_of(site) == ["001_users.sql"]

    def test_postgres_may_stand_on_the_server_itself(self, site: Site) -> None:
        """Played by programs that reach into the container, to where they bring what psql is to read."""
        enter = f"exec docker exec -i -e PGDATABASE -e PGUSER -e PGAPPNAME -e PGOPTIONS {site.container}"
        bring = f"docker exec -i {site.container} tar -C / -xf -"
        psql = (
            "#!/bin/sh\nfor last; do :; done\n"
            f'case $last in /*/run.sql) tar -C / -cf - "${{last%/*}}" 2>/dev/null | {bring} ;; esac\n{enter} psql "$@"\n'
        )
        folder = programs_on_the_server(site, {"psql": psql, "pg_dump": f'#!/bin/sh\n{enter} pg_dump "$@"\n'})
        env = {"FABRIC_DEPLOY_CONTAINER": "", "FABRIC_DEPLOY_POSTGRES_BIN": folder}
        site.write_migration("001_users.sql", USERS)
        site.write_migration("002_index.sql", "CREATE INDEX CONCURRENTLY IF NOT EXISTS users_name ON users (name);\n")
        site.fab("deploy", check=0, env=env)
        assert ledger_of(site) == ["001_users.sql", "002_index.sql"]
        assert len(backups_of(site)) == 1
        assert "on the server itself" in site.fab("doctor", check=0, env=env).stdout

    def test_a_database_may_have_any_name(self, site: Site) -> None:
        """Quotes, spaces, a dollar and what looks like a connection string are a name like any other."""
        name = f'{site.database} it\'s "x" $(id) host=nowhere'
        site.psql('CREATE DATABASE "{}"'.format(name.replace('"', '""')))
        site.write_migration("001_users.sql", USERS)
        site.fab("deploy", check=0, env={"FABRIC_DEPLOY_DATABASE": name})
        quoted = name.replace("'", r"\'")
        assert site.psql("SELECT name FROM users", f"dbname='{quoted}'") == "anna"
        (backup,) = backups_of(site)
        assert json.loads(site.read_remote(f"backups/{backup}.json"))["database"] == name

    def test_the_remote_folder_may_be_missing_and_have_any_name(self, site: Site) -> None:
        folder = f"{site.remote_dir}/not there/yet it's $HOME"
        site.write_migration("001_users.sql", USERS)
        site.fab("deploy", check=0, env={"FABRIC_DEPLOY_REMOTE_DIR": folder})
        assert "not there/yet it's $HOME/migrations/001_users.sql" in site.remote_files()
        assert "nothing pending" in site.fab("deploy", check=0, env={"FABRIC_DEPLOY_REMOTE_DIR": folder}).stdout


class Pair:
    """Two servers, each an environment of its own, and one project that goes to both."""

    def __init__(self, server: ServerUnderTest, one: Site, two: Site) -> None:
        self.one, self.two = one, two
        self.config = one.home / "ssh_config.two"
        hosts = [
            server.sshd.write_ssh_config(one.home / name, host=name).read_text(encoding="utf-8")
            for name in ("alpha", "beta")
        ]
        self.config.write_text("".join(hosts), encoding="utf-8")
        environments = {
            name: {
                "container": site.container,
                "database": site.database,
                "user": site.user,
                "remote_dir": str(site.remote_dir),
            }
            for name, site in (("alpha", one), ("beta", two))
        }
        # JSON is YAML
        (one.project / "fabric.yml").write_text(
            json.dumps({"deploy": {"environments": environments}}), encoding="utf-8"
        )

    def fab(self, *args: str, check: int) -> subprocess.CompletedProcess[str]:
        both = replace(self.one, ssh_config=self.config, host="alpha,beta", env={})
        return both.fab(*args, check=check)


@pytest.fixture
def pair(server: ServerUnderTest, site: Site) -> Iterator[Pair]:
    with server.fresh(17) as other:
        yield Pair(server, site, other)


def table_of(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    """Return the first two columns of the table at the end."""
    lines = done.stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("host "))
    return [[cell.strip() for cell in line.split("  ") if cell.strip()][:2] for line in lines[start + 1 : start + 3]]


class TestSeveralHosts:
    def test_are_deployed_to_one_after_another(self, pair: Pair) -> None:
        pair.one.write_migration("001_users.sql", USERS)
        done = pair.fab("deploy", check=0)
        assert table_of(done) == [["alpha", "done"], ["beta", "done"]]
        assert ledger_of(pair.one) == ledger_of(pair.two) == ["001_users.sql"]
        found = the_document(pair.fab("deploy", "--json", check=0))
        assert [(host["host"], host["outcome"]) for host in found["hosts"]] == [
            ("alpha", "nothing_pending"),
            ("beta", "nothing_pending"),
        ]

    def test_are_all_planned_before_the_first_is_touched(self, pair: Pair) -> None:
        """The second one's ledger has a file that this checkout lacks."""
        pair.one.write_migration("001_users.sql", USERS)
        pair.fab("deploy", check=0)
        pair.two.psql("UPDATE deploy.migrations SET name = '000_other.sql'")
        pair.one.write_migration("002_orders.sql", ORDERS)
        untouched = everything_on(pair.one), everything_on(pair.two)
        refused = refusal_of(pair.fab("deploy", check=22))
        assert refused.message.startswith("beta: 000_other.sql was applied by deploy")
        assert (everything_on(pair.one), everything_on(pair.two)) == untouched

    def test_stop_at_the_first_failure(self, pair: Pair) -> None:
        pair.one.write_migration("001_users.sql", USERS)
        pair.one.psql("CREATE VIEW users AS SELECT 1 AS id")
        untouched = everything_on(pair.two)
        done = pair.fab("deploy", check=28)
        assert table_of(done) == [["alpha", "failed"], ["beta", "not started"]]
        refusal_of(done)
        assert everything_on(pair.two) == untouched
        document = the_document(pair.fab("deploy", "--json", check=28))
        assert [host["outcome"] for host in document["hosts"]] == ["failed", "not_started"]
        assert document["hosts"][0]["failed"] == "001_users.sql"
        found = the_document(pair.fab("fetch", "--backup=latest", "--json", check=42))
        assert [(host["host"], host["outcome"]) for host in found["hosts"]] == [
            ("alpha", "fetched"),
            ("beta", "refused"),
        ]


class TestTheJsonOfADeploy:
    def test_is_one_document_with_the_contracts_keys(self, site: Site) -> None:
        keys = {"outcome", "applied", "failed", "backup", "rehearsed", "duration_s"}
        site.write_migration("001_users.sql", USERS)
        applied = site.fab("deploy", "--json", check=0)
        found = the_document(applied)
        assert keys <= set(found)
        assert (found["outcome"], found["applied"], found["failed"]) == ("applied", ["001_users.sql"], None)
        assert found["backup"] == backups_of(site)[0]
        assert "📄 Applying migration: 001_users.sql" in applied.stderr
        site.write_migration("002_bad.sql", "SELECT 1 / 0;\n")
        failed = the_document(site.fab("deploy", "--json", check=28))
        assert keys <= set(failed)
        assert (failed["outcome"], failed["applied"], failed["failed"]) == ("failed", [], "002_bad.sql")
        assert failed["error"]["status"] == 28
        (site.project / "migrations" / "001_users.sql").unlink()
        refused = the_document(site.fab("deploy", "--json", check=22))
        assert refused["outcome"] == "refused"
        assert refused["error"]["status"] == 22


class TestSettings:
    def test_that_are_wrong_are_named_all_at_once(self, site: Site) -> None:
        """A file for everybody, one environment's part of it, and the variables of a nightly run."""
        site.write_migration("001_users.sql", USERS)
        (site.project / "fabric.yml").write_text(
            "deploy:\n  contianer: typo\n  environments:\n    prod:\n      database: ''\n", encoding="utf-8"
        )
        untouched = everything_on(site)
        env = {
            "FABRIC_DEPLOY_KEEP_BACKUPS": "false",
            "FABRIC_DEPLOY_LOCK_TIMEOUT": "soon",
            "FABRIC_DEPLOY_REMOTE_DIR": "relative/path",
            "FABRIC_DEPLOY_DATABSE": "typo",
        }
        nightly = replace(site, env={k: v for k, v in site.env.items() if k != "FABRIC_DEPLOY_DATABASE"})
        refused = refusal_of(nightly.fab("deploy", check=11, env=env))
        for word in (
            "deploy.contianer is not a setting",
            "deploy.environments.prod.database must not be empty",
            "FABRIC_DEPLOY_KEEP_BACKUPS must be a whole number above 0, not 'false'",
            "FABRIC_DEPLOY_LOCK_TIMEOUT must be a duration",
            "FABRIC_DEPLOY_REMOTE_DIR must be an absolute path",
            "FABRIC_DEPLOY_DATABSE is not a setting",
        ):
            assert word in refused.message
        assert everything_on(site) == untouched

    @pytest.mark.parametrize(
        "yaml",
        [
            "deploy: all of it\n",
            "deploy: [1, 2]\n",
            "deploy:\n  environments: prod\n",
            "deploy:\n  environments:\n    prod: yes\n",
            "deploy:\n  environments:\n    staging:\n      hosts: production\n",
        ],
    )
    def test_of_another_shape_are_refused_and_not_guessed_at(self, site: Site, yaml: str) -> None:
        site.write_migration("001_users.sql", USERS)
        (site.project / "fabric.yml").write_text(yaml, encoding="utf-8")
        assert "deploy" in refusal_of(site.fab("deploy", "--dry-run", check=11)).message

    def test_may_be_left_empty(self, site: Site) -> None:
        """A section whose lines are all commented out."""
        site.write_migration("001_users.sql", USERS)
        (site.project / "fabric.yml").write_text("deploy:\n  # container: x\n", encoding="utf-8")
        site.fab("deploy", "--dry-run", check=0)

    def test_of_an_environment_hold_for_the_hosts_that_it_lists(self, site: Site) -> None:
        site.write_migration("001_users.sql", USERS)
        environments = {"staging": {"hosts": ["other", "prod"], "database": site.database}}
        (site.project / "fabric.yml").write_text(
            json.dumps({"deploy": {"environments": environments}}), encoding="utf-8"
        )
        staging = replace(site, env={k: v for k, v in site.env.items() if k != "FABRIC_DEPLOY_DATABASE"})
        staging.fab("deploy", check=0)
        assert ledger_of(site) == ["001_users.sql"]
        assert "backups/backup_staging_latest.sql.gz" in site.remote_files()

    def test_of_a_variable_win_over_a_number_in_the_file(self, site: Site) -> None:
        site.write_migration("001_users.sql", USERS)
        (site.project / "fabric.yml").write_text("deploy:\n  lock_timeout: 5000\n", encoding="utf-8")
        site.fab("deploy", "--dry-run", check=0, env={"FABRIC_DEPLOY_LOCK_TIMEOUT": "10s"})


def test_the_machine_that_deploys_needs_git_no_more_than_the_server_does(site: Site) -> None:
    """In a repository the commit stands in the ledger, with a + where the files differ from it; elsewhere there is none."""
    site.write_migration("001_users.sql", USERS)
    git = ["git", "-C", str(site.project), "-c", "user.name=anna", "-c", "user.email=anna@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "begin"]):
        run([*git, *words])
    head = run([*git, "rev-parse", "HEAD"]).decode().strip()
    site.fab("deploy", check=0)
    site.write_migration("002_orders.sql", ORDERS)
    site.fab("deploy", check=0)
    assert site.psql("SELECT git_commit FROM deploy.migrations ORDER BY name").split() == [head, f"{head}+"]
