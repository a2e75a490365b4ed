"""What holds for every test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.server import Proxy, ServerUnderTest, Site

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let nothing be skipped in CI, where a green run has to mean that everything was proven."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longreprtext}"
    return report


# what a journey or a fault asks for the server by


@pytest.fixture(scope="session")
def server() -> Iterator[ServerUnderTest]:
    """The whole session's server: real sshd, Docker and PostgreSQL."""
    with ServerUnderTest.running() as running:
        yield running


@pytest.fixture
def site(server: ServerUnderTest) -> Iterator[Site]:
    """A fresh corner of the server, with PostgreSQL 15."""
    with server.fresh(15) as fresh:
        yield fresh


@pytest.fixture
def site17(server: ServerUnderTest) -> Iterator[Site]:
    """A fresh corner of the server, with PostgreSQL 17."""
    with server.fresh(17) as fresh:
        yield fresh


@pytest.fixture
def proxy(server: ServerUnderTest) -> Iterator[Proxy]:
    """A network to the server that can be slow, silent or cut."""
    with server.proxy() as network:
        yield network
