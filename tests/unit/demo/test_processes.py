"""When an interrupt may come through."""

from __future__ import annotations

import signal

import pytest

from deploy.demo.processes import Interrupts


class TestAnInterrupt:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_comes_through_at_once(self, number: signal.Signals) -> None:
        with Interrupts(), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)

    def test_waits_until_what_is_started_is_written_down(self) -> None:
        written_down = []

        def start(interrupts: Interrupts) -> None:
            with interrupts.held():
                signal.raise_signal(signal.SIGTERM)
                written_down.append("it")

        with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
            start(interrupts)
        assert written_down == ["it"]

    def test_comes_once(self) -> None:
        """An impatient second Ctrl-C doesn't stop the clean-up."""
        with Interrupts():
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    def test_does_not_stop_the_clean_up(self) -> None:
        with Interrupts() as interrupts:
            interrupts.hold()
            signal.raise_signal(signal.SIGINT)

    def test_that_nohup_ignores_stays_ignored(self) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with Interrupts():
                signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_means_afterwards_what_it_meant_before(self) -> None:
        before = signal.getsignal(signal.SIGTERM)
        with Interrupts():
            pass
        assert signal.getsignal(signal.SIGTERM) is before
