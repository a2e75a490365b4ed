"""The line in the crontab: ours is found again, and no byte of another's changes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model.errors import UsageError
from deploy.plan.schedule import MACROS, cron_line, cron_time, mark_of, merge, scheduled_line

MARK = mark_of("prod", "/opt/backtester")
LINE = cron_line("prod", "/opt/backtester", "0 3 * * *")

CRONTABS = st.lists(
    st.sampled_from(
        [
            b"MAILTO=ops@example.com",
            b"# 0 3 * * * /bin/true",
            b"",
            b"  ",
            b"5 4 * * * echo 100\\% # backtester-deploy",
            b"\xff\xfe",
            b"#" + LINE.encode(),
            cron_line("staging", "/opt/backtester", "0 3 * * *").encode(),
            cron_line("prod", "/srv/opt/backtester", "@daily").encode(),
        ]
    )
    | st.binary(max_size=20)
).map(b"\n".join)


class TestTheTime:
    @pytest.mark.parametrize(
        "typed",
        ["0 3 * * *", "*/15 0-6 1,15 jan-mar MON", "59 23 31 12 7", "0 0-23/2 * * sun,6", "* * * * 1-5", *MACROS],
    )
    def test_is_taken_as_a_crontab_has_it(self, typed: str) -> None:
        assert cron_time(typed) == typed

    def test_may_be_typed_with_more_spaces(self) -> None:
        assert cron_time("  0\t3  * * * ") == "0 3 * * *"

    @pytest.mark.parametrize(
        "typed",
        [
            *("", "0 3 * *", "0 3 * * * *", "@reboot", "@Daily", "daily", "3:00", "0 3 * * *\n* * * * * rm"),
            *("60 3 * * *", "0 24 * * *", "0 3 0 * *", "0 3 32 * *", "0 3 * 13 *", "0 3 * * 8", "0 jan * * *"),
            *("0 3 * * foo", "-1 3 * * *", "5-1 3 * * *", "*/0 3 * * *", "1, 3 * * *", "0 3 * * *;", "% 3 * * *"),
            *("0 3 * * $(x)", "\N{ARABIC-INDIC DIGIT THREE} 3 * * *", "*-5 3 * * *", "1-2-3 3 * * *"),
        ],
    )
    def test_is_refused_when_cron_would_not_take_it(self, typed: str) -> None:
        with pytest.raises(UsageError, match=r"--at="):
            cron_time(typed)


class TestTheLine:
    def test_says_where_what_and_whose(self) -> None:
        assert LINE == (
            "0 3 * * * cd /opt/backtester && ./backup-db.sh prod --wait >> backup.log 2>&1"
            " # backtester-deploy prod /opt/backtester"
        )

    def test_quotes_for_sh_and_escapes_for_cron(self) -> None:
        line = cron_line("prod", "/opt/it's 100% mine", "@daily")
        assert """cd '/opt/it'"'"'s 100\\% mine' &&""" in line
        assert line.endswith(mark_of("prod", "/opt/it's 100% mine"))
        assert not re.search(r"(?<!\\)%", line)

    def test_has_no_backslash_that_crons_read_in_different_ways(self) -> None:
        with pytest.raises(UsageError, match="backslash"):
            cron_line("prod", "/opt/a\\%b", "@daily")


class TestACrontab:
    @given(CRONTABS)
    def test_is_what_it_was_after_adding_and_removing(self, crontab: bytes) -> None:
        added = merge(crontab, MARK, LINE)
        assert scheduled_line(added, MARK) == LINE
        assert added.endswith(crontab)
        assert merge(added, MARK, None) == crontab

    @given(CRONTABS)
    def test_does_not_change_by_adding_the_same_again(self, crontab: bytes) -> None:
        added = merge(crontab, MARK, LINE)
        assert merge(added, MARK, LINE) == added

    def test_gets_the_new_time_where_the_old_one_stood(self) -> None:
        later = cron_line("prod", "/opt/backtester", "@weekly")
        crontab = b"A=1\n" + LINE.encode() + b"\nB=2\n" + LINE.encode() + b"\nno end"
        assert merge(crontab, MARK, later) == b"A=1\n" + later.encode() + b"\nB=2\nno end"

    def test_without_our_line_has_none(self) -> None:
        crontab = b"#" + LINE.encode() + b"\n0 3 * * * cd /opt/backtester && ./backup-db.sh prod\n"
        assert scheduled_line(crontab, MARK) is None
        assert merge(crontab, MARK, None) == crontab
