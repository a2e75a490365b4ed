"""The GitHub Actions step, run as GitHub runs it: its own shell and files, and nothing of this project's environment."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.journeys.github import Ended, Runner, checked_out
from tests.journeys.invariants import (
    assert_sound,
    backups,
    done_in_the_ledger,
    is_worked_on,
    wait_until,
    wait_until_nobody_works,
)
from tests.server.machine import as_root, run
from tests.server.sshd import LOGIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server import Site

PASSPHRASE = "open sesame"  # noqa: S105 - of a key that the test makes

BROKEN = """\
-- what the server says is printed in the log, and must not be obeyed there
CREATE OR REPLACE VIEW totals AS
SELECT id,
       "##[add-mask]total"
FROM orders;
"""


@pytest.fixture(scope="session")
def action(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean checkout of the action."""
    return checked_out(tmp_path_factory.mktemp("action"))


@pytest.fixture(scope="session")
def temp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One RUNNER_TEMP for all: the action installs itself once a job, which takes a while."""
    folder = tmp_path_factory.mktemp("runner")
    (folder / "temp").mkdir()
    (folder / "home").mkdir()
    return folder / "temp"


@pytest.fixture
def runner(action: Path, temp: Path, site: Site) -> Iterator[Runner]:
    """A runner with the site's project checked out in a folder of the repository; the settings lead to its own database."""
    site.write_migration("001_orders.sql", "CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY);\n")
    with Runner(action, site.project.parent, temp, site.env) as machine:
        yield machine


@pytest.fixture
def inputs(site: Site) -> dict[str, str]:
    """What leads the action to the site."""
    return {
        "host": "127.0.0.1",
        "port": str(site.sshd.port),
        "user": LOGIN,
        "known_hosts": site.ssh_config.with_name("ssh_config.known_hosts").read_text("utf-8"),
        "ssh_key": key_of(site),
        "working_directory": site.project.name,
    }


def key_of(site: Site) -> str:
    return (site.sshd.folder / "client_key").read_text("utf-8")


def assert_keeps_the_key(site: Site, runner: Runner, *ended: Ended) -> None:
    """Nothing of the key, its passphrase or its place is in what was printed, published, or left on the runner."""
    lines = key_of(site).splitlines()[1:-1]
    secrets = [PASSPHRASE, *lines, "".join(lines)[:60]]
    said = [text for each in ended for text in (each.log, each.summary, *each.outputs.values())]
    assert not [secret for secret in secrets for text in said if secret in text]
    folders = [str(runner.temp), str(runner.temp.parent / "home"), str(runner.workspace)]
    for secret in secrets:
        found = subprocess.run(["grep", "-rlF", "-e", secret, *folders], capture_output=True, text=True, check=False)
        assert found.stdout == ""
    assert list(runner.temp.glob("backtester-deploy-key-*")) == []


def commands_in(log: str) -> set[str]:
    """Return the names of all that the runner would take for a command in a log."""
    return set(re.findall(r"^\s*::([\w-]+)[^\n]*::", log, re.MULTILINE)) | {
        f"##[{n}" for n in re.findall(r"##\[(\w*)", log)
    }


class TestTheAction:
    def test_deploys_annotates_what_fails_and_goes_back(
        self, site: Site, runner: Runner, inputs: dict[str, str]
    ) -> None:
        deployed = runner.uses(**inputs | {"ssh_key": key_of(site).replace("\n", "\r\n")})
        assert deployed.status == 0, deployed.log
        assert deployed.outputs["outcome"] == "applied"
        assert json.loads(deployed.outputs["applied"]) == ["001_orders.sql"]
        backup = deployed.outputs["backup"]
        assert backups(site) == [backup]
        host = f"{LOGIN}@127.0.0.1:{site.sshd.port}"
        assert deployed.report["host"] == host
        assert re.search(r"\| `001_orders.sql` \| ✅ applied \| [\d.]+ m?s \|", deployed.summary)
        assert f"\nfab -H {host} rollback --backup={backup}\n" in deployed.summary
        assert (
            deployed.log.index("::group::back up")
            < deployed.log.index("🔒 Creating")
            < deployed.log.index("::endgroup::")
        )
        assert "\n::group::apply\n📄 Applying migration: 001_orders.sql\n" in deployed.log

        site.write_migration("002_view.sql", BROKEN)
        failed = runner.uses(**inputs)
        assert failed.status == 28, failed.log
        assert failed.outputs["outcome"] == "failed"
        (said,) = failed.annotations
        place = f"file={site.project.name}/migrations/002_view.sql,line=4,col=8,title=MigrationFailed (28)"
        assert said.startswith(f"::error {place}::002_view.sql:5: column")
        assert commands_in(failed.log) == {"group", "endgroup", "error"}
        assert "| `002_view.sql` | ❌ failed |" in failed.summary

        typo = site.write_migration("003_typo.sql", "CRATE TABLE x ();\n")
        checked = runner.uses(command="check", working_directory=site.project.name)
        assert checked.status == 27, checked.log
        assert any(line.startswith("::error file=migrations/003_typo.sql,line=1,") for line in checked.annotations)

        typo.unlink()
        back = runner.uses(command="rollback", backup=backup, **inputs)
        assert back.status == 0, back.log
        assert back.outputs["outcome"] == "rolled_back"
        assert back.outputs["backup"] == backup
        assert site.psql("SELECT to_regclass('orders') IS NULL") == "t"
        assert f"\nfab -H {host} undo\n" in back.summary
        assert_keeps_the_key(site, runner, deployed, failed, checked, back)
        assert_sound(site)

    def test_leaves_a_job_to_its_end_when_cancelled_and_a_re_run_follows_it(
        self, site: Site, runner: Runner, inputs: dict[str, str]
    ) -> None:
        """Without a fabfile of the project, too: the action has the commands, the project only its settings."""
        (site.project / "fabfile.py").unlink()
        (site.project / "fabric.yml").write_text(
            f"deploy:\n  environments:\n    blue:\n      hosts: ['{inputs['host']}']\n"
        )
        site.write_migration("002_wait.sql", WAITS)
        first = runner.start(**inputs | {"environment": "blue"})
        wait_until(lambda: site.psql(AT_WORK) == "1", timeout_s=90)
        assert_nobody_sees_the_key(site, runner)
        first.cancel()
        assert list(runner.temp.glob("backtester-deploy-key-*")) == [], "the step itself takes it away"
        cancelled = first.wait()
        assert cancelled.status == 130, cancelled.log
        assert cancelled.outputs["outcome"] == "unknown"
        assert is_worked_on(site)
        assert_keeps_the_key(site, runner, cancelled)

        other = Runner(runner.action, runner.workspace, runner.temp, runner.env, repository="acme/other").uses(**inputs)
        assert other.status == 53, other.log
        assert "deploy by octocat from GitHub Actions, acme/backtester run 4711" in other.log

        second = runner.start(**inputs)
        wait_until(lambda: "📄 Applying migration: 002_wait.sql" in second.log.read_text("utf-8"), timeout_s=90)
        site.psql("CREATE TABLE go ()")
        again = second.wait()
        assert again.status == 0, again.log
        assert again.log.index("applied successfully") < again.log.index("nothing pending")
        assert json.loads(again.outputs["applied"]) == ["001_orders.sql", "002_wait.sql"]
        assert [again.outputs["backup"]] == backups(site)
        assert again.annotations == []
        wait_until_nobody_works(site)
        assert set(done_in_the_ledger(site)) == {"001_orders.sql", "002_wait.sql"}
        assert_keeps_the_key(site, runner, again)

    def test_refuses_what_it_was_given_before_it_goes_anywhere(
        self, site: Site, runner: Runner, inputs: dict[str, str]
    ) -> None:
        public = (site.sshd.folder / "client_key.pub").read_text("utf-8")
        locked = site.project.parent / "locked"
        locked.write_text(key_of(site), "utf-8")
        locked.chmod(0o600)
        run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", str(locked)])
        key = locked.read_text("utf-8")
        locked.unlink()
        refused = [
            ({"ssh_key": ""}, 63, "the input ssh-key is empty"),
            ({"ssh_key": public}, 63, "ssh-key holds a public key"),
            ({"ssh_key": key}, 63, "the input ssh-passphrase is empty"),
            ({"ssh_key": key, "ssh_passphrase": "wrong"}, 63, "isn't opened by ssh-passphrase"),
            ({"known_hosts": ""}, 61, "the input known-hosts is empty"),
            (
                {"known_hosts": f"[127.0.0.1]:{site.sshd.port} {' '.join(public.split()[:2])}"},
                62,
                "isn't the known one",
            ),
            ({"host": ""}, 14, "the input host is empty"),
            ({"host": "$(touch x)"}, 10, "names no server"),
            ({"args": "--dry-run; touch x"}, 10, "is no flag of deploy"),
            ({"working_directory": "nowhere"}, 10, "there is no directory nowhere"),
            ({"environment": "bleu"}, 10, "isn't under deploy.environments"),
        ]
        ended = []
        (runner.temp / "backtester-deploy-key-left").mkdir()  # as by a step that was killed
        (runner.temp / "backtester-deploy-key-left" / "key").write_text(key_of(site), "utf-8")
        for wrong, status, said in refused:
            ended.append(runner.uses(**inputs | wrong))
            assert ended[-1].status == status, ended[-1].log
            assert said in ended[-1].log
            assert ended[-1].outputs["outcome"] == "refused"
            assert len(ended[-1].annotations) == 1
        assert site.remote_files() == []
        opened = runner.uses(
            **inputs | {"ssh_key": key.replace("\n", " "), "ssh_passphrase": PASSPHRASE + "\n", "args": "--dry-run"}
        )
        assert opened.status == 0, opened.log
        assert opened.outputs["outcome"] == "planned"
        assert site.remote_files() == []
        assert_keeps_the_key(site, runner, opened, *ended)


WAITS = "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'go') LOOP PERFORM pg_sleep(0.05); END LOOP; END $$;\n"

AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO $$%' AND datname = current_database()"


def assert_nobody_sees_the_key(site: Site, runner: Runner) -> None:
    """While the step runs: its files are ours alone, and of the programs that it calls none has the key in its words or variables."""
    (folder,) = runner.temp.glob("backtester-deploy-key-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {
        path.stat().st_mode & 0o777 for path in folder.iterdir() if path.name in {"key", "known_hosts", "ssh_config"}
    } == {0o600}
    secret = key_of(site).splitlines()[1]
    words = run(as_root("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null; true"))
    assert secret.encode() not in words
    (fab,) = (p for p in Path("/proc").glob("[0-9]*") if str(folder).encode() in _read(p / "cmdline"))
    assert secret.encode() not in _read(fab / "environ")
    assert b"INPUT_" not in _read(fab / "environ")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
