"""How far a dump is, as the job tells it; in the real sh."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from deploy.job.runner import LogReader
from deploy.job.scripts import script
from deploy.model.event import Event, Progressed

# what every job stands on, and seconds that pass sooner
HEAD = f"""
set -u
backups=$1 environment=prod
emit() {{ printf '@m %s\\n' "$*" >&2; }}
{script("progress.sh")}
sleep() {{ command sleep 0.05; }}
"""


def told(directory: Path, body: str) -> list[Event]:
    """Run it in a directory, and read what the job's log says."""
    argv = ["sh", "-c", HEAD + body, "sh", str(directory)]
    done = subprocess.run(argv, stderr=subprocess.PIPE, check=True, timeout=20)
    return [*LogReader("m").feed(done.stderr)]


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


class TestProgress:
    def test_is_told_while_a_file_grows_and_over_when_it_is_written(self, tmp_path: Path) -> None:
        body = """
        of_900() { printf '%s 900\\n' "$(bytes_of "$backups/x.part")"; }
        begin_progress 1 of_900
        for chunk in 1 2 3; do
          printf '%0100d' 0 >>"$1/x.part"
          command sleep 0.4
        done
        end_progress
        printf more >>"$1/x.part"
        command sleep 0.2
        """
        *counted, over = told(tmp_path, body)
        assert counted == [Progressed(100, 900), Progressed(200, 900), Progressed(300, 900)]
        assert over == Progressed(None, None)

    def test_is_not_repeated_while_nothing_happens(self, tmp_path: Path) -> None:
        body = 'printf abc >"$1/x.part"\nbegin_progress 1 bytes_of "$1/x.part"\ncommand sleep 0.5\nend_progress\n'
        assert told(tmp_path, body) == [Progressed(3, None), Progressed(None, None)]

    def test_is_left_out_where_it_cant_be_told(self, tmp_path: Path) -> None:
        """A database that doesn't answer, or says something else."""
        body = """
        measures() { if [ -e "$1/seen" ]; then echo '7 x'; else echo 'psql: error'; touch "$1/seen"; return 1; fi; }
        begin_progress 1 measures "$1"
        command sleep 0.5
        end_progress
        """
        assert told(tmp_path, body) == [Progressed(7, None), Progressed(None, None)]

    def test_ends_with_a_job_that_is_killed(self, tmp_path: Path) -> None:
        body = 'begin_progress 1 bytes_of "$1/x.part"\necho $progress_watcher >"$1/pid"\nkill -9 $$\n'
        argv = ["sh", "-c", HEAD + body, "sh", str(tmp_path)]
        subprocess.run(argv, stderr=subprocess.DEVNULL, check=False, timeout=20)
        watcher = int((tmp_path / "pid").read_text())
        deadline = time.monotonic() + 5
        while is_alive(watcher):
            assert time.monotonic() < deadline, "it goes on for ever"
            time.sleep(0.05)

    def test_expects_what_the_newest_backup_of_the_same_form_came_to(self, tmp_path: Path) -> None:
        (tmp_path / "b1.sql.gz").write_bytes(b"x" * 42)
        (tmp_path / "backup_prod_latest.sql.gz").symlink_to("b1.sql.gz")
        body = """
        printf abc >"$1/x.part"
        for suffix in sql.gz dump; do
          begin_progress 1 size_of_backup "$1/x.part" "$suffix"
          command sleep 0.3
          end_progress
        done
        """
        assert [event for event in told(tmp_path, body) if event != Progressed(None, None)] == [
            Progressed(3, 42),
            Progressed(3, None),
        ]
