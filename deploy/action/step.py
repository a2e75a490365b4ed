"""The step's story: check the inputs, write the key, call `fab`, and take the key away again, however it ends."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.action.fab import Child, Fab
from deploy.action.inputs import (
    HERE,
    PREFIX,
    destination_of,
    read_inputs,
    require_command,
    require_known,
    ssh_config,
    words_of,
)
from deploy.action.key import mended, mended_known_hosts, opened
from deploy.model.errors import DeployError, SettingsInvalid, UsageError
from deploy.report.document import refusal_document
from deploy.report.github import file_command, outputs
from deploy.report.github_console import GitHubConsole
from deploy.server.known_hosts import parse_known_hosts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy.action.inputs import Destination, Inputs

PRIVATE = "backtester-deploy-key-"
"""How directories with a key begin; the action's last step looks for them once more."""

FOLLOWED = ("deploy", "rollback", "undo", "backup", "verify")
"""Commands whose job a later step may have to follow."""

INTERRUPTED = 130
NOT_HEARD_TO_ITS_END = (59, INTERRUPTED, *range(60, 70))
"""Exit statuses of `follow` after which the job may still be at work."""


def take_step() -> int:
    """Run the step, with the inputs in variables INPUT_*, and return its exit status."""
    # before anything is imported that imports the commands: they take FABRIC_DEPLOY_* out of the environment
    inputs = read_inputs(os.environ)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    console = GitHubConsole(sys.stdout, environment)
    child = Child()
    try:
        with child.interruptible(), private_directory(environment) as directory:
            return run(inputs, environment, directory, child)
    except DeployError as refused:
        console.error(refused, inputs.host)
        console.told([refusal_document(refused, inputs.host)], refused, inputs.host, "")
        return refused.status
    except KeyboardInterrupt:
        console.line("▶ stopped; a job that was started goes on to its end on the server, and a re-run follows it")
        publish(environment, "", INTERRUPTED)
        return INTERRUPTED


def run(inputs: Inputs, environment: Mapping[str, str], directory: Path, child: Child) -> int:
    """Check the inputs, write what ssh needs, and call fab."""
    here = Path(inputs.working_directory or ".")
    if not here.is_dir():
        raise UsageError(
            f"working-directory: there is no directory {here}",
            hint="Name one of the repository; actions/checkout has to come before this step.",
        )
    os.chdir(here)
    words = words_of(inputs, flags_of(inputs.command))
    project, flags = project_of(Path.cwd(), directory)
    if inputs.command in HERE:
        flags += ["-H", inputs.environment] if inputs.environment else []
        fab = Fab(flags, environment, directory, child)
    else:
        destination = destination_of(inputs, environments_of(project))
        write_login(inputs, destination, directory)
        flags += ["-S", str(directory / "ssh_config"), "-H", destination.name]
        # what the step was given wins over the project's settings
        known_hosts = {"FABRIC_DEPLOY_KNOWN_HOSTS": str(directory / "known_hosts")}
        fab = Fab(flags, {**environment, **known_hosts}, directory, child)
    status, said = command(fab, words, environment)
    publish(environment, said, status)
    return status


def command(fab: Fab, words: list[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run the command, after the job of ours that a cancelled run, or one whose runner died, has left at work.

    Returns:
        the exit status, and the outputs.
    """
    at_work = fab.lock() if words[0] in FOLLOWED and "--dry-run" not in words else None
    if at_work is None or not is_own(at_work, words[0], environment):
        return fab.tell(*words), fab.outputs
    status = fab.tell("follow")
    followed, outcome = fab.outputs, fab.outcome
    if status in NOT_HEARD_TO_ITS_END or (words[0] != "deploy" and status == 0):
        return status, followed
    status = fab.tell(*words)
    return status, followed if outcome == "applied" and fab.outcome == "nothing_pending" else fab.outputs


def is_own(at_work: Mapping[str, Any], command: str, environment: Mapping[str, str]) -> bool:
    """Tell whether this step has to follow a job before it begins.

    A deploy follows any deploy of this repository's workflows and then applies what is still pending. To do another command twice
    may be too much: it follows only what an earlier attempt of the same run has started, and that is then all it does.

    Args:
        at_work: who holds the server's lock, as `status --json` has it.
        command: of this step.
        environment: GITHUB_REPOSITORY and GITHUB_RUN_ID, of which the tool makes where a job comes from.
    """
    ours = f"GitHub Actions, {environment.get('GITHUB_REPOSITORY', '?')} run "
    source = str(at_work.get("from"))
    again = source == ours + environment.get("GITHUB_RUN_ID", "?")
    return at_work.get("command") == command and (again or (command == "deploy" and source.startswith(ours)))


def flags_of(command: str) -> dict[str, bool]:
    """Return the flags of a command, and whether each takes a value."""
    from deploy.tasks import ns  # noqa: PLC0415 - see take_step

    require_command(command, ns.task_names)
    # a copy, since Invoke takes the words for --help out of a task that is asked
    arguments = deepcopy(ns.tasks[command]).get_arguments()
    return {f"--{argument.name.replace('_', '-')}": argument.takes_value for argument in arguments}


def project_of(here: Path, directory: Path) -> tuple[Path, list[str]]:
    """Find the project's own fabfile, as fab does; where there is none, the commands are the tool's own.

    Returns:
        where its fabric.yml stands, and the flags that lead fab there.
    """
    for parent in (here, *here.parents):
        if (parent / "fabfile.py").is_file() or (parent / "fabfile" / "__init__.py").is_file():
            return parent, []
    (directory / "fabfile.py").write_text('from deploy.tasks import ns\n\n__all__ = ["ns"]\n', encoding="utf-8")
    settings = [path for path in (here / f"fabric.{suffix}" for suffix in ("yaml", "yml", "json")) if path.is_file()]
    return here, [f"--search-root={directory}", *(f"--config={path}" for path in settings[:1])]


def environments_of(project: Path) -> dict[str, list[str]]:
    """Return the environments that fabric.yml has, with the hosts of each; what is wrong in them is for fab to tell.

    Raises:
        SettingsInvalid: it can't be read.
    """
    from fabric import Config  # noqa: PLC0415 - slow to import, and only servers need it

    config = Config(lazy=True)
    config.set_project_location(str(project))
    try:
        config.load_project()
    except Exception as error:  # whatever the readers of YAML, JSON and Python raise
        raise SettingsInvalid(f"fabric.yml can't be read: {error}", hint="Mend the file.") from error
    environments = _section(_section(config, "deploy"), "environments")
    return {str(name): _hosts(values) for name, values in environments.items()}


def _section(parent: Any, name: str) -> Any:  # noqa: ANN401 - as the file has it
    found = parent.get(name)
    return found if hasattr(found, "items") else {}


def _hosts(values: Any) -> list[str]:  # noqa: ANN401 - as the file has it
    hosts = values.get("hosts") if hasattr(values, "get") else None
    return [str(host) for host in hosts] if isinstance(hosts, list) else []


def write_login(inputs: Inputs, destination: Destination, directory: Path) -> None:
    """Write known_hosts, the key and ssh's configuration."""
    text = mended_known_hosts(inputs.known_hosts)
    require_known(destination, *parse_known_hosts(text, file="known-hosts"))
    write_private(directory / "known_hosts", text.encode())
    write_private(directory / "key", opened(mended(inputs.ssh_key), inputs.ssh_passphrase))
    write_private(directory / "ssh_config", ssh_config(destination, str(directory)).encode())


def write_private(path: Path, content: bytes) -> None:
    """Write a file that was never anybody else's to read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - Path.open takes no mode bits
        file.write(content)


@contextmanager
def private_directory(environment: Mapping[str, str]) -> Iterator[Path]:
    """Make a directory that only this user may enter, and take it away."""
    directory = Path(tempfile.mkdtemp(prefix=PRIVATE, dir=environment.get("RUNNER_TEMP") or None))
    try:
        yield directory
    finally:
        try:
            shutil.rmtree(directory)
        except KeyboardInterrupt:  # which comes once at most
            shutil.rmtree(directory, ignore_errors=True)
            raise


def publish(environment: Mapping[str, str], said: str, status: int) -> None:
    """Hand the outputs to the runner; for a command that didn't come so far, say at least that."""
    path = environment.get("GITHUB_OUTPUT")
    if not said:
        outcome = "unknown" if status in NOT_HEARD_TO_ITS_END[:2] else "failed"
        delimiter = f"delimiter_{secrets.token_hex(16)}"
        said = "".join(
            file_command(name, value, delimiter) for name, value in outputs({"outcome": outcome}, None).items()
        )
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(said)
