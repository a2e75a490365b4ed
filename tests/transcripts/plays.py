"""The situations that the documents tell of, each really caused."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from tests.journeys.invariants import job_processes, lets_in, short_waits, wait_until
from tests.journeys.test_rollback import holding_the_name
from tests.server.machine import as_root, run
from tests.transcripts.stage import Stage, read_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.server import ServerUnderTest, Site

SQL = resources.files("deploy.demo").joinpath("sql")
GATE = "CREATE TABLE IF NOT EXISTS backtester.gate (open text)"
LONG = """\
CREATE TABLE IF NOT EXISTS backtester.{name} (id int);
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM backtester.gate WHERE open = '{name}') LOOP
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;
"""
"""A migration that is at work until somebody opens the gate for it, however slow the machine is that plays."""


def play_of_a_careless_day(server: ServerUnderTest) -> Mapping[str, list[str]]:
    """The README's story: a first deploy, one that fails, one that loses data, the way back, and back again; then worse."""
    with server.fresh() as site:
        site.small_disk(64)
        site.env["FABRIC_DEPLOY_REHEARSE"] = "auto"
        stage = Stage(before_the_tool(site))
        stage.scene("first-deploy")
        stage.fab("deploy")
        stage.scene("failed-deploy")
        write(site, "broken")
        stage.fab("deploy", status=28)
        stage.scene("failed-in-production")
        stage.fab("deploy", "--rehearse=never", status=28)
        stage.scene("failed-deploy-mended")
        write(site, "mended")
        stage.fab("deploy")
        stage.fab("status")
        stage.scene("lost-data")
        write(site, "careless")
        stage.fab("deploy")
        stage.scene("rollback")
        stage.fab("rollback", "--backup=pre_deploy", answer="yes")
        stage.scene("after-rollback")
        stage.fab("status")
        stage.scene("undo")
        stage.fab("undo", answer="yes")
        stage.scene("which-backup")
        stage.fab("rollback", status=42)
        stage.scene("only-ssh")
        stage.on_the_server("./restore-db.sh backups/backup_prod_latest.sql.gz prod", answer="yes")
        site.ssh(f"cat /dev/zero >{site.remote_dir}/filler 2>/dev/null || true")
        stage.scene("full-disk")
        stage.fab("deploy", status=44)
        return stage.transcript()


def play_of_a_reboot(server: ServerUnderTest) -> Mapping[str, list[str]]:
    """The server goes down in the middle of a file, and later in the middle of a swap."""
    with server.fresh(private=True) as site, server.proxy() as proxy:
        stage = Stage(before_the_tool(site).through(proxy))
        stage.site.fab("deploy", check=0)
        write_long(site, "004_add_fees", "005_add_taxes")
        open_gate(site, "fees")
        stage.scene("reboot")
        with short_waits(site, runner__COME_BACK_FOR_S=1.0):
            deploy = stage.start("deploy", until="📄 Applying migration: 005")
            proxy.cut()
            power_off(site)
            stage.rest(deploy, status=59)
        site.start()
        proxy.heal()
        stage.scene("reboot-after")
        stage.fab("follow", status=55)
        stage.fab("status")
        open_gate(site, "taxes")
        stage.scene("reboot-mended")
        stage.fab("deploy")
        with holding_the_name(site):
            rollback = stage.site.spawn("rollback", "--backup=latest", "--yes")
            wait_until(lambda: not lets_in(site, site.database), timeout_s=90)
            rollback.kill()
            power_off(site)
        site.start()
        stage.scene("fenced")
        stage.fab("status", status=34)
        stage.fab("repair")
        stage.fab("status")
        return stage.transcript()


def play_of_a_bad_line(server: ServerUnderTest) -> Mapping[str, list[str]]:
    """A laptop that dies, a connection that breaks and comes back, and a job that has to be stopped."""
    with server.fresh() as site, server.proxy() as proxy:
        stage = Stage(before_the_tool(site).through(proxy))
        stage.site.fab("deploy", check=0)
        write_long(site, "004_add_fees")
        stage.scene("lost-laptop")
        stage.start("deploy", until="📄 Applying migration: 004").kill()
        stage.scene("at-work")
        stage.fab("deploy", status=53)
        open_gate(site, "fees")
        stage.scene("lost-laptop-followed")
        stage.fab("follow")
        write_long(site, "005_add_taxes")
        stage.scene("network-comes-back")
        deploy = stage.start("deploy", until="📄 Applying migration: 005")
        proxy.cut()
        proxy.heal()
        stage.watch(deploy, until="🔌 connected again")
        open_gate(site, "taxes")
        stage.rest(deploy, status=0)
        write_long(site, "006_add_tips")
        endless = stage.site.spawn("deploy")
        read_until(endless, "📄 Applying migration: 006")
        stage.scene("cancel")
        stage.fab("cancel")
        stage.scene("endless-cancelled")
        stage.rest(endless, status=57)
        return stage.transcript()


PLAYS: Mapping[str, Callable[[ServerUnderTest], Mapping[str, list[str]]]] = {
    "a careless day": play_of_a_careless_day,
    "a bad line": play_of_a_bad_line,
    "a reboot": play_of_a_reboot,
}


def before_the_tool(site: Site) -> Site:
    """Make what a team has before its first deploy: a database with data, and three migrations in git."""
    site.psql(SQL.joinpath("init-db.sql").read_text("utf-8"))
    write(site, "first")
    return site


def write(site: Site, act: str) -> None:
    """Put the migrations of an act of the demo into the project."""
    for source in SQL.joinpath(act).iterdir():
        site.write_migration(source.name, source.read_text("utf-8"))


def write_long(site: Site, *names: str) -> None:
    """Write migrations that wait for `open_gate`."""
    site.psql(GATE)
    for name in names:
        site.write_migration(f"{name}.sql", LONG.format(name=name.rpartition("_")[2]))


def open_gate(site: Site, name: str) -> None:
    """Let a long migration end."""
    site.psql(f"INSERT INTO backtester.gate VALUES ('{name}')")  # noqa: S608 - a name of our own


def power_off(site: Site) -> None:
    """End every job, with all that it started, and PostgreSQL, as a power cut does; that comes back by `site.start`."""
    for job in job_processes(site):
        run(as_root("kill", "-9", *run(["ps", "-o", "pid=", "-s", str(job)]).decode().split()))
    site.kill()
