"""A journey asks for the server by these names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server import Proxy, ServerUnderTest, Site

if TYPE_CHECKING:
    from collections.abc import Iterator


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
