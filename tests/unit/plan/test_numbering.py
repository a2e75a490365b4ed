"""Names for new migrations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.errors import UsageError
from deploy.model.migration import NAME
from deploy.plan.numbering import LONGEST, name_for, next_number, renumbered, slug


class TestTheNextNumber:
    def test_is_the_one_after_the_highest(self) -> None:
        assert next_number(["001_a.sql", "007_b.sql", "README.md", "9_no.sql"]) == "008"

    def test_is_the_first_where_there_is_none(self) -> None:
        assert next_number([]) == "001"

    def test_is_as_wide_as_the_others(self) -> None:
        assert next_number(["0001_a.sql"]) == "0002"
        assert next_number(["999_a.sql"]) == "1000"


class TestADescription:
    @pytest.mark.parametrize(
        ("description", "name"),
        [
            ("add user preferences", "add_user_preferences"),
            ("  Add: user-preferences!! (v2) ", "add_user_preferences_v2"),
            ("Добавить таблицу", "dobavit_tablitsu"),
            ("Съёмка Йода, щука", "semka_yoda_shchuka"),
            ("ціна їжі", "tsina_yizhi"),
            ("naïve Größe Łódź", "naive_grosse_lodz"),
            ("word " * 30, "word_" * 11 + "word"),
            ("x" * 100, "x" * LONGEST),
        ],
    )
    def test_becomes_a_name(self, description: str, name: str) -> None:
        assert slug(description) == name

    @pytest.mark.parametrize("description", ["", "   ", "!!!", "123", "用户", "שלום"])
    def test_is_refused_if_it_cannot(self, description: str) -> None:
        with pytest.raises(UsageError):
            slug(description)

    @given(st.text())
    def test_becomes_a_migrations_name_or_is_refused(self, description: str) -> None:
        try:
            name = name_for(description, ["001_x.sql"])
        except UsageError:
            return
        assert NAME.fullmatch(name)


class TestRenumbering:
    def test_gives_the_next_free_number(self) -> None:
        assert renumbered("002_mine.sql", ["001_a.sql", "002_mine.sql", "002_theirs.sql"]) == "003_mine.sql"

    def test_is_for_migrations_only(self) -> None:
        with pytest.raises(UsageError):
            renumbered("README.md", [])
