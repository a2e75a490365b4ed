"""A migration: one `NNN_description.sql`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

NAME = re.compile(r"([0-9]{3,18})_[A-Za-z0-9][A-Za-z0-9_.-]*\.sql", re.ASCII)
"""What a migration's file name looks like; longer numbers (a timestamp) sort as numbers too."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file, as it is on this side.

    `sha256` is `v1:` and the hex digest of the text without byte-order mark and with LF line ends.
    """

    number: int
    name: str
    sha256: str
    content: bytes


def migration_from(name: str, content: bytes) -> Migration:
    """Make a migration of a file's name, which must match NAME, and its bytes."""
    match = NAME.fullmatch(name)
    if not match:
        raise ValueError(name)
    return Migration(int(match[1]), name, fingerprint(content), content)


def fingerprint(content: bytes) -> str:
    """Return what tells an edited file from one that merely went through another editor or git's autocrlf."""
    text = content.removeprefix(_BYTE_ORDER_MARK).replace(b"\r\n", b"\n")
    return "v1:" + hashlib.sha256(text).hexdigest()
