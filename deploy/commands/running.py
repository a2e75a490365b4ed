"""Run a job and keep the record of what it said."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from deploy.commands.patience import patient
from deploy.job.outcome import Record, explain
from deploy.job.runner import MOST_LOSSES, come_back, start, unknown
from deploy.model.errors import ConnectionLost, DeployError, DirectoryUnusable, LoginRefused, NoTerminal, OutcomeUnknown
from deploy.model.event import ConfirmationAwaited, RehearsalTimed, ServerSaid
from deploy.server.trace import log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.commands.patience import Patience
    from deploy.model.event import Event
    from deploy.model.job import Job
    from deploy.report.console import Console
    from deploy.server.target import Server


def run_job(server: Server, job: Job, console: Console, *, question: str = "") -> tuple[Record, DeployError | None]:
    """Run a job to its end; a question is asked when the job wants its answer.

    Returns:
        What it said, and None where it did all that it should.

    Raises:
        KeyboardInterrupt: somebody leaves; after a first Ctrl-C the job that runs is followed to its end, and no other is begun.
    """
    if console.asked_to_leave:
        raise KeyboardInterrupt
    record = Record()
    try:
        with (
            console.following(),
            patient(partial(console.goes_on, server.name), somebody_is_there=console.can_ask) as patience,
        ):
            for event in start(server.shell, job, server.remote_dir):
                trace_event(server.name, event)
                record.take(event)
                console.event(event)
                if isinstance(event, RehearsalTimed):
                    console.tried(record.tried)
                if isinstance(event, ConfirmationAwaited) and question:
                    _answer(server, job.id, yes=_ask(console, question, patience))
    except (OutcomeUnknown, ConnectionLost, DirectoryUnusable) as lost:
        error: DeployError | None = lost
    else:
        error = explain(record, server.name)
    if error:
        error.host = server.name
        error.outcome = outcome_of(record, error, "")
    return record, error


@contextmanager
def begun() -> Iterator[None]:
    """Call what goes wrong a failure, not a refusal: something was begun before."""
    try:
        yield
    except DeployError as error:
        error.outcome = "failed" if error.outcome == DeployError.outcome else error.outcome
        raise


def outcome_of(record: Record, error: DeployError | None, done: str) -> str:
    """Return the contract's word for how a job ended; `done` is the word for all that it should."""
    if error is None:
        return done
    if isinstance(error, OutcomeUnknown):
        return error.outcome
    not_confirmed = record.failed is not None and record.failed.reason == "not_confirmed"
    return "refused" if record.refused or not_confirmed or isinstance(error, ConnectionLost) else "failed"


def require_terminal(console: Console, what: str) -> None:
    """Refuse to begin what has a question in it when there is nobody to ask.

    Raises:
        NoTerminal: and no --yes.
    """
    if not console.can_ask:
        raise NoTerminal(
            f"{what}, and there is no terminal to ask on",
            hint="Run it in a terminal, or add --yes.",
        )


def trace_event(name: str, event: Event) -> None:
    """Trace what a job said; of what programs printed only how much, for it may be data."""
    log.debug("%s: %s", name, f"{len(event.line)} characters were printed" if isinstance(event, ServerSaid) else event)


def _ask(console: Console, question: str, patience: Patience | None) -> bool:
    """Ask; here Ctrl-C is a no."""
    if patience is None:
        return console.ask(question)
    patience.pause()
    try:
        return console.ask(question)
    finally:
        patience.resume()


def _answer(server: Server, job_id: str, *, yes: bool) -> None:
    """Hand the operator's answer to the job that waits for it."""
    path = f"{server.remote_dir}/.deploy/jobs/{job_id}/answer.{'yes' if yes else 'no'}"
    losses = 0
    while True:
        try:
            done = server.shell.run(["sh", "-c", 'umask 077; : >"$1"', "answer", path])
        except (ConnectionLost, LoginRefused) as lost:
            losses += 1
            if losses > MOST_LOSSES:
                raise unknown(f"{lost.message}, {losses} times", server.shell) from lost
            # whether it got there isn't known, and to say it twice does no harm
            come_back(server.shell, lost, started=True)
        else:
            break
    if done.status != 0:
        raise DirectoryUnusable(
            f"the answer could not be written to {path}; the job waits for it",
            hint="Stop it with `fab -H … cancel`, and look at the disk and the owner of remote_dir.",
        )
