"""Proving to a server who we are, and telling what was tried when it doesn't believe it."""

from __future__ import annotations

import base64
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.agent import Agent
from paramiko.pkey import PKey, UnknownKeyType
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    PasswordRequiredException,
    SSHException,
)

from deploy.model.errors import LoginRefused
from deploy.server.trace import log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from paramiko.transport import Transport

    from deploy.server.ssh_config import Destination


@dataclass(frozen=True, slots=True)
class Credentials:
    """What fab was given by `-i`, `--prompt-for-passphrase` and `--prompt-for-login-password`."""

    key_files: tuple[Path, ...] = ()
    passphrase: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def without_password(self) -> Credentials:
        """Return those that a jump host may see."""
        return Credentials(self.key_files, self.passphrase)


class UnusableKeyError(Exception):
    """A private key can't be used; the message says why."""


class Login:
    """Tries key after key, in the order of ssh; Paramiko calls it once the server's own key is verified."""

    def __init__(self, destination: Destination, credentials: Credentials) -> None:
        self._destination = destination
        self._credentials = credentials
        self._tried: list[str] = []
        self._methods: set[str] = set()

    def authenticate(self, transport: Transport) -> None:
        """Log in.

        Raises:
            LoginRefused: nothing was accepted.
        """
        with agent_keys(self._destination.agent) as agent:
            for label, key in self._keys(agent):
                self._try(transport, label, key)
                if transport.is_authenticated():
                    log.debug("%s: logged in by %s (%s)", self._destination, label, key.fingerprint)
                    return
                if not transport.is_active():
                    raise self._refusal("it hung up; its limit of attempts may be reached")
        self._try_password(transport)
        if not transport.is_authenticated():
            raise self._refusal()

    def _keys(self, agent: tuple[PKey, ...]) -> Iterator[tuple[str, PKey]]:
        seen: set[bytes] = set()
        for label, key in self._all_keys(agent):
            if key.asbytes() not in seen:
                seen.add(key.asbytes())
                yield label, key

    def _all_keys(self, agent: tuple[PKey, ...]) -> Iterator[tuple[str, PKey]]:
        """Those of `-i`, then the agent's that are configured, then its others, then those in files."""
        yield from self._keys_in(self._credentials.key_files)
        files = (*self._credentials.key_files, *self._destination.identity_files)
        configured = {public for file in files if (public := public_part(file))}
        ours = [key for key in agent if key.asbytes() in configured]
        others = [] if self._destination.identities_only else agent
        yield from ((f"agent {getattr(key, 'comment', '')}".strip(), key) for key in [*ours, *others])
        yield from self._keys_in(self._destination.identity_files)

    def _keys_in(self, files: tuple[Path, ...]) -> Iterator[tuple[str, PKey]]:
        for file in files:
            try:
                yield str(file), load_key(file, self._credentials.passphrase or self._credentials.password)
            except UnusableKeyError as error:
                self._tried.append(f"{file}: {error}")

    def _try(self, transport: Transport, label: str, key: PKey) -> None:
        label = f"{label} ({key.fingerprint})"
        try:
            more = transport.auth_publickey(self._destination.user, key)
            self._tried.append(f"{label}: accepted, but the server also wants {' and '.join(more)}")
        except BadAuthenticationType as error:
            self._methods.update(error.allowed_types)
            self._tried.append(f"{label}: the server takes no keys")
        except (SSHException, EOFError, OSError) as error:
            self._tried.append(f"{label}: {short(error)}")

    def _try_password(self, transport: Transport) -> None:
        if self._credentials.password is None:
            return
        try:
            transport.auth_password(self._destination.user, self._credentials.password)
        except (SSHException, EOFError, OSError) as error:
            self._tried.append(f"password: {short(error)}")

    def _refusal(self, because: str = "") -> LoginRefused:
        what = f"the server doesn't let {self._destination} in" + (f": {because}" if because else "")
        if not self._tried:
            return LoginRefused(
                f"there is no key to log in to {self._destination} with",
                hint="Name one with -i FILE or as IdentityFile in the ssh configuration, or load it into ssh-agent.",
            )
        if any("encrypted" in line for line in self._tried):
            hint = "Load the key into ssh-agent with `ssh-add`, or give --prompt-for-passphrase."
        elif self._methods and self._credentials.password is None:
            hint = f"The server accepts only {', '.join(sorted(self._methods))}: give --prompt-for-login-password."
        else:
            hint = f"Add a public key of yours to authorized_keys of {self._destination.user} on the server, or name the right key with -i FILE."
        return LoginRefused(what, details=tuple(self._tried), hint=hint)


def short(error: Exception) -> str:
    return "refused" if isinstance(error, AuthenticationException) and "timeout" not in str(error) else str(error)


def require_files(files: tuple[Path, ...]) -> None:
    """Refuse a `-i` that names no file: to go on with other keys would hide the mistake.

    Raises:
        LoginRefused: one is missing.
    """
    for file in files:
        if not file.is_file():
            raise LoginRefused(
                f"there is no key file {file}",
                hint="Check what -i names; in CI, check that the step that writes the key ran.",
            )


def load_key(file: Path, passphrase: str | None) -> PKey:
    """Read a private key, with the passphrase only if it needs one.

    Raises:
        UnusableKeyError: it is encrypted, of an unsupported type, or no key.
    """
    try:
        return read_key(file)
    except PasswordRequiredException as error:
        if passphrase is None:
            raise UnusableKeyError("is encrypted, and no passphrase was given") from error
    try:
        return read_key(file, passphrase)
    except UnusableKeyError as error:
        raise UnusableKeyError("isn't opened by the passphrase that was given") from error


def read_key(file: Path, passphrase: str | None = None) -> PKey:
    """Read a private key, as Paramiko does if it gets the passphrase as bytes: it promises a str, and fails on it.

    Raises:
        PasswordRequiredException: it is encrypted.
        UnusableKeyError: it is of an unsupported type, or no key, or the passphrase is wrong.
    """
    secret: Any = passphrase.encode() if passphrase is not None else None
    try:
        return PKey.from_path(file, secret)
    except TypeError as error:
        raise PasswordRequiredException(str(error)) from error
    except (UnknownKeyType, UnsupportedAlgorithm) as error:
        raise UnusableKeyError("is of a type that isn't supported") from error
    except OSError as error:
        raise UnusableKeyError(f"can't be read: {error.strerror}") from error
    except (ValueError, SSHException) as error:
        raise UnusableKeyError(
            f"isn't a private key in OpenSSH's format (`ssh-keygen -p -f {file}` rewrites others)"
        ) from error


def public_part(file: Path) -> bytes | None:
    """Return the public key beside a private one, None when there is none."""
    with suppress(OSError, ValueError, IndexError):
        return base64.b64decode(file.with_name(file.name + ".pub").read_text().split()[1])
    return None


@contextmanager
def agent_keys(socket: str | None) -> Iterator[tuple[PKey, ...]]:
    """Ask an ssh-agent for its keys; they can sign for as long as the context lasts."""
    if socket is None:
        yield ()
        return
    with environment(SSH_AUTH_SOCK=socket):  # there is no other way to tell Paramiko where it is
        try:
            agent = Agent()
        except (SSHException, OSError):
            agent = None
    try:
        yield agent.get_keys() if agent else ()
    finally:
        if agent:
            agent.close()


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
