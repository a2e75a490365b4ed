"""A migration's name and its fingerprint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.migration import NAME, fingerprint, migration_from

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TestAMigrationsName:
    @pytest.mark.parametrize(
        ("name", "number"),
        [
            ("001_a.sql", 1),
            ("042_Add-index.v2.sql", 42),
            ("1000_x.sql", 1000),
            ("20261122115500_x.sql", 20261122115500),
        ],
    )
    def test_begins_with_its_number(self, name: str, number: int) -> None:
        assert migration_from(name, b"").number == number

    @pytest.mark.parametrize(
        "name",
        [
            "01_a.sql",
            "001-a.sql",
            "001_.sql",
            "001_a.SQL",
            "001_a b.sql",
            "001_ä.sql",
            "\u0660\u0660\u0661_a.sql",
            "001_a.sql\n",
        ],
    )
    def test_is_refused_where_a_shell_or_psql_could_take_it_for_something_else(self, name: str) -> None:
        with pytest.raises(ValueError, match=r"\.(sql|SQL)"):
            migration_from(name, b"")

    @given(st.from_regex(NAME, fullmatch=True))
    def test_needs_no_quotes_anywhere(self, name: str) -> None:
        assert migration_from(name, b"").name == name
        assert not set(name) & set(" '\"\\$`;&|<>()*?[]{}~#!\n\t/:@,=")


class TestAFingerprint:
    def test_names_its_algorithm(self) -> None:
        assert fingerprint(b"") == "v1:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    @given(st.binary())
    def test_is_the_same_after_another_editor_or_autocrlf(self, content: bytes) -> None:
        text = content.replace(b"\r", b"").removeprefix(BYTE_ORDER_MARK)
        assert fingerprint(BYTE_ORDER_MARK + text.replace(b"\n", b"\r\n")) == fingerprint(text)

    @given(st.binary(), st.binary(min_size=1))
    def test_is_another_for_another_text(self, content: bytes, more: bytes) -> None:
        text = b"-- " + content.replace(b"\r", b"")
        assert fingerprint(text + more.replace(b"\r", b" ")) != fingerprint(text)
