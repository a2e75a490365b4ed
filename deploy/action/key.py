"""A private key as people paste it into a secret, mended or refused in a sentence that names the remedy; and known_hosts."""

from __future__ import annotations

import base64
import re
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from deploy.model.errors import LoginRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPENSSH = "OPENSSH PRIVATE KEY"
OPENSSH_MAGIC = b"openssh-key-v1\0"
LINE = 70

_FRAME = re.compile(
    r"[-\u2010-\u2015]+\s*BEGIN ([A-Z0-9 ]+?)\s*[-\u2010-\u2015]+(.*?)(?:[-\u2010-\u2015]+\s*END \1\s*[-\u2010-\u2015]+|\Z)",
    re.DOTALL,
)
"""A word processor makes long dashes of the short ones."""

_PUBLIC = re.compile(r"(?:ssh-|ecdsa-sha2-|sk-)\S+ +AAAA|-+ ?BEGIN (?:SSH2 |RSA )?PUBLIC KEY")
_KEY_TYPE = re.compile(r"ssh-|ecdsa-|sk-")
_PATH = re.compile(r"[~./\w-]*/[\w./-]+|id_\w+(?:\.pub)?")
_LEGACY_HEADERS = re.compile(r"\s*Proc-Type:\s*(\S+)\s+DEK-Info:\s*(\S+)")

PASTE = (
    "Paste the whole file into the secret, from -----BEGIN to the end of its last line: `gh secret set NAME < FILE`."
)


def mended(pasted: str) -> str:
    """Return the key in the form that its format asks for, whatever a form, a shell or a mail has made of its lines.

    Raises:
        LoginRefused: it is no private key, or not all of one.
    """
    text = _unwrapped(pasted)
    _refuse_what_it_is_not(text)
    frame = _FRAME.search(text)
    if frame is None:
        return _without_frame(text)
    label, inside = frame[1], frame[2]
    if "END " not in frame[0]:
        raise LoginRefused("ssh-key is cut off: its -----END line is missing", hint=PASTE)
    if not label.endswith("PRIVATE KEY"):
        raise LoginRefused(f"ssh-key holds a {label.lower()}, not a private key", hint=PASTE)
    legacy = _LEGACY_HEADERS.match(inside)
    headers = [f"Proc-Type: {legacy[1]}", f"DEK-Info: {legacy[2]}", ""] if legacy else []
    body = "".join((inside[legacy.end() :] if legacy else inside).split())
    _require_base64(body)
    return "\n".join([f"-----BEGIN {label}-----", *headers, *textwrap.wrap(body, LINE), f"-----END {label}-----", ""])


def opened(key: str, passphrase: str) -> bytes:
    """Return the key in OpenSSH's format without its passphrase, which is thus needed nowhere else.

    Raises:
        LoginRefused: the passphrase is missing or wrong, the key is damaged, or of a kind that can't be used.
    """
    load: Callable[..., object] = load_ssh_private_key if OPENSSH in key else load_pem_private_key
    try:
        found = _loaded(load, key, passphrase)
    except UnsupportedAlgorithm as error:
        if str(error).startswith("Unsupported key type") and not re.search("sk-|ssh-dss", str(error)):
            raise damaged() from error  # the name of its type is what is damaged
        hint = "Make one for the workflow: ssh-keygen -t ed25519, or one of RSA or ECDSA; a key in hardware can't sign here."
        raise LoginRefused("ssh-key is of a type that isn't supported", hint=hint) from error
    except (ValueError, TypeError) as error:
        raise damaged() from error
    if not isinstance(found, Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey):
        raise LoginRefused(
            "ssh-key is of a type that isn't supported", hint="Make one for the workflow: ssh-keygen -t ed25519."
        )
    return found.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def damaged() -> LoginRefused:
    return LoginRefused("ssh-key is damaged: characters of it are missing or changed", hint=PASTE)


def _loaded(load: Callable[..., object], key: str, passphrase: str) -> object:
    """Load a key; a passphrase is for those that have one, since a secret for several keys may go with each."""
    try:
        return load(key.encode(), None)
    except TypeError as error:
        if not passphrase:
            raise LoginRefused(
                "ssh-key is protected by a passphrase, and the input ssh-passphrase is empty",
                hint="Give the passphrase as ssh-passphrase, from a secret of its own, or make a key without one for the workflow.",
            ) from error
    try:
        return load(key.encode(), passphrase.rstrip("\r\n").encode())
    except ValueError as error:
        raise LoginRefused(
            "ssh-key isn't opened by ssh-passphrase",
            hint="Try it by hand: ssh-keygen -y -f FILE asks for it. A secret may have a space or a line end too many.",
        ) from error


def mended_known_hosts(pasted: str) -> str:
    """Return known_hosts with a line for each key, whatever has become of its line ends."""
    lines = [entry for line in _unwrapped(pasted).split("\n") for entry in _entries(line) if entry]
    return "".join(f"{line}\n" for line in lines)


def _entries(line: str) -> Iterator[str]:
    """Split a line before each `[@marker] names type AAAA…`; a comment goes with what is before it."""
    words = line.split()
    kinds = [
        n
        for n, word in enumerate(words)
        if n and _KEY_TYPE.match(word) and "".join(words[n + 1 : n + 2]).startswith("AAAA")
    ]
    starts = [n - 2 if n > 1 and words[n - 2].startswith("@") else n - 1 for n in kinds]
    if len(starts) < 2 or line.startswith("#"):  # noqa: PLR2004 - one is as it should be
        yield line
        return
    for start, end in pairwise([0, *starts[1:], len(words)]):
        yield " ".join(words[start:end])


def _unwrapped(pasted: str) -> str:
    """Take away what surrounds a text that was copied out of a shell, a JSON document or an editor of Windows."""
    text = pasted.strip("\ufeff \t\r\n")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
        text = text[1:-1]
    return text.replace("\\r", "").replace("\\n", "\n").replace("\r", "\n").strip()


def _refuse_what_it_is_not(text: str) -> None:
    if not text:
        raise LoginRefused(
            "the input ssh-key is empty",
            hint="Is the secret set, for this environment, under this name? A pull request from a fork gets no secrets.",
        )
    if _PUBLIC.match(text):
        raise LoginRefused(
            "ssh-key holds a public key",
            hint="Give the private one, the file without .pub; the public one is the server's.",
        )
    if text.startswith("PuTTY-User-Key-File"):
        raise LoginRefused(
            "ssh-key is in PuTTY's format (.ppk)",
            hint="Convert it: puttygen KEY.ppk -O private-openssh -o KEY, or PuTTYgen's menu Conversions, Export OpenSSH key.",
        )
    if _PATH.fullmatch(text) and len(text) < 200:  # noqa: PLR2004 - longer than any path, shorter than any key
        raise LoginRefused("ssh-key holds the name of a file, not the key that is in it", hint=PASTE)


def _without_frame(text: str) -> str:
    """Take the bare base64 of a key, or a whole key file that was encoded once more."""
    bare = "".join(text.split())
    try:
        content = base64.b64decode(bare, validate=True)
    except ValueError:
        content = b""
    if content.startswith(OPENSSH_MAGIC):
        return mended(f"-----BEGIN {OPENSSH}-----\n{bare}\n-----END {OPENSSH}-----")
    if b"-----BEGIN " in content[:100]:
        return mended(content.decode(errors="replace"))
    raise LoginRefused("ssh-key holds no private key: it has no -----BEGIN line", hint=PASTE)


def _require_base64(body: str) -> None:
    try:
        base64.b64decode(body, validate=True)
    except ValueError as error:
        raise damaged() from error
    if not body:
        raise LoginRefused("ssh-key has nothing between its -----BEGIN and its -----END line", hint=PASTE)
