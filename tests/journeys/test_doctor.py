"""The doctor against real trouble: each is a line with the command that mends it, and mending it mends it."""

from __future__ import annotations

import json
import shlex
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.journeys.invariants import write_work
from tests.server.machine import as_root, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server import Site

REPLACED = "_replaced_20261121_080000"
SIDE = "_side_20261121_080000"


def rows(site: Site, status: int, *args: str, **how: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - how fab is run
    done = site.fab(*args, "doctor", "--json", check=status, **how)
    assert "Traceback" not in done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def wrong(found: dict[str, dict[str, Any]]) -> set[str]:
    assert all(row["mend"] for row in found.values() if not row["well"])
    return {name for name, row in found.items() if not row["well"]}


@contextmanager
def a_held_lock(site: Site) -> Iterator[None]:
    """Somebody holds the lock of the server, as a job does."""
    lock = shlex.quote(f"{site.remote_dir}/.deploy/lock")
    argv = ["ssh", "-F", str(site.ssh_config), site.host, f"exec 9>>{lock}; flock 9; echo held; cat"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.communicate(timeout=20)


class TestTheDoctor:
    def test_finds_nothing_wrong_where_nothing_is(self, site: Site) -> None:
        write_work(site, 1)
        found = rows(site, 0)
        assert wrong(found) == set()
        assert {name for name, row in found.items() if row["side"] == "here"} == {
            *(
                "tool",
                "ssh",
                "settings",
                "migrations",
                "way",
                "keys",
                "known hosts",
                "connection",
                "host key",
                "ssh to it",
            )
        }
        assert found["ssh to it"]["found"].startswith("logs in as deployer@127.0.0.1:")
        assert found["host key"]["found"].split(" ")[0] in found["known hosts"]["found"]
        assert found["pg_dump"]["found"].startswith("psql, pg_dump, pg_restore: 15.")
        assert found["clock"]["found"].startswith("as here")

    def test_names_each_trouble_of_a_server_and_its_remedy_mends_it(self, site: Site) -> None:
        write_work(site, 1)
        site.fab("deploy", check=0)
        site.psql(f"CREATE DATABASE {site.database}{SIDE}", "postgres")
        site.psql(f"CREATE DATABASE {site.database}{REPLACED}", "postgres")
        site.write_remote("backups/.x.sql.gz.part", b"half")
        found = rows(site, 50)
        assert wrong(found) == {"leftovers"}
        assert found["leftovers"]["mend"] == "fab -H … repair"
        site.psql(f"DROP DATABASE {site.database}{SIDE}", "postgres")
        site.ssh(f"rm {site.remote_dir}/backups/.x.sql.gz.part")
        assert found != (found := rows(site, 50))
        assert f"{site.database}{REPLACED} takes connections" in found["leftovers"]["found"]
        site.fab("repair", check=0)
        assert wrong(rows(site, 0)) == set()

        with a_held_lock(site):
            run(as_root("chmod", "a-w", str(site.remote_dir)))
            found = rows(site, 50)
            run(as_root("chmod", "u+w", str(site.remote_dir)))
        assert wrong(found) == {"directory", "lock"}

    def test_tells_a_database_that_doesnt_answer_from_the_rest(self, site: Site) -> None:
        write_work(site, 1)
        found = rows(site, 50, env={"FABRIC_DEPLOY_CONTAINER": "no-such-container"})
        assert wrong(found) == {"database"}
        assert "docker ps -a" in found["database"]["mend"]
        assert found["directory"]["well"]
        found = rows(site, 50, env={"FABRIC_DEPLOY_DOCKER": "sudo-that-is-not-there"})
        assert wrong(found) == {"database"}

    def test_shows_a_disk_that_is_full(self, site: Site) -> None:
        write_work(site, 1)
        site.small_disk(1)
        site.psql("CREATE TABLE big AS SELECT md5(i::text) FROM generate_series(1, 60000) i")
        assert wrong(rows(site, 50)) == {"disk"}


class TestWhoeverDoesntGetIn:
    def test_is_told_what_is_wrong_here_and_what_ssh_would_say(self, site: Site) -> None:
        write_work(site, 1)
        known_hosts = site.ssh_config.with_name(f"{site.ssh_config.name}.known_hosts")
        kind = known_hosts.read_text().split()[1]
        known_hosts.write_text("")
        found = rows(site, 61)
        assert wrong(found) == {"host key"}
        assert "ssh-keygen -lf" in found["host key"]["mend"]
        assert found["ssh to it"]["found"] == "it says: Host key verification failed."
        assert not known_hosts.read_text(), "the doctor trusts nobody on our behalf"

        other = site.home / "other"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
        name = found["way"]["found"].partition("@")[2].replace("127.0.0.1", "[127.0.0.1]")
        known_hosts.write_text(f"{name} {kind} {other.with_suffix('.pub').read_text().split()[1]}\n")
        found = rows(site, 62)
        assert "offered " in found["host key"]["details"][0]

    def test_is_told_about_the_keys(self, site: Site) -> None:
        write_work(site, 1)
        key = site.home / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        text = site.ssh_config.read_text().replace(str(site.sshd.folder / "client_key"), str(key))
        site.ssh_config.write_text(text)
        found = rows(site, 63)
        assert wrong(found) == {"login"}
        assert found["ssh to it"]["found"].endswith("Permission denied (publickey).")
        key.chmod(0o644)
        found = rows(site, 63)
        assert wrong(found) == {"login", "keys"}
        assert found["keys"]["mend"] == f"chmod 600 {key}"

    @pytest.mark.parametrize(("port", "status"), [(1, 60)])
    def test_is_told_of_a_server_out_of_reach(self, site: Site, port: int, status: int) -> None:
        write_work(site, 1)
        site.ssh_config.write_text(f"Host prod\n  HostName 127.0.0.1\n  Port {port}\n")
        found = rows(site, status)
        assert "connection" in wrong(found)
        assert found["migrations"]["well"]
        said = site.fab("doctor", check=status).stdout
        assert "❌ connection: 127.0.0.1 port 1 refuses connections\n     👉 Check the port" in said
