"""The inputs of the step, checked as a whole before anything else happens, and the words that they become behind `fab`."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from deploy.model.errors import HostKeyUnknown, HostNeeded, UsageError
from deploy.server.known_hosts import SSH_PORT, Host, KnownHosts
from deploy.server.ssh_config import is_port, read_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from deploy.server.known_hosts import KnownKey

HERE = ("check",)
"""Commands that need no server."""

LEFT_OUT = ("demo", "new")
"""Commands that are for people."""

ASKING = ("rollback", "undo")
"""Commands that ask for a yes: in a workflow whoever started it, and whoever approved it, has said so."""

PREFIX = "INPUT_"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What stands under `with:`, as texts; what was left out is empty."""

    command: str = ""
    host: str = ""
    user: str = ""
    port: str = ""
    ssh_key: str = field(default="", repr=False)
    ssh_passphrase: str = field(default="", repr=False)
    known_hosts: str = ""
    backup: str = ""
    environment: str = ""
    working_directory: str = ""
    args: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    """The server of a step. `name` is what stands behind -H."""

    name: str
    host: Host
    user: str


def read_inputs(environment: Mapping[str, str]) -> Inputs:
    """Take the inputs out of the variables that action.yml gives them by; spaces around one are nobody's intention."""
    found = {each.name: environment.get(PREFIX + each.name.upper(), "") for each in fields(Inputs)}
    return Inputs(**{name: value if name == "ssh_passphrase" else value.strip() for name, value in found.items()})


def require_command(command: str, known: Iterable[str]) -> None:
    """Refuse what isn't a command for a workflow.

    Raises:
        UsageError: with those that are.
    """
    possible = sorted(set(known) - set(LEFT_OUT))
    if command not in possible:
        raise UsageError(f"command: {command!r} is none of the action's", hint=f"Take one of {', '.join(possible)}.")


def destination_of(inputs: Inputs, environments: Mapping[str, Iterable[str]]) -> Destination:
    """Put host, user and port together: each may stand alone, or all in host as USER@HOST:PORT.

    Args:
        inputs: the step's.
        environments: those of fabric.yml, with the hosts that each lists.

    Raises:
        HostNeeded, UsageError: one is missing, doesn't fit, or is said twice in two ways.
    """
    if not inputs.host:
        raise HostNeeded(
            "the input host is empty",
            hint="Is the variable or secret set, for this environment? A pull request from a fork gets no secrets.",
        )
    address = read_address(inputs.host)
    host = address.host
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", host):
        raise UsageError(
            f"host: {inputs.host!r} names no server",
            hint="Write HOST, USER@HOST, HOST:PORT or USER@[IPV6]:PORT; one server a step.",
        )
    user = _one_of("user", inputs.user, address.user or "")
    if not user:
        raise UsageError("the input user is empty", hint="Name the login user on the server, such as user: deploy.")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*\$?", user):
        raise UsageError(f"user: {user!r} is no login name", hint="Write it as on the server, such as user: deploy.")
    port = _one_of("port", inputs.port, str(address.port or "")) or str(SSH_PORT)
    if not is_port(port):
        raise UsageError(f"port: {port!r} is no port", hint="Write a number from 1 to 65535, or leave it out for 22.")
    found = Host(host, int(port))
    return Destination(_name(inputs, found, user, environments), found, user)


def _one_of(name: str, given: str, in_host: str) -> str:
    if given and in_host and given != in_host:
        raise UsageError(
            f"{name} is {given!r}, and {in_host!r} in host", hint=f"Leave one of them out: {name} may stand in either."
        )
    return given or in_host


def _name(inputs: Inputs, host: Host, user: str, environments: Mapping[str, Iterable[str]]) -> str:
    """Return what a person would write behind -H, under which the tool finds the environment."""
    if inputs.environment:
        if inputs.environment not in {"prod", *environments}:
            raise UsageError(
                f"environment: {inputs.environment!r} isn't under deploy.environments in fabric.yml",
                hint=f"Take one of {', '.join(sorted({'prod', *environments}))}, or add its section.",
            )
        return inputs.environment
    listed = {*environments, *(name for hosts in environments.values() for name in hosts)}
    bracketed = f"[{host.hostname}]" if ":" in host.hostname else host.hostname
    port = f":{host.port}" if host.port != SSH_PORT else ""
    return next((name for name in (inputs.host, host.hostname) if name in listed), f"{user}@{bracketed}{port}")


def words_of(inputs: Inputs, flags: Mapping[str, bool]) -> list[str]:
    """Return what stands behind `fab -H …`: the command and its flags.

    Args:
        inputs: the step's.
        flags: of the command, as they are typed, and whether each takes a value.

    Raises:
        UsageError: `args` has something else than flags of this command, or `backup` isn't for it.
    """
    given = list(_checked(inputs, flags))
    names = {word.partition("=")[0] for word in given}
    ours = []
    if inputs.backup:
        if "--backup" not in flags:
            raise UsageError(f"{inputs.command} takes no backup", hint="Leave the input backup out.")
        if "--backup" in names:
            raise UsageError("the backup is named twice, by backup and in args", hint="Leave one of them out.")
        ours.append(f"--backup={inputs.backup}")
    if inputs.command in ASKING and "--yes" not in names:
        ours.append("--yes")
    if inputs.command in HERE and not names & {"--format", "--json"}:
        ours.append("--format=github")
    return [inputs.command, *ours, *given]


def _checked(inputs: Inputs, flags: Mapping[str, bool]) -> Iterable[str]:
    """Split args as a shell does, and let only flags of the command through: none of fab's own, and no second command."""
    try:
        words = shlex.split(inputs.args)
    except ValueError as error:
        raise UsageError(f"args can't be split into words: {str(error).lower()}", hint="Balance its quotes.") from error
    awaited = ""
    for word in words:
        name, equals, _ = word.partition("=")
        if awaited:
            awaited = ""
        elif name not in flags:
            known = ", ".join(sorted(flags)) or "none"
            raise UsageError(f"args: {word!r} is no flag of {inputs.command}", hint=f"Its flags are: {known}.")
        elif flags[name] and not equals:
            awaited = word
        yield word
    if awaited:
        raise UsageError(f"args: {awaited} has no value", hint=f"Write {awaited}=VALUE.")


def require_known(destination: Destination, keys: Sequence[KnownKey], warnings: Sequence[str]) -> None:
    """Refuse to go anywhere without the server's key: to ask the server itself for it would be to believe whoever answers.

    Raises:
        HostKeyUnknown: with the command that makes what is missing.
    """
    host = destination.host
    known = KnownHosts((), tuple(keys))
    if known.about(host.name) or known.about(host.name_without_port):
        return
    port = f"-p {host.port} " if host.port != SSH_PORT else ""
    others = ", ".join(sorted({key.names for key in keys}))
    raise HostKeyUnknown(
        f"known-hosts has no key of {host.name}" if keys or warnings else "the input known-hosts is empty",
        details=(*([f"it has those of {others}"] if others else []), *warnings),
        hint=(
            f"Run `ssh-keyscan {port}{host.hostname}` once, in a network that you trust, and compare its fingerprint"
            " (`ssh-keygen -lf -`) with that of /etc/ssh/ssh_host_ed25519_key.pub on the server; its lines are known-hosts."
        ),
    )


def ssh_config(destination: Destination, directory: str) -> str:
    """Render the configuration for ssh's one server, with the files of the directory and nothing of the runner's own."""
    quoted = directory.replace("%", "%%").replace('"', "")
    return (
        "Host *\n"
        f"    HostName {destination.host.hostname}\n"
        f"    Port {destination.host.port}\n"
        f"    User {destination.user}\n"
        f'    IdentityFile "{quoted}/key"\n'
        "    IdentitiesOnly yes\n"
        "    IdentityAgent none\n"
        f'    UserKnownHostsFile "{quoted}/known_hosts"\n'
        "    GlobalKnownHostsFile none\n"
        "    StrictHostKeyChecking yes\n"
    )
