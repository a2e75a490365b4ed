"""Every way in which a key is pasted badly: mended where it can be, else refused with what to do."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from deploy.action.key import mended, mended_known_hosts, opened
from deploy.model.errors import LoginRefused

if TYPE_CHECKING:
    from collections.abc import Callable

ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
LOCK = BestAvailableEncryption(b"open sesame")

KEY = ED25519.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
FORMATS = {
    "OpenSSH, Ed25519": KEY,
    "OpenSSH, RSA": RSA.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(),
    "OpenSSH, ECDSA": EC.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(),
    "PKCS#1": RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(),
    "SEC 1": EC.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(),
    "PKCS#8": RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
}
LOCKED = {
    "OpenSSH": ED25519.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, LOCK).decode(),
    "PKCS#1": RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, LOCK).decode(),
    "PKCS#8": RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, LOCK).decode(),
}
PUBLIC = ED25519.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def what_is_in(key: bytes) -> bytes:
    """Return the private key itself: OpenSSH's format has a random number in it."""
    return load_ssh_private_key(key, None).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def body_of(key: str) -> str:
    return "".join(key.splitlines()[1:-1])


BADLY_PASTED: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "with the line ends of Windows": lambda key: key.replace("\n", "\r\n"),
    "with the line ends of an old Mac": lambda key: key.replace("\n", "\r"),
    "with some line ends of Windows": lambda key: key.replace("\n", "\r\n", 3),
    "without the last line end": lambda key: key.rstrip("\n"),
    "with spaces for line ends": lambda key: key.replace("\n", " "),
    "with \\n for line ends": lambda key: key.replace("\n", "\\n"),
    "with \\r\\n for line ends": lambda key: key.replace("\n", "\\r\\n"),
    "as a JSON string": json.dumps,
    "in single quotes": lambda key: f"'{key}'",
    "with a byte-order mark": lambda key: "\ufeff" + key,
    "indented": lambda key: "".join(f"    {line}\n" for line in key.splitlines()),
    "with spaces behind its lines": lambda key: key.replace("\n", "  \n"),
    "with empty lines between": lambda key: key.replace("\n", "\n\n"),
    "with the dashes of a word processor": lambda key: key.replace("-----", "\u2014\u2014-"),
    "with words around it": lambda key: f"# the key of the workflow\n{key}\nthat was it\n",
    "in base64 once more": lambda key: base64.b64encode(key.encode()).decode(),
    "in base64 once more, in lines": lambda key: base64.encodebytes(key.encode()).decode(),
}


class TestAPastedKey:
    @pytest.mark.parametrize("form", FORMATS)
    def test_is_the_key_that_it_was(self, form: str) -> None:
        assert what_is_in(opened(mended(FORMATS[form]), "")) == what_is_in(opened(FORMATS[form], ""))

    @pytest.mark.parametrize("how", BADLY_PASTED)
    @pytest.mark.parametrize(
        "key", [*FORMATS.values(), *LOCKED.values()], ids=[*FORMATS, *(f"{n}, locked" for n in LOCKED)]
    )
    def test_is_mended(self, key: str, how: str) -> None:
        assert mended(BADLY_PASTED[how](key)) == mended(key)

    @pytest.mark.parametrize("form", [form for form in FORMATS if form.startswith("OpenSSH")])
    def test_is_mended_without_its_first_and_last_line(self, form: str) -> None:
        assert what_is_in(opened(mended(body_of(FORMATS[form])), "")) == what_is_in(opened(FORMATS[form], ""))

    @given(st.data())
    def test_is_mended_wherever_its_lines_end(self, data: st.DataObject) -> None:
        body = body_of(KEY)
        cuts = sorted(data.draw(st.sets(st.integers(1, len(body) - 1))))
        ends = data.draw(st.sampled_from(["\n", "\r\n", " ", "\t", "\\n"]))
        pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
        first, last = KEY.splitlines()[0], KEY.splitlines()[-1]
        assert what_is_in(opened(mended(ends.join([first, *pieces, last])), "")) == what_is_in(opened(KEY, ""))

    def test_ends_with_a_line_end_and_has_short_lines(self) -> None:
        found = mended(KEY.replace("\n", " "))
        assert found.endswith("-----END OPENSSH PRIVATE KEY-----\n")
        assert max(map(len, found.splitlines())) <= 70


REFUSED = {
    "": "the input ssh-key is empty",
    " \r\n": "the input ssh-key is empty",
    "''": "the input ssh-key is empty",
    PUBLIC: "ssh-key holds a public key",
    f"{PUBLIC} somebody@somewhere\n": "ssh-key holds a public key",
    "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----": "ssh-key holds a public key",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----": "ssh-key holds a public key",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----": "ssh-key holds a certificate, not a private key",
    "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none": "ssh-key is in PuTTY's format (.ppk)",
    "~/.ssh/id_ed25519": "ssh-key holds the name of a file, not the key that is in it",
    "id_rsa": "ssh-key holds the name of a file, not the key that is in it",
    "***": "ssh-key holds no private key: it has no -----BEGIN line",
    "hunter2": "ssh-key holds no private key: it has no -----BEGIN line",
    KEY[:200]: "ssh-key is cut off: its -----END line is missing",
    KEY.splitlines()[0]: "ssh-key is cut off: its -----END line is missing",
    f"{KEY.splitlines()[0]}\n{KEY.splitlines()[-1]}": "ssh-key has nothing between its -----BEGIN and its -----END line",
    KEY.replace(KEY[60:64], "****"): "ssh-key is damaged: characters of it are missing or changed",
    KEY.replace(KEY[60:64], KEY[60:63]): "ssh-key is damaged: characters of it are missing or changed",
    KEY.replace(KEY.splitlines()[2], ""): "ssh-key is damaged: characters of it are missing or changed",
}


IN_HARDWARE = """\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAASgAAABpzay1zc2gtZWQy
NTUxOUBvcGVuc3NoLmNvbQAAACBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcAAAAARz
c2g6AAAAcAAAAAcAAAAHAAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIHBwcHBwcHBw
cHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwAAAABHNzaDoBAAAABmhhbmRsZQAAAAAAAAAHY29tbWVu
dAECAwQ=
-----END OPENSSH PRIVATE KEY-----
"""
"""Of the type sk-ssh-ed25519, as ssh-keygen writes it; it is of no token that there is."""


class TestWhatIsNoKey:
    @pytest.mark.parametrize(("pasted", "said"), REFUSED.items(), ids=range(len(REFUSED)))
    def test_is_refused_by_what_it_is(self, pasted: str, said: str) -> None:
        with pytest.raises(LoginRefused) as refused:
            opened(mended(pasted), "")
        assert refused.value.message == said
        assert refused.value.hint.endswith(".")

    @pytest.mark.parametrize("number", [number for number, pasted in enumerate(REFUSED) if len(pasted) > 40])
    def test_is_not_quoted(self, number: int) -> None:
        """What was pasted by mistake may be as secret as a key."""
        pasted = [*REFUSED][number]
        with pytest.raises(LoginRefused) as refused:
            opened(mended(pasted), "")
        said = f"{refused.value.message} {refused.value.hint} {refused.value.details}"
        assert not [line for line in pasted.split() if len(line) > 20 and line in said]

    @given(st.text(max_size=400))
    def test_is_refused_in_our_words_whatever_it_is(self, pasted: str) -> None:
        with pytest.raises(LoginRefused):
            opened(mended(pasted), "")

    def test_may_be_a_key_in_hardware(self) -> None:
        with pytest.raises(LoginRefused, match="of a type that isn't supported") as refused:
            opened(mended(IN_HARDWARE), "")
        assert "in hardware" in refused.value.hint

    def test_may_be_a_key_of_a_type_that_cant_be_used(self) -> None:
        key = x25519.X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(LoginRefused, match="of a type that isn't supported"):
            opened(mended(key.decode()), "")


class TestAPassphrase:
    @pytest.mark.parametrize("form", LOCKED)
    @pytest.mark.parametrize("given_as", ["open sesame", "open sesame\n", "open sesame\r\n"])
    def test_opens_the_key(self, form: str, given_as: str) -> None:
        key = opened(mended(LOCKED[form]), given_as)
        assert load_ssh_private_key(key, None)

    @pytest.mark.parametrize("form", LOCKED)
    def test_is_asked_for_by_the_name_of_its_input(self, form: str) -> None:
        with pytest.raises(LoginRefused, match="protected by a passphrase, and the input ssh-passphrase is empty"):
            opened(mended(LOCKED[form]), "")

    @pytest.mark.parametrize("form", LOCKED)
    def test_may_be_wrong(self, form: str) -> None:
        with pytest.raises(LoginRefused, match="isn't opened by ssh-passphrase"):
            opened(mended(LOCKED[form]), "open barley")

    def test_does_no_harm_to_a_key_without_one(self) -> None:
        assert what_is_in(opened(mended(KEY), "open sesame")) == what_is_in(opened(KEY, ""))


ED = "db.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"
ECDSA = "[db.example.com]:2222 ecdsa-sha2-nistp256 AAAAE2VjZHNh"


class TestKnownHosts:
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\\n", " "])
    def test_has_a_line_for_each_key(self, end: str) -> None:
        assert mended_known_hosts(f"{ED}{end}{ECDSA}") == f"{ED}\n{ECDSA}\n"

    def test_keeps_comments_and_markers(self) -> None:
        assert (
            mended_known_hosts(f"# ours\n@revoked {ED} old\n{ECDSA} new") == f"# ours\n@revoked {ED} old\n{ECDSA} new\n"
        )
        assert mended_known_hosts(f"{ECDSA} new @revoked {ED} old") == f"{ECDSA} new\n@revoked {ED} old\n"

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_has_comments_of_a_line(self, end: str) -> None:
        assert mended_known_hosts(f"\ufeff# ours{end}{ED}{end}") == f"# ours\n{ED}\n"

    @pytest.mark.parametrize("nothing", ["", " \n", "''"])
    def test_may_be_empty(self, nothing: str) -> None:
        assert mended_known_hosts(nothing) == ""
