"""How a job ends when the server doesn't, in the real sh: what it may say of itself, and what it leaves alone."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from deploy.job.scripts import script

if TYPE_CHECKING:
    from pathlib import Path

# what is rendered in front of every job, and seconds that pass at once
HEAD = f"""
set -u
remote_dir=$1 base=$1/.deploy job_id=20261122_120000_abcdef12 mark=m command=rollback
job=$base/jobs/$job_id
who_json='"by":"ada"' ended_json= hold_pid= database=shop side=shop_side
mkdir -p "$job"
{script("runner.sh")}
{script("lock.sh")}
{script("swap.sh")}
{script("backup.sh")}
backups=$1/backups pending_again= maintenance=postgres
sleep() {{ :; }}
started_s=$(date +%s)
"""


def ended(directory: Path, body: str) -> dict[str, Any]:
    """Run it to its end, and return the last event in its log."""
    done = subprocess.run(
        ["sh", "-c", f"{HEAD}trap end_job EXIT\n{body}", "sh", str(directory)],
        stderr=subprocess.PIPE,
        check=False,
        timeout=20,
    )
    event: dict[str, Any] = json.loads(done.stderr.decode().splitlines()[-1].removeprefix("@m "))
    return event


class TestAJobThatIsCancelled:
    @pytest.mark.parametrize(
        ("reason", "late", "outcome"),
        [
            ("cancelled", "", "cancelled"),
            ("database", "", "cancelled"),
            ("outcome_unknown", "", "failed"),
            ("swap_unknown", "", "failed"),
            ("step_failed", "yes", "failed"),
        ],
    )
    def test_says_so_only_where_that_is_all_that_happened(
        self, tmp_path: Path, reason: str, late: str, outcome: str
    ) -> None:
        body = f': >"$job/cancel"\ntoo_late_to_cancel={late}\nfail {reason}\n'
        assert ended(tmp_path, body)["outcome"] == outcome


ANSWERS = """
# swap.sql succeeds; who asks for the live database's oid is answered after $silences times without a word
query() {
  case $(cat) in
    *RENAME*) echo "outage_ms 7" ;;
    *"SELECT oid"*)
      echo x >>"$job/asked"
      if [ "$(wc -l <"$job/asked")" -gt "$silences" ]; then echo "$live"; else return "$status"; fi
      ;;
  esac
}
side_oid=4711
"""


class TestASwap:
    @pytest.fixture(autouse=True)
    def sql(self, tmp_path: Path) -> None:
        """A word of each is enough to tell them apart."""
        folder = tmp_path / ".deploy/jobs/20261122_120000_abcdef12/sql"
        folder.mkdir(parents=True)
        for name, text in {"swap": "RENAME", "oid": "SELECT oid", "unfence": "ALLOW"}.items():
            (folder / f"{name}.sql").write_text(text)

    @pytest.mark.parametrize("status", [0, 1])
    @pytest.mark.parametrize("silences", [0, 3])
    def test_is_judged_by_what_is_live_once_that_is_known(self, tmp_path: Path, silences: int, status: int) -> None:
        """A query that fails, or says nothing, is no answer."""
        body = f"{ANSWERS}silences={silences} status={status} live=4711\nswap shop_replaced\nsucceed done\n"
        end = ended(tmp_path, body)
        assert (end["outcome"], end["replaced_database"], end["outage_ms"]) == ("done", "shop_replaced", 7)

    @pytest.mark.parametrize(("silences", "reason"), [(0, "swap_failed"), (1000, "swap_unknown")])
    def test_that_isnt_seen_to_have_happened_did_not_happen_or_is_unknown(
        self, tmp_path: Path, silences: int, reason: str
    ) -> None:
        body = f"{ANSWERS}silences={silences} status=1 live=42\nswap shop_replaced\n"
        assert ended(tmp_path, body)["reason"] == reason

    def test_that_failed_is_unfenced_as_soon_as_anybody_answers(self, tmp_path: Path) -> None:
        body = """
        query() {
          case $(cat) in
            *ALLOW*) echo x >>"$job/asked"; [ "$(wc -l <"$job/asked")" -gt 50 ] && : >"$job/unfenced" ;;
            *) echo 0 ;;
          esac
        }
        unfence_if_unswapped && [ -e "$job/unfenced" ] && succeed done
        """
        assert ended(tmp_path, body)["outcome"] == "done"


class TestTidying:
    def test_spares_the_job_that_does_it_whatever_the_clock_says(self, tmp_path: Path) -> None:
        """It was ahead for a while: all others are newer than this one."""
        body = """
        for day in $(seq 1000 1024); do mkdir "$base/jobs/20270101_00${day}_abcdef12"; done
        tidy
        [ -d "$job" ] && [ "$(ls "$base/jobs" | wc -l)" -eq 21 ] && succeed done
        """
        assert ended(tmp_path, body)["outcome"] == "done"


class TestADisk:
    @pytest.mark.parametrize(("dd", "arrives"), [("able", True), ("unable", True), ("broken disk", False)])
    def test_that_could_not_write_is_asked_once(self, tmp_path: Path, dd: str, *, arrives: bool) -> None:
        """The kernel tells of it once: whoever asks again, with another program, hears that all is well."""
        body = f"""
        dd() {{ case '{dd} '$2 in unable*) return 1 ;; 'broken disk '*probe) ;; broken*) return 1 ;; esac; }}
        sync() {{ :; }}
        to_the_disk "$1/file" && succeed done
        """
        assert (ended(tmp_path, body)["outcome"] == "done") is arrives


class TestABackup:
    def test_takes_neither_the_name_nor_the_manifest_of_another(self, tmp_path: Path) -> None:
        """Both were named by a look in the same second."""
        folder = tmp_path / "backups"
        folder.mkdir()
        for name in ("b.sql.gz", "b.sql.gz.json", ".b.sql.gz.part"):
            (folder / name).write_text(name)
        body = """
        environment=prod dump_bytes=1 dump_sum=s migration_json=null system=1 server_version=150000 tool_version=1
        : >"$job/dump"
        backup_part=$backups/.b.sql.gz.part
        publish_backup b.sql.gz backup && succeed done
        """
        assert ended(tmp_path, body)["outcome"] == "failed"
        assert (folder / "b.sql.gz").read_text() == "b.sql.gz"
        assert (folder / "b.sql.gz.json").read_text() == "b.sql.gz.json"


class TestASignal:
    def test_that_comes_while_all_is_decided_waits_until_it_is(self, tmp_path: Path) -> None:
        """Nobody is told of a failure while what was begun goes on to its end behind us."""
        body = """
        put_off_signals
        { command sleep 0.3; exit 7; } &
        slow=$!
        { command sleep 0.1; kill -TERM $$; } &
        wait_for "$slow"
        heed_signals
        [ "$waited_status" = 7 ] && succeed done
        """
        assert ended(tmp_path, body)["outcome"] == "done"

    def test_stops_a_job_at_any_other_time(self, tmp_path: Path) -> None:
        assert ended(tmp_path, "heed_signals\nkill -TERM $$\ncommand sleep 1\n")["reason"] == "interrupted"
