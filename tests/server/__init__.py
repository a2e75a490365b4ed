"""The server that the journeys run against; `tests/install.sh` makes a machine fit for it."""

from __future__ import annotations

from tests.server.container import Container
from tests.server.machine import CommandFailed
from tests.server.proxy import Proxy
from tests.server.site import Site
from tests.server.under_test import ServerMissing, ServerUnderTest

__all__ = ["CommandFailed", "Container", "Proxy", "ServerMissing", "ServerUnderTest", "Site"]
