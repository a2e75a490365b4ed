"""Whatever is wrong with what `fab -H prod deploy` is given: what happened, what to do, an exit status, and nothing half-done."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.job.scripts import LOCK_KEY
from tests.journeys.watching import Refusal, everything_on, refusal_of
from tests.server.machine import as_root, run
from tests.server.sshd import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server import ServerUnderTest, Site

ONE = "CREATE TABLE IF NOT EXISTS one (id int);\n"
TWO = "CREATE TABLE IF NOT EXISTS two (id int);\n"
THREE = "CREATE TABLE IF NOT EXISTS three (id int);\n"


@contextmanager
def nothing_changes(site: Site) -> Iterator[None]:
    """See to it that neither the server nor the database is touched in between."""
    before = everything_on(site)
    yield
    assert everything_on(site) == before


def refused(site: Site, status: int, *args: str, env: dict[str, str] | None = None) -> Refusal:
    """Deploy, which must be refused with this status and without a trace."""
    with nothing_changes(site):
        return refusal_of(site.fab("deploy", *args, check=status, env=env))


@pytest.fixture(scope="class")
def ready(server: ServerUnderTest) -> Iterator[Site]:
    """A site with one migration and nothing deployed; for tests that change nothing."""
    with server.fresh(15) as site:
        site.psql("CREATE TABLE data AS SELECT generate_series(1, 10) AS n")
        site.write_migration("001_one.sql", ONE)
        yield site


class TestTheHost:
    @pytest.mark.parametrize(
        ("hosts", "why"), [("", "-H is empty"), (" ", "-H is empty"), ("prod,", "-H has an empty name in it")]
    )
    def test_may_be_empty_and_is_then_never_this_machine(self, ready: Site, hosts: str, why: str) -> None:
        """As a secret of a workflow is that nobody has set."""
        with nothing_changes(ready):
            done = ready.fab("-S", str(ready.ssh_config), "-H", hosts, "deploy", check=14, remote=False)
        assert why in refusal_of(done).message

    def test_may_be_named_twice(self, ready: Site) -> None:
        assert "names a host twice" in refused(replace(ready, host="prod,prod"), 10).message

    def test_may_be_unknown(self, ready: Site) -> None:
        found = refused(replace(ready, host="no-such-host.invalid"), 60)
        assert "no-such-host.invalid doesn't resolve" in found.message

    def test_may_refuse_its_port(self, ready: Site, tmp_path: Path) -> None:
        port = free_port()
        config = ready.sshd.write_ssh_config(tmp_path / "config", host=ready.host, port=port)
        found = refused(replace(ready, ssh_config=config), 60)
        assert found.message == f"127.0.0.1 port {port} refuses connections"

    def test_may_not_know_the_key(self, ready: Site, tmp_path: Path) -> None:
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "stranger")])
        config = tmp_path / "config"
        right = f"IdentityFile {ready.sshd.folder}/client_key"
        text = ready.ssh_config.read_text(encoding="utf-8")
        assert right in text
        config.write_text(text.replace(right, f"IdentityFile {tmp_path}/stranger"), encoding="utf-8")
        refused(replace(ready, ssh_config=config), 63)

    @pytest.mark.parametrize(("status", "known"), [(61, False), (62, True)])
    def test_may_have_an_unknown_or_another_host_key(
        self, ready: Site, tmp_path: Path, status: int, *, known: bool
    ) -> None:
        config = ready.sshd.write_ssh_config(tmp_path / "config", host=ready.host)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")])
        key = (tmp_path / "other.pub").read_text(encoding="ascii")
        known_hosts = tmp_path / "config.known_hosts"
        known_hosts.write_text(f"[127.0.0.1]:{ready.sshd.port} {key}" if known else "", encoding="ascii")
        found = refused(replace(ready, ssh_config=config), status)
        words = " ".join((found.message, *found.details, found.hint))
        offered = fingerprint(ready.sshd.folder / "host_key.pub")
        assert offered in words
        assert (fingerprint(tmp_path / "other.pub") in words) == known


def fingerprint(public_key: Path) -> str:
    return run(["ssh-keygen", "-l", "-f", str(public_key)]).decode().split()[1]


class TestTheServer:
    def test_may_have_no_docker(self, ready: Site) -> None:
        assert refused(ready, 51, env={"FABRIC_DEPLOY_DOCKER": "podman-of-nobody"}).message == (
            "the server has no podman-of-nobody"
        )

    def test_may_not_let_this_user_use_docker(self, ready: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
        """A socket that belongs to root alone gives docker's own words for it."""
        folder = ready.home.parent / "root-only"
        folder.mkdir(exist_ok=True)
        path = folder / "docker.sock"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            run(as_root("chmod", "600", str(path)))
            found = refused(ready, 51, env={"FABRIC_DEPLOY_DOCKER": f"env DOCKER_HOST=unix://{path} docker"})
        assert found.message.startswith("deployer may not use ")
        assert "usermod -aG docker deployer" in found.hint

    def test_may_have_a_docker_that_doesnt_run(self, ready: Site) -> None:
        env = {"FABRIC_DEPLOY_DOCKER": "env DOCKER_HOST=unix:///nowhere/docker.sock docker"}
        assert "doesn't run" in refused(ready, 51, env=env).message

    def test_may_lack_the_container(self, ready: Site) -> None:
        found = refused(ready, 52, env={"FABRIC_DEPLOY_CONTAINER": "no-such-container"})
        assert found.message == "there is no container no-such-container"

    def test_may_have_a_container_that_is_paused_or_stopped(self, server: ServerUnderTest) -> None:
        with server.fresh(15, private=True) as site:
            site.write_migration("001_one.sql", ONE)
            before = everything_on(site)
            site.pause()
            assert "is paused" in refusal_of(site.fab("deploy", check=52)).message
            site.unpause()
            site.stop()
            found = refusal_of(site.fab("deploy", check=52))
            assert found.message == f"the container {site.container} isn't running: exited"
            assert found.hint == f"On the server: docker start {site.container}"
            site.start()
            assert everything_on(site) == before

    def test_may_have_a_container_that_restarts_again_and_again(self, server: ServerUnderTest, ready: Site) -> None:
        name = f"{server.session}-restarting"
        labels = ["--label", "deploy-test=1", "--label", f"deploy-test-session={server.session}"]
        run(["docker", "run", "-d", "--name", name, *labels, "--restart=always", "deploy-test-postgres:15", "false"])
        state = ["docker", "inspect", "-f", "{{.State.Status}} {{.RestartCount}}", name]
        try:
            wait_for(lambda: run(state).decode().startswith("restarting") and int(run(state).split()[1]) > 2)
            found = refused(ready, 52, env={"FABRIC_DEPLOY_CONTAINER": name})
        finally:
            run(["docker", "rm", "--force", "--volumes", name])
        assert "restarting" in found.message

    def test_may_have_no_such_database_or_user(self, ready: Site) -> None:
        assert refused(ready, 30, env={"FABRIC_DEPLOY_DATABASE": "nobodys"}).message == 'there is no database "nobodys"'
        assert refused(ready, 30, env={"FABRIC_DEPLOY_USER": "nobody"}).message == 'there is no role "nobody"'

    def test_may_be_a_standby(self, server: ServerUnderTest) -> None:
        with server.fresh(15, private=True) as site:
            site.write_migration("001_one.sql", ONE)
            run(["docker", "exec", site.container, "sh", "-c", ': >"$PGDATA/standby.signal"'])
            site.stop()
            site.start()
            assert site.psql("SELECT pg_is_in_recovery()") == "t"
            assert "standby" in refused(site, 31).message
            assert "standby" in refused(site, 31, "--dry-run").message

    def test_may_not_let_us_write_where_we_should(self, ready: Site) -> None:
        found = refused(ready, 58, env={"FABRIC_DEPLOY_REMOTE_DIR": "/root-only/deploys"})
        assert found.message == "/root-only/deploys can't be made by deployer"
        assert found.hint == "As root on the server: install -d -o deployer -m 755 /root-only/deploys"

    def test_may_lack_psql(self, ready: Site) -> None:
        found = refused(ready, 50, env={"FABRIC_DEPLOY_POSTGRES_BIN": "/nowhere/bin"})
        assert "psql" in found.message
        assert "postgres_bin" in found.hint


def wait_for(what: Callable[[], object], *, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def with_files(site: Site, folder: Path, files: dict[str, bytes | str]) -> Site:
    """Return the same site with another project: these files in its `migrations/`."""
    project = folder / "project"
    (project / "migrations").mkdir(parents=True)
    shutil.copy(site.project / "fabfile.py", project)
    for name, content in files.items():
        path = project / "migrations" / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return replace(site, project=project)


class TestTheFiles:
    def test_may_be_nowhere(self, ready: Site, tmp_path: Path) -> None:
        bare = with_files(ready, tmp_path, {})
        assert refused(bare, 20).message == "there is no NNN_description.sql in migrations/"
        (bare.project / "migrations" / "README.md").write_text("rules", encoding="utf-8")
        assert refused(bare, 20).message == "there is no NNN_description.sql in migrations/"
        shutil.rmtree(bare.project / "migrations")
        assert "there is no directory migrations/" in refused(bare, 20).message
        (bare.project / "migrations").write_text("a file\n", encoding="utf-8")
        refused(bare, 20)

    def test_may_share_a_number(self, ready: Site, tmp_path: Path) -> None:
        both = with_files(ready, tmp_path, {"001_one.sql": ONE, "0001_also.sql": ONE})
        assert refused(both, 24).message == "0001_also.sql and 001_one.sql have the same number"

    @pytest.mark.parametrize(
        "name",
        [
            "02_short.sql",
            "002-dash.sql",
            "002_.sql",
            "002_a b.sql",
            "002_$(id).sql",
            "002_é.sql",
            "notes.sql",
            "002_a\n.sql",
            "002_upper.SQL",
        ],
    )
    def test_may_have_a_name_that_doesnt_fit(self, ready: Site, tmp_path: Path, name: str) -> None:
        """Passing such a file by would be worse: somebody meant it to run."""
        found = refused(with_files(ready, tmp_path, {"001_one.sql": ONE, name: TWO}), 25)
        assert found.message == f"{ascii(name)[1:-1]} doesn't fit NNN_description.sql"

    def test_may_not_be_files_at_all(self, ready: Site, tmp_path: Path) -> None:
        project = with_files(ready, tmp_path, {"001_one.sql": ONE})
        odd = project.project / "migrations" / "002_odd.sql"
        odd.mkdir()
        assert refused(project, 25).message == "002_odd.sql is a directory"
        odd.rmdir()
        odd.symlink_to("001_one.sql")
        assert refused(project, 25).message == "002_odd.sql is a symbolic link"
        odd.unlink()
        os.mkfifo(odd)
        assert refused(project, 25).message == "002_odd.sql is no regular file"

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("SELECT 1;\n-- привет\n".encode("cp1251"), "002_text.sql isn't UTF-8 in line 2"),
            ("SELECT 1;\n".encode("utf-16"), "002_text.sql has a NUL byte in line 1"),
            (b"SELECT 1;\n\n-- \0\n", "002_text.sql has a NUL byte in line 3"),
            (b"\0" * 10_000_000, "002_text.sql has a NUL byte in line 1"),
        ],
        ids=["windows", "utf-16", "nul", "10 MB of nul"],
    )
    def test_may_not_be_text(self, ready: Site, tmp_path: Path, content: bytes, message: str) -> None:
        assert (
            refused(with_files(ready, tmp_path, {"001_one.sql": ONE, "002_text.sql": content}), 26).message == message
        )

    @pytest.mark.parametrize(
        ("sql", "place"),
        [
            ("CREATE TABLE x ();\n  BEGIN;\nCREATE TABLE y ();\n", "002_bad.sql:2:3: "),
            ("SELECT 1;\nSELECT 'open;\n", "002_bad.sql:2:8: "),
            ("BEGIN;\nCREATE INDEX CONCURRENTLY i ON one (id);\nCOMMIT;\n", "002_bad.sql:2:1: "),
            ("\\c postgres\nDROP TABLE one;\n", "002_bad.sql:1:1: "),
        ],
        ids=["BEGIN without COMMIT", "an open string", "CONCURRENTLY in a block", "another database"],
    )
    def test_may_be_certain_to_fail(self, ready: Site, tmp_path: Path, sql: str, place: str) -> None:
        found = refused(with_files(ready, tmp_path, {"001_one.sql": ONE, "002_bad.sql": sql}), 27)
        assert found.message.startswith(place)

    def test_of_10_mb_are_applied_like_any_other(self, site: Site) -> None:
        rows = "".join(f"{n}\tit's row {n}; $$ with \\\\ and a quote\n" for n in range(110_000))
        tables = "".join(f"CREATE TABLE more_{n} (t text DEFAULT 'it''s; {n}');\n" for n in range(100))
        site.write_migration(
            "001_big.sql", f"CREATE TABLE big (n int, t text);\nCOPY big FROM stdin;\n{rows * 2}\\.\n{tables}"
        )
        assert (site.project / "migrations" / "001_big.sql").stat().st_size > 9_000_000
        site.fab("deploy", check=0)
        assert site.psql("SELECT count(*) FROM big") == "220000"


@pytest.fixture(scope="class")
def deployed(server: ServerUnderTest) -> Iterator[Site]:
    """A site to which 001 and 003 were deployed; for tests that change nothing."""
    with server.fresh(15) as site:
        site.write_migration("001_one.sql", ONE)
        site.write_migration("003_three.sql", THREE)
        site.fab("deploy", check=0)
        yield site


class TestTheFilesBesideTheLedger:
    def test_may_have_been_edited(self, deployed: Site, tmp_path: Path) -> None:
        edited = with_files(deployed, tmp_path, {"001_one.sql": ONE + "-- more\n", "003_three.sql": THREE})
        found = refused(edited, 21)
        assert found.message == "001_one.sql was edited after it was applied"
        assert "--reapply=001" in found.hint

    def test_may_be_missing(self, deployed: Site, tmp_path: Path) -> None:
        """An old checkout, or a file that was deleted or renamed."""
        found = refused(with_files(deployed, tmp_path, {"001_one.sql": ONE, "004_four.sql": TWO}), 22)
        assert found.message.startswith("003_three.sql was applied by deploy ")
        assert "git pull" in found.hint

    def test_may_come_late(self, deployed: Site, tmp_path: Path) -> None:
        late = with_files(deployed, tmp_path, {"001_one.sql": ONE, "002_two.sql": TWO, "003_three.sql": THREE})
        found = refused(late, 23)
        assert found.message == "002_two.sql has a lower number than 003_three.sql, which is applied"
        assert "--allow-late" in found.hint

    def test_may_be_wrong_in_a_dry_run_too(self, deployed: Site, tmp_path: Path) -> None:
        refused(with_files(deployed, tmp_path, {"001_one.sql": ONE, "003_three.sql": TWO}), 21, "--dry-run")


def jobs_of(site: Site) -> set[str]:
    return {f.split("/")[2] for f in site.remote_files() if f.startswith(".deploy/jobs/")}


@contextmanager
def lock_on(site: Site, table: str) -> Iterator[None]:
    """Let nobody read the table until the end."""
    argv = ["docker", "exec", "-i", site.container, "psql", "-XqAt", "-U", site.user, "-d", site.database]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"BEGIN;\nLOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;\n\\echo ready\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            process.stdin.close()


PG_DUMP_WAITS = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
KILL_PG_DUMP = (
    'for p in /proc/[0-9]*; do if [ "$(cat "$p/comm" 2>/dev/null)" = pg_dump ]; then kill -9 "${p#/proc/}"; fi; done'
)


class TestTheJob:
    def test_may_meet_another_one(self, site: Site) -> None:
        """Who, since when, from where and at which step."""
        site.write_migration("001_slow.sql", "SELECT pg_sleep(4);\nCREATE TABLE slow ();\n")
        first = site.spawn("deploy")
        wait_for(lambda: ".deploy/step" in site.remote_files() and site.read_remote(".deploy/step") == b"apply\n")
        found = refusal_of(site.fab("deploy", check=53))
        assert found.message.startswith("another job is at work: deploy by ")
        assert found.message.endswith("at: apply")
        assert " from " in found.message
        assert " since 20" in found.message
        assert found.hint == "Watch it with `fab -H prod follow`, or stop it with `fab -H prod cancel`."
        first.communicate(timeout=60)
        assert first.returncode == 0
        assert site.psql("SELECT count(*) FROM deploy.migrations WHERE finished_at IS NOT NULL") == "1"
        assert len(jobs_of(site)) == 1

    def test_may_meet_one_that_came_by_another_folder(self, ready: Site) -> None:
        """The lock in the database spans them all."""
        argv = ["docker", "exec", "-i", "-e", "PGAPPNAME=deploy:elsewhere", ready.container]
        argv += ["psql", "-XqAt", "-U", ready.user, "-d", ready.database]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdin
            assert holder.stdout
            holder.stdin.write(f"SELECT pg_try_advisory_lock({LOCK_KEY});\n".encode())
            holder.stdin.flush()
            assert holder.stdout.readline() == b"t\n"
            found = refused(ready, 53)
            holder.stdin.close()
        assert found.message.startswith("a session holds the deploy lock in the database: deploy:elsewhere, pid ")

    def test_may_find_no_space_before_it_starts(self, site: Site) -> None:
        site.small_disk(1)
        site.write_migration("001_one.sql", ONE)
        found = refused(site, 44)
        assert found.message.startswith("a backup needs about ")

    def test_may_run_out_of_space_in_the_middle_of_the_backup(self, site: Site) -> None:
        """Random bytes, which don't get smaller."""
        site.psql(
            "CREATE TABLE noise AS SELECT (SELECT decode(string_agg(md5(random()::text || i || j), ''), 'hex')"
            " FROM generate_series(1, 6400) j) AS bytes FROM generate_series(1, 100) i"
        )
        site.small_disk(8)
        site.write_migration("001_one.sql", ONE)
        before = site.dump()
        found = refusal_of(site.fab("deploy", check=44))
        assert "disk is full" in found.message
        assert "nothing was changed" in found.message
        nothing_half_done(site, before)

    @pytest.mark.parametrize("victim", ["its server process", "pg_dump itself"])
    def test_may_lose_pg_dump_in_the_middle_of_the_backup(self, site: Site, victim: str) -> None:
        site.psql("CREATE TABLE a AS SELECT generate_series(1, 1000) AS n; CREATE TABLE locked (id int)")
        site.write_migration("001_one.sql", ONE)
        before = site.dump()
        with lock_on(site, "locked"):
            deploy = site.spawn("deploy")
            wait_for(lambda: site.psql(PG_DUMP_WAITS))
            if victim == "pg_dump itself":
                run(["docker", "exec", site.container, "sh", "-c", KILL_PG_DUMP])
            else:
                site.psql(f"SELECT pg_terminate_backend(({PG_DUMP_WAITS}))")
            said, _ = deploy.communicate(timeout=60)
        assert deploy.returncode == 40
        found = refusal_of(subprocess.CompletedProcess([], 40, said, ""))
        assert found.message.startswith("the backup failed: pg_dump ended with status ")
        assert found.message.endswith("; nothing was applied")
        nothing_half_done(site, before)
        assert "1 migration applied" in site.fab("deploy", check=0).stdout


def nothing_half_done(site: Site, before: bytes) -> None:
    """See to it that a job that had begun left its record, and neither a backup nor anything in the database."""
    assert site.dump() == before
    assert [f for f in site.remote_files() if f.startswith(("backups/", "migrations/")) or f.endswith(".part")] == []
    assert site.read_remote("deploys.jsonl").splitlines()[-1].count(b'"outcome":"failed"') == 1


class TestAnyOfThem:
    def test_is_one_json_document_where_that_was_asked_for(self, ready: Site, tmp_path: Path) -> None:
        project = with_files(ready, tmp_path, {"1_one.sql": ONE})
        done = project.fab("deploy", "--json", check=25)
        assert done.stdout.startswith('{\n  "host": "prod",\n  "outcome": "refused"')
        assert '"status": 25' in done.stdout
        assert done.stderr.splitlines()[0] == "❌ 1_one.sql doesn't fit NNN_description.sql"
        assert done.stderr.splitlines()[1].startswith("   👉 ")

    def test_may_be_put_into_a_setting(self, ready: Site) -> None:
        """No value of a setting becomes a command of the server's shell."""
        evil = "x; >~/owned $(>~/owned) `>~/owned`' >~/owned '"
        for name, status in (("CONTAINER", 11), ("DATABASE", 30), ("USER", 30), ("POSTGRES_BIN", 50), ("DOCKER", 51)):
            refused(ready, status, env={f"FABRIC_DEPLOY_{name}": evil})
        look = "ls -a ~"
        assert "owned" not in ready.ssh(look).decode()
        assert "owned" not in run(["docker", "exec", ready.container, "sh", "-c", look]).decode()
