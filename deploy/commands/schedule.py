"""A nightly backup by the server's own cron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.commands.running import begun, run_job
from deploy.job.build import Setting
from deploy.job.by_hand import by_hand_files, compile_install, is_outdated
from deploy.model.errors import DirectoryUnusable, ServerUnfit
from deploy.model.observation import FOREIGN
from deploy.plan.fitness import require_unlocked
from deploy.plan.schedule import cron_line, cron_time, mark_of, merge, scheduled_line
from deploy.project import author

if TYPE_CHECKING:
    from deploy.report.console import Console
    from deploy.server.shell import Completed
    from deploy.server.target import Server

SCRIPT = "backup-db.sh"


@dataclass(frozen=True, slots=True)
class ScheduleResult:
    """How it ended; `outcome` is `scheduled`, `removed` or `unchanged`. `line` is what stands in the crontab now."""

    host: str
    outcome: str
    line: str | None


def schedule(server: Server, typed: str, console: Console, *, remove: bool) -> ScheduleResult:
    """Put our line into the crontab of the login user, or take it out.

    Raises:
        UsageError: `typed` is no time.
        ServerUnfit: there is no crontab to write to, or `backup-db.sh` is the team's own.
        DeployError: backup-db.sh had to be installed, and that failed.
    """
    environment, remote_dir = server.settings.environment, server.remote_dir
    line = None if remove else cron_line(environment, remote_dir, cron_time(typed))
    before = read_crontab(server)
    if line is not None:
        _require_script(server, console)
    after = merge(before, mark_of(environment, remote_dir), line)
    if after == before:
        return ScheduleResult(server.name, "unchanged", line)
    _write_crontab(server, after)
    return ScheduleResult(server.name, "removed" if remove else "scheduled", line)


def scheduled(server: Server) -> str | None:
    """Return our line in the crontab.

    Raises:
        ServerUnfit: it can't be read.
    """
    return scheduled_line(read_crontab(server), mark_of(server.settings.environment, server.remote_dir))


def read_crontab(server: Server) -> bytes:
    """Return the crontab of the login user; one that isn't there is empty.

    Raises:
        ServerUnfit: there is no cron, or the user may not use it.
    """
    done = server.shell.run(["crontab", "-l"])
    if done.status != 0 and not _says_none(done):
        raise _refusal(done)
    return done.stdout if done.status == 0 else b""


def _says_none(done: Completed) -> bool:
    """Every cron says so in words of its own: "no crontab for deployer", "can't open 'deployer': No such file or directory"."""
    said = done.stderr.lower()
    return done.status == 1 and (b"no crontab" in said or b"can't open" in said)


def _write_crontab(server: Server, text: bytes) -> None:
    done = server.shell.run(["crontab", "-"], stdin=text)
    if done.status != 0:
        raise _refusal(done)
    with begun():
        if read_crontab(server) != text:
            raise ServerUnfit(
                "the crontab isn't what was written",
                hint="Look at it with crontab -l; did somebody else edit it just now?",
            )


def _refusal(done: Completed) -> ServerUnfit:
    said = (done.stderr.decode(errors="replace").strip() or f"status {done.status}").splitlines()[-1]
    if done.status == 127 or "not found" in said:  # noqa: PLR2004 - how a shell says so
        return ServerUnfit(
            "the server has no crontab program",
            hint="Install cron (cronie, dcron), or run backup-db.sh by a timer of your own.",
        )
    return ServerUnfit(
        f"crontab refuses: {said}", hint="Mend it on the server (crontab -e; /etc/cron.allow), and run it again."
    )


def _require_script(server: Server, console: Console) -> None:
    """What cron will start must be there, and ours."""
    seen = server.observe()
    if seen.scripts.get(SCRIPT) == FOREIGN:
        raise ServerUnfit(
            f"{server.remote_dir}/{SCRIPT} is the team's own: what it does at night isn't ours to promise",
            hint="Rename it and run this again, which puts ours in its place; or schedule yours with crontab -e.",
        )
    who = author(server.settings.migrations_dir)
    files = by_hand_files(server.settings, server.remote_dir, who.version)
    if not is_outdated(seen, files):
        return
    if not seen.directory_writable:
        raise DirectoryUnusable(f"{server.remote_dir} can't be written by {seen.user}", hint="Run `fab -H … doctor`.")
    require_unlocked(seen)
    at = Setting(seen, seen.database, server.settings, server.remote_dir, who)
    _, error = run_job(server, compile_install(at, files), console)
    if error:
        raise error
    with begun():
        if server.observe().scripts.get(SCRIPT) is None:
            raise ServerUnfit(f"{SCRIPT} could not be installed", hint="Look at the owner and the disk of remote_dir.")
