"""A real browser without a window, told what to do by Chrome's DevTools protocol over a pipe: no driver, no port, no library."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class BrowserMissing(Exception):
    """This machine has not been made ready. It is a failure everywhere: a page that nobody looked at is not proven."""


class BrowserFailed(AssertionError):
    """The browser refused a command, or a script in it failed."""


@dataclass
class Browser:
    """One page in one browser. `said` is all that it complained about: errors, and what the page's policy stopped."""

    _to: BinaryIO
    _from: BinaryIO
    _session: str = ""
    _number: int = 0
    _events: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while "id" not in (answer := self._read()):
            self._events.append(answer)
        if "error" in answer:
            raise BrowserFailed(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self._from.read(1)) != b"\0":
            if not byte:
                raise BrowserFailed("the browser is gone")
            text += byte
        found: dict[str, Any] = json.loads(text)
        params = found.get("params", {})
        if found.get("method") == "Log.entryAdded":
            self.said.append(params["entry"]["text"])
        if found.get("method") == "Runtime.exceptionThrown":
            self.said.append(params["exceptionDetails"]["text"])
        return found

    def attach(self) -> None:
        """Open the page that everything is done in."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Runtime"):
            self._call(f"{domain}.enable")

    def leave(self) -> None:
        """Ask the browser to end."""
        self._session = ""
        self._call("Browser.close")

    def open(self, path: Path, *, width: int = 1280, dark: bool = False, printed: bool = False) -> None:
        """Load a file as a screen of this width would, or as it is printed."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", media="print" if printed else "", features=[scheme])
        self._events.clear()
        self._call("Page.navigate", url=path.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._events.append(self._read())

    def ask(self, script: str) -> Any:  # noqa: ANN401 - JSON
        """Return the value of an expression in the page."""
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in found:
            raise BrowserFailed(found["exceptionDetails"]["exception"]["description"])
        return found["result"].get("value")

    def picture(self, path: Path) -> None:
        """Write what is seen, from top to bottom, as PNG."""
        found = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start one with a profile of its own, and stop it at the end.

    Raises:
        BrowserMissing: `tests/install.sh` has to be run first.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise BrowserMissing("this machine has no browser yet: run tests/install.sh as root, or 'make test'")
    commands, answers = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(prefix="deploy-test-browser-", ignore_cleanup_errors=True) as profile:
        argv = [
            program,
            "--headless",
            "--no-sandbox",  # root has no other way, and nothing but our own page is opened
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
        ]
        # the protocol's descriptors are 3 and 4; sh duplicates none above 9, but opens them anew
        shell = f'exec "$@" 3</dev/fd/{commands[0]} 4>/dev/fd/{answers[1]}'
        process = subprocess.Popen(
            ["sh", "-c", shell, "browser", *argv],
            env={**os.environ, "TMPDIR": profile},
            pass_fds=(commands[0], answers[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands[0])
        os.close(answers[1])
        with os.fdopen(commands[1], "wb") as to, os.fdopen(answers[0], "rb") as from_:
            try:
                found = Browser(to, from_)
                found.attach()
                yield found
                # killed, it would leave helpers behind that still write into the profile
                found.leave()
                process.wait(timeout=20)
            finally:
                process.kill()
                process.wait()
