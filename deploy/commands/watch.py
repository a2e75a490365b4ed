"""Watch the job that runs, or stop it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from deploy.commands.running import begun, outcome_of, trace_event
from deploy.job.outcome import Record, explain
from deploy.job.runner import follow
from deploy.job.scripts import assignments, script, settings_head
from deploy.model.errors import JobDied, NoJob
from deploy.model.event import RehearsalTimed
from deploy.model.observation import NO_JOB

if TYPE_CHECKING:
    from deploy.model.observation import Observation
    from deploy.report.console import Console
    from deploy.server.target import Server

CANCEL_TIMEOUT_S = 90.0

LOOKS = 4
"""Half a second apart, at a lock whose holder has no name yet."""


def watch(server: Server, console: Console) -> Record:
    """Show the running job, or the last one, to its end.

    Raises:
        NoJob: there never was one, or who is at work can't be followed.
        DeployError: how the job ended, if it didn't end well.
    """
    job_id, mark = _job_in(_look(server))
    record = Record()
    with console.following():
        for event in follow(server.shell, job_id, mark, server.remote_dir):
            trace_event(server.name, event)
            record.take(event)
            console.event(event)
            if isinstance(event, RehearsalTimed):
                console.tried(record.tried)
    error = explain(record, server.name)
    if error:
        error.outcome = outcome_of(record, error, "")
        raise error
    return record


def cancel(server: Server, console: Console) -> None:
    """Stop the running job at a safe point: its sessions are ended, so what was in a transaction is rolled back.

    Raises:
        NoJob: none is running, or who is at work can't be stopped from here.
        JobDied: it didn't end in time.
    """
    seen = _look(server)
    if not seen.locked:
        raise NoJob("there is no job to cancel: none is running", hint="`fab -H … history` shows the last ones.")
    job_id, _ = _job_in(seen)
    console.note(f"cancelling {job_id}")
    began = time.monotonic()
    with begun():
        done = server.shell.run(["sh", "-c", cancel_script(server, job_id)], timeout_s=CANCEL_TIMEOUT_S)
        if done.status != 0:
            raise JobDied(
                f"{job_id} didn't end within {time.monotonic() - began:.0f} s",
                hint="Watch it with `fab -H … follow`; on the server, look what its processes do.",
            )


def cancel_script(server: Server, job_id: str) -> str:
    """Render what stops a job."""
    return "".join(
        [
            settings_head(server.settings, server.remote_dir),
            assignments(
                {"job_id": job_id, "application": "deploy:cancel", "job": f"{server.remote_dir}/.deploy/jobs/{job_id}"}
            ),
            script("postgres.sh"),
            script("cancel.sh"),
        ]
    )


def _look(server: Server) -> Observation:
    """Look until who holds the lock has a name: at its beginning, and at its end, a job is there without one for a moment."""
    seen = server.observe()
    for _ in range(LOOKS - 1):
        if not seen.locked or _is_named(seen):
            break
        time.sleep(0.5)
        seen = server.observe()
    return seen


def _is_named(seen: Observation) -> bool:
    """Tell whether who is at work is no job, or the one that was written down last."""
    return seen.holder is not None and seen.holder.job in (NO_JOB, *(seen.last_job or "").split()[:1])


def _job_in(seen: Observation) -> tuple[str, str]:
    """Return the id and the mark of the job that holds the lock; where nobody does, of the last one."""
    last = (seen.last_job or "").split()
    if seen.locked:
        if seen.holder and seen.holder.job == NO_JOB:
            raise NoJob(
                f"who is at work is no job: {seen.holder}",
                hint="Wait: it ends by itself, or when the client that runs it is stopped.",
            )
        if not _is_named(seen):
            raise NoJob("a job has just begun, and hasn't said yet which it is", hint="Run the command again.")
    if len(last) != 2:  # noqa: PLR2004 - its id and its mark
        raise NoJob("there is no job to follow: none was ever started here", hint="Start one with `fab -H … deploy`.")
    return last[0], last[1]
