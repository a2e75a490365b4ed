"""GitHub's runner, as far as a composite action can tell: its variables, its files, its shell, and its way to end a step.

Source: GitHub's docs, "Workflow syntax", shells: `bash --noprofile --norc -eo pipefail {0}`; and its runner, ProcessInvoker: SIGINT,
SIGTERM after 7.5 s, then the end of all processes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from tests.server.machine import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]

_PASSED_ON = re.compile(r"PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|(?i:https?|no)_proxy")
"""What leads pip to its index on this machine; GitHub's needs nothing of it."""

_EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
_OUTPUT = re.compile(r"^([\w-]+)<<(\S+)\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)

_ALWAYS = "always()"


@dataclass(frozen=True, slots=True)
class Ended:
    """How the action ended: `log` is what the step page shows, `files` all that it wrote for the runner and left behind."""

    status: int
    log: str
    outputs: Mapping[str, str]
    summary: str

    @property
    def report(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.outputs["report"])

    @property
    def annotations(self) -> list[str]:
        return [line for line in self.log.splitlines() if re.match(r"::(error|warning|notice)\b", line)]


@dataclass
class Runner:
    """A machine of GitHub's with one job on it: a checkout of the action, a checkout of the project, and nothing of ours.

    Attributes:
        action: where the action is checked out.
        workspace: where the project is.
        temp: RUNNER_TEMP.
        env: the job's `env:`.
    """

    action: Path
    workspace: Path
    temp: Path
    env: Mapping[str, str]
    repository: str = "acme/backtester"
    run_id: str = "4711"
    path: str = f"{Path(sys.base_prefix, 'bin')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    _started: list[Running] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for step in self._started:
            step.end()

    def uses(self, **inputs: str) -> Ended:
        """Run the action to its end."""
        return self.start(**inputs).wait()

    def start(self, **inputs: str) -> Running:
        """Run the action up to its main step, and leave that running."""
        self._started.append(Running(self, self._with(inputs)))
        return self._started[-1]

    def _with(self, inputs: Mapping[str, str]) -> dict[str, str]:
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        declared = self.definition["inputs"]
        assert given.keys() <= declared.keys(), "GitHub warns of unknown inputs"
        return {name: given.get(name, str(what.get("default", ""))) for name, what in declared.items()}

    @property
    def definition(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((self.action / "action.yml").read_text("utf-8"))
        return found

    def environment(self, files: Mapping[str, Path]) -> dict[str, str]:
        return {
            "PATH": self.path,
            "HOME": str(self.temp.parent / "home"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_ACTOR": "octocat",
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": self.run_id,
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(self.temp),
            **{name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)},
            "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path("~/.cache/pip").expanduser())),
            **{name: str(path) for name, path in files.items()},
            **self.env,
        }


class Running:
    """The action at its main step."""

    def __init__(self, runner: Runner, inputs: Mapping[str, str]) -> None:
        self._runner = runner
        self._inputs = inputs
        self._steps: list[dict[str, Any]] = list(runner.definition["runs"]["steps"])
        self._outputs: dict[str, dict[str, str]] = {}
        self._summary = ""
        self._status = 0
        self._files = self._new_files()
        self.log = runner.temp.parent / f"log.{time.monotonic_ns()}"
        self.process: subprocess.Popen[bytes] | None = None
        while self._steps and self.process is None:
            step = self._steps.pop(0)
            process = self._start(step)
            if step.get("id") == "run":
                self.process, self._step = process, step
            else:
                self._finish(step, process)
            if self._status:
                break

    def cancel(self) -> None:
        """End the step as the runner does for a workflow that somebody cancels."""
        assert self.process
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=7.5)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(timeout=2.5)

    def end(self) -> None:
        """Leave nothing running, in whatever way the test has ended."""
        if self.process and self.process.poll() is None:
            self.cancel()
            self.process.kill()
            self.process.wait()

    def wait(self) -> Ended:
        """Run the rest of the steps."""
        if self.process:
            self._finish(self._step, self.process)
        for step in self._steps:
            if self._status == 0 or step.get("if") == _ALWAYS:
                self._finish(step, self._start(step))
        outputs = {name: self._expanded(what["value"]) for name, what in self._runner.definition["outputs"].items()}
        return Ended(self._status, self.log.read_text("utf-8"), outputs, self._summary)

    def _new_files(self) -> dict[str, Path]:
        """The runner makes empty files anew for each step."""
        folder = self._runner.temp / "_runner_file_commands"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        names = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE")
        files = {name: folder / name.lower() for name in names}
        for file in files.values():
            file.touch()
        return files

    def _start(self, step: dict[str, Any]) -> subprocess.Popen[bytes]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an expression in a script is an injection"
        self._files = self._new_files()
        script = self._runner.temp / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        environment = self._runner.environment(self._files)
        environment |= {name: self._expanded(value) for name, value in step.get("env", {}).items()}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
                cwd=self._runner.workspace,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _finish(self, step: dict[str, Any], process: subprocess.Popen[bytes]) -> None:
        status = process.wait(timeout=300)
        self._status = self._status or status
        said = self._files["GITHUB_OUTPUT"].read_text("utf-8")
        self._outputs[step.get("id", "")] = {name: value for name, _, value in _OUTPUT.findall(said)}
        self._summary += self._files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        assert self._files["GITHUB_ENV"].read_text("utf-8") == ""

    def _expanded(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self._value(found[1].split(".")), text)

    def _value(self, path: Sequence[str]) -> str:
        match path:
            case ["inputs", name]:
                return self._inputs[name]
            case ["steps", step, "outputs", name]:
                return self._outputs.get(step, {}).get(name, "")
        raise AssertionError(f"an expression that this runner doesn't know: {path}")


def checked_out(target: Path) -> Path:
    """Copy what git has, or would have, of this project: no virtual environment, nothing that was built."""
    listed = run(["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target
