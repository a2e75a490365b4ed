"""Is the server the one that it was? known_hosts files read and matched as OpenSSH does.

Paramiko's own reader gives up on a whole file for one bad line and knows neither wildcards, negation nor markers.

Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"; checked against OpenSSH 9.2.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.model.errors import HostKeyChanged, HostKeyUnknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SSH_PORT = 22
FIELDS = 3


@dataclass(frozen=True, slots=True)
class HostKey:
    """A server's public key: its blob as it goes over the wire."""

    blob: bytes

    @property
    def type(self) -> str:
        """The first string in the blob: "ssh-ed25519", "ssh-rsa", ..."""
        length = int.from_bytes(self.blob[:4], "big")
        return self.blob[4 : 4 + length].decode("ascii", "replace")

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest())
        return "SHA256:" + digest.rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One line of a known_hosts file."""

    names: str
    key: HostKey
    place: str
    revoked: bool = False

    def is_for(self, name: str) -> bool:
        """Tell whether the line is about a host: `name` as OpenSSH would write it, "host" or "[host]:port"."""
        if self.names.startswith("|"):
            return is_hash_of(name, self.names)
        return in_pattern_list(name, self.names)


@dataclass(frozen=True, slots=True)
class Host:
    """A server as its key is looked up."""

    hostname: str
    port: int
    alias: str | None = None

    def __str__(self) -> str:
        return f"{self.hostname}:{self.port}" if ":" not in self.hostname else f"[{self.hostname}]:{self.port}"

    @property
    def name(self) -> str:
        if self.alias:
            return self.alias.lower()
        host = self.hostname.lower()
        return host if self.port == SSH_PORT else f"[{host}]:{self.port}"

    @property
    def name_without_port(self) -> str | None:
        """Where OpenSSH looks next: a key of the host itself is good for any port."""
        return None if self.alias or self.port == SSH_PORT else self.hostname.lower()


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """All that the files say.

    Attributes:
        files: where was looked, whether it exists or not.
        keys: in the order of the files.
        warnings: lines that can't be read, which are skipped.
    """

    files: tuple[Path, ...]
    keys: tuple[KnownKey, ...]
    warnings: tuple[str, ...] = ()

    def about(self, name: str | None) -> list[KnownKey]:
        return [known for known in self.keys if name and known.is_for(name)]

    def types_for(self, host: Host) -> list[str]:
        """Return the types of key by which the host is known, to ask it for one of these."""
        known = self.about(host.name) or self.about(host.name_without_port)
        return list(dict.fromkeys(line.key.type for line in known if not line.revoked))

    def verify(self, host: Host, offered: HostKey) -> None:
        """Return if the host is known by this key.

        Raises:
            HostKeyChanged: it is known by another key of the same type, or this one is revoked.
            HostKeyUnknown: it isn't known by any key of this type.
        """
        named, portless = self.about(host.name), self.about(host.name_without_port)
        for known in named + portless:
            if known.revoked and known.key == offered:
                raise revoked(host, known)
        valid = [known for known in named if not known.revoked]
        if any(known.key == offered for known in valid):
            return
        for known in valid:
            if known.key.type == offered.type:
                raise changed(host, known, offered)
        if not any(known.key == offered for known in portless):
            raise unknown(host, offered, self, valid)


def read_known_hosts(files: Iterable[Path]) -> KnownHosts:
    """Read those of the files that exist."""
    files = tuple(files)
    keys: list[KnownKey] = []
    warnings: list[str] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            warnings.append(f"{file} can't be read: {error.strerror}")
            continue
        found, bad = parse_known_hosts(text, file=str(file))
        keys += found
        warnings += bad
    return KnownHosts(files, tuple(keys), tuple(warnings))


def parse_known_hosts(text: str, *, file: str) -> tuple[list[KnownKey], list[str]]:
    """Return the keys, and a warning for each line that is none."""
    keys: list[KnownKey] = []
    warnings: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):  # not splitlines: ssh knows no other line end
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else None
        place = f"{file}:{number}"
        if marker == "@cert-authority":
            warnings.append(f"{place}: host certificates aren't supported, the line is skipped")
        elif marker not in (None, "@revoked") or (key := key_of(fields)) is None:
            warnings.append(f"{place}: not a known_hosts line, it is skipped")
        else:
            keys.append(KnownKey(fields[0], key, place, revoked=marker == "@revoked"))
    return keys, warnings


def key_of(fields: Sequence[str]) -> HostKey | None:
    """Return the key in `names type base64 [comment]`, None when it isn't one."""
    if len(fields) < FIELDS:
        return None
    try:
        key = HostKey(base64.b64decode(fields[2], validate=True))
    except ValueError:  # no base64, or not even ASCII
        return None
    return key if key.type == fields[1] else None


def is_hash_of(name: str, hashed: str) -> bool:
    """Tell whether `|1|salt|hash` stands for the name: hash = HMAC-SHA1(salt, name)."""
    try:
        _, version, salt, digest = hashed.split("|")
        expected = hmac.digest(base64.b64decode(salt), name.encode(), "sha1")
        return version == "1" and hmac.compare_digest(expected, base64.b64decode(digest))
    except ValueError:
        return False


def in_pattern_list(name: str, patterns: str) -> bool:
    """Tell whether one of the comma-separated patterns matches, and none of those that start with `!`."""
    found = False
    for pattern in patterns.lower().split(","):
        if fits(name, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def fits(name: str, pattern: str) -> bool:
    """Match `*` and `?`; brackets stand for themselves, unlike in fnmatch."""
    wildcards = {"*": ".*", "?": "."}
    expression = "".join(wildcards.get(character) or re.escape(character) for character in pattern)
    return re.fullmatch(expression, name, re.DOTALL) is not None


def revoked(host: Host, known: KnownKey) -> HostKeyChanged:
    return HostKeyChanged(
        f"{host} identifies itself by a host key that is revoked: {known.key.fingerprint} ({known.place})",
        hint="Don't connect: ask the server's administrator which key is its own.",
    )


def changed(host: Host, known: KnownKey, offered: HostKey) -> HostKeyChanged:
    return HostKeyChanged(
        f"the host key of the server {host} isn't the known one: it may be another server",
        details=(
            f"offered  {offered.fingerprint} ({offered.type})",
            f"known    {known.key.fingerprint} ({known.place})",
        ),
        hint=(
            "Ask the server's administrator, or run `ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` on the server; only if the"
            f" offered fingerprint is its own, remove the known one with `ssh-keygen -R '{host.name}'` and run `ssh` to it once."
        ),
    )


def unknown(host: Host, offered: HostKey, looked_in: KnownHosts, others: Sequence[KnownKey]) -> HostKeyUnknown:
    files = ", ".join(map(str, looked_in.files)) or "no file at all"
    return HostKeyUnknown(
        f"the host key of the server {host} is unknown: {offered.fingerprint} ({offered.type})",
        details=(
            f"looked for {host.name} in {files}",
            *(f"known is  {known.key.fingerprint} ({known.key.type}, {known.place})" for known in others),
            *looked_in.warnings,
        ),
        hint=(
            "Compare the fingerprint with the server's administrator, or with `ssh-keygen -lf` of its"
            " /etc/ssh/ssh_host_*_key.pub; if it is the same, run `ssh` to it once and say yes."
        ),
    )
