"""Every trouble is a line with its remedy, and none hides another."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.commands import doctor as examining
from deploy.model.errors import (
    ConnectionLost,
    DeployError,
    HostKeyChanged,
    HostKeyUnknown,
    LoginRefused,
    MigrationMisnamed,
    MigrationsNotFound,
    ServerUnfit,
    ServerUnreachable,
    SshConfigInvalid,
)
from deploy.model.examination import HERE, SERVER, Check, Examination, Handshake, PrivateKey, Toolbox, WayIn
from deploy.model.observation import FOREIGN, Observation
from deploy.plan import doctor
from deploy.plan.doctor import (
    check_connection,
    check_migrations,
    check_schedule,
    check_server,
    check_toolbox,
    check_way_in,
    sum_up,
)
from tests.unit.values import HOLDER, a_backup, a_database, an_observation, some_settings

SCRIPTS = ("backup-db.sh", "restore-db.sh")
DEBIAN = {program: f"{program} (PostgreSQL) 15.4 (Debian 15.4-1)" for program in ("psql", "pg_dump", "pg_restore")}
WELL = Examination(
    system="Debian GNU/Linux 12", free_inodes=10**6, docker="24.0.7", tmp_there=True, versions=DEBIAN, cron="cron"
)
WAY = WayIn(
    hops=("me@bastion:22", "deployer@db:22"),
    keys=(PrivateKey("/home/me/.ssh/id_ed25519", 0o600),),
    agent_keys=2,
    known=("SHA256:abc (ssh-ed25519, ~/.ssh/known_hosts:3)",),
    looked_in=("~/.ssh/known_hosts",),
    ssh_says="",
)


def one(checks: list[Check], name: str) -> Check:
    (found,) = [check for check in checks if check.name == name]
    return found


def server(seen: Observation | None = None, closer: Examination = WELL, **settings: Any) -> list[Check]:  # noqa: ANN401 - any setting
    return check_server(seen or an_observation(), closer, some_settings(**settings), "/opt/backtester", scripts=SCRIPTS)


class TestThisSide:
    def test_says_what_is_installed(self) -> None:
        tools = Toolbox({"Python": "3.11.7", "fabric": "3.2.3"}, "OpenSSH_9.2p1")
        assert [check.found for check in check_toolbox(tools)] == ["Python 3.11.7, fabric 3.2.3", "OpenSSH_9.2p1"]

    def test_does_without_ssh_but_doubts(self) -> None:
        ssh = one(check_toolbox(Toolbox({}, None)), "ssh")
        assert ssh.well
        assert ssh.doubtful

    @pytest.mark.parametrize(("kind", "well"), [(MigrationsNotFound, True), (MigrationMisnamed, False)])
    def test_says_which_migrations_cant_be_read(self, kind: type[DeployError], well: bool) -> None:
        """Where there is none yet, the server may be looked at all the same."""

        def look() -> str:
            raise kind("it can't be read", hint="Mend it.")

        check = check_migrations(look)
        assert (check.found, check.side, check.well, check.doubtful) == ("it can't be read", HERE, well, well)
        assert check_migrations(lambda: "12") == Check("migrations", "12", side=HERE)


class TestTheWayIn:
    def test_that_is_well_is_told(self) -> None:
        assert check_way_in(WAY) == [
            Check("way", "me@bastion:22 → deployer@db:22", side=HERE),
            Check("keys", "2 in the agent, /home/me/.ssh/id_ed25519", side=HERE),
            Check("known hosts", "SHA256:abc (ssh-ed25519, ~/.ssh/known_hosts:3)", side=HERE),
        ]

    def test_that_ssh_refuses_is_all_there_is(self) -> None:
        error = SshConfigInvalid("ssh refuses its configuration", hint="Mend the file.", details=("line 3",))
        way = WayIn((), (), None, (), (), error=error)
        assert check_way_in(way) == [Check("way", error.message, error.hint, HERE, error.details)]

    @pytest.mark.parametrize(
        ("way", "found", "mend"),
        [
            (
                replace(WAY, keys=(PrivateKey("/k", 0o644),)),
                "/k may be read by others (mode 644): ssh refuses it",
                "chmod 600 /k",
            ),
            (
                replace(
                    WAY, keys=(PrivateKey("/k", 0o600, "is encrypted, and no passphrase was given"),), agent_keys=None
                ),
                "/k is encrypted, and no passphrase was given",
                "ssh-add /k, or give --prompt-for-passphrase.",
            ),
            (
                replace(WAY, keys=(PrivateKey("/k", 0o600, "can't be read: Permission denied"),), agent_keys=0),
                "/k can't be read: Permission denied",
                "Name another with -i FILE, or load one into the agent with ssh-add.",
            ),
            (
                replace(WAY, keys=(), agent_keys=0),
                "0 in the agent",
                (
                    "Name one with -i FILE or as IdentityFile in the ssh configuration, or load it: ssh-add FILE;"
                    " ssh-keygen -t ed25519 makes one."
                ),
            ),
        ],
    )
    def test_needs_a_key_that_can_be_used(self, way: WayIn, found: str, mend: str) -> None:
        keys = one(check_way_in(way), "keys")
        assert (keys.found, keys.mend) == (found, mend)

    def test_needs_only_one_key(self) -> None:
        broken = PrivateKey("/k", 0o600, "is encrypted, and no passphrase was given")
        keys = one(check_way_in(replace(WAY, keys=(broken, *WAY.keys))), "keys")
        assert keys.well
        assert keys.details == ("/k is encrypted, and no passphrase was given",)

    def test_needs_none_with_a_password(self) -> None:
        assert one(check_way_in(replace(WAY, keys=(), agent_keys=None, password=True)), "keys").well

    @pytest.mark.parametrize(("looked_in", "where"), [(("/a", "/b"), "/a, /b"), ((), "any file")])
    def test_may_lead_to_a_stranger(self, looked_in: tuple[str, ...], where: str) -> None:
        """It stops nobody before a key was offered that can be compared."""
        known = one(check_way_in(replace(WAY, known=(), looked_in=looked_in)), "known hosts")
        assert known.found == f"no key of the server in {where}"
        assert known.well
        assert known.doubtful


class TestTheConnection:
    def test_that_is_made_is_told_with_what_ssh_says(self) -> None:
        handshake = Handshake(0.21, "SHA256:abc (ssh-ed25519)", 0.4)
        assert [(c.name, c.found) for c in check_connection("prod", WAY, handshake, None)] == [
            ("connection", "prod, in 0.2 s"),
            ("host key", "SHA256:abc (ssh-ed25519), as known"),
            ("ssh to it", "logs in as deployer@db:22 too"),
            ("clock", "as here, within 1 s"),
        ]

    def test_of_this_machine_is_none(self) -> None:
        assert check_connection("local", None, None, None) == []

    def test_may_be_one_that_nobody_can_name(self) -> None:
        names = [check.name for check in check_connection("prod", None, Handshake(0.1, None, 0.0), None)]
        assert names == ["connection", "clock"]

    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            (HostKeyUnknown, "host key"),
            (HostKeyChanged, "host key"),
            (LoginRefused, "login"),
            (ServerUnreachable, "connection"),
            (ConnectionLost, "connection"),
        ],
    )
    def test_that_fails_is_told_by_what_fails_beside_ssh_s_own_words(self, kind: type[DeployError], name: str) -> None:
        lost = kind("it fails", hint="Mend it.", details=("offered x",))
        failing, ssh = check_connection("prod", replace(WAY, ssh_says="Permission denied."), None, lost)
        assert failing == Check(name, "it fails", "Mend it.", HERE, ("offered x",))
        assert (ssh.found, ssh.well, ssh.doubtful) == ("it says: Permission denied.", True, True)

    @pytest.mark.parametrize(
        ("ahead_s", "found"),
        [
            (59.0, "as here, within 59 s"),
            (61.0, "the server's is 61 s ahead of this machine's"),
            (-3600.0, "the server's is 3600 s behind this machine's"),
        ],
    )
    def test_shows_clocks_that_are_apart(self, ahead_s: float, found: str) -> None:
        clock = one(check_connection("prod", WAY, Handshake(0.1, None, ahead_s), None), "clock")
        assert clock.found == found
        assert clock.well is (abs(ahead_s) < 60)


class TestAServer:
    def test_that_is_well_is_told(self) -> None:
        seen = an_observation(
            backups=(a_backup(),), scripts=dict.fromkeys((*SCRIPTS, "lib"), "0a"), database_free_bytes=40_000_000_000
        )
        checks = server(seen)
        assert [(c.name, c.found) for c in checks if not c.well or c.doubtful] == []
        assert [(c.name, c.found) for c in checks] == [
            ("server", "bob on Linux 6.1.0 x86_64, Debian GNU/Linux 12"),
            ("programs", "sh, tar, gzip, sha256sum, awk, stat, flock and setsid are there"),
            ("logout", "leaves jobs alone"),
            ("directory", "/opt/backtester"),
            ("database", "backtester, 30.0 MB, PostgreSQL 15 in container backtester_postgres_prod (docker 24.0.7)"),
            ("pg_dump", "psql, pg_dump, pg_restore: 15.4"),
            ("primary", "it takes changes"),
            ("rights", "backtester may create databases: a rollback can swap"),
            ("rollback", "nothing stands against a swap"),
            ("leftovers", "none"),
            ("lock", "free"),
            ("disk", "50.0 GB are free, 40.0 GB where the database is"),
            ("backups", "1 verified, the newest is 3 h old: pre_deploy_20261122_090000.sql.gz"),
            ("by hand", "backup-db.sh and restore-db.sh are there, for when only ssh works"),
        ]

    def test_that_is_new_is_well_too(self) -> None:
        checks = server(an_observation(directory_exists=False), Examination(versions=None), container="")
        assert all(check.well for check in checks)
        assert one(checks, "server").found == "bob on Linux 6.1.0 x86_64"
        assert one(checks, "directory").found == "/opt/backtester will be made by the first deploy"
        assert one(checks, "database").found == "backtester, 30.0 MB, PostgreSQL 15 on the server itself"
        assert one(checks, "backups").found == "there is none yet; every deploy takes one first"
        assert one(checks, "by hand").found == "the next deploy installs backup-db.sh and restore-db.sh"
        assert one(checks, "pg_dump").doubtful

    def test_that_is_sick_all_over_says_everything_at_once(self) -> None:
        seen = an_observation(
            lacks=("flock",),
            directory_writable=False,
            free_bytes=5_000,
            locked=True,
            holder=HOLDER,
            database=a_database(createdb=False, prepared=2, standby=True),
        )
        wrong = {check.name: check for check in server(seen) if not check.well}
        assert set(wrong) == {"programs", "directory", "primary", "rights", "rollback", "lock", "disk"}
        assert wrong["programs"].found == "the server lacks flock"
        assert wrong["directory"].mend == "As root on the server: install -d -o bob -m 755 /opt/backtester"
        assert wrong["lock"].found.startswith("another job is at work: deploy by alice from laptop")
        assert "fab -H … cancel" in wrong["lock"].mend

    @pytest.mark.parametrize(
        ("seen", "name", "found", "mend"),
        [
            (
                an_observation(directory_exists=False, directory_writable=False),
                "directory",
                "/opt/backtester can't be made by bob",
                "As root on the server: install -d -o bob -m 755 /opt/backtester",
            ),
            (
                an_observation(database=None, database_error="Error: No such container: x"),
                "database",
                "there is no container backtester_postgres_prod",
                "Start it, or set container; `docker ps -a` on the server lists them.",
            ),
            (
                an_observation(
                    database=None, database_error='FATAL: database "b" is not currently accepting connections'
                ),
                "database",
                "backtester takes no connections: a rollback was cut off in the middle",
                "Run `fab -H … repair`: it lets connections in again and removes what was left.",
            ),
            (
                an_observation(database=a_database(version=120_010)),
                "database",
                "backtester, 30.0 MB, PostgreSQL 12 in container backtester_postgres_prod (docker 24.0.7)",
                "Upgrade PostgreSQL: the oldest that works is 13.",
            ),
            (
                an_observation(database=a_database(slots=("warehouse",))),
                "rollback",
                "the replication slot warehouse belongs to backtester, and would follow the replaced database",
                "Stop its reader and drop it (pg_drop_replication_slot), then roll back and let the reader begin anew.",
            ),
            (
                an_observation(partial=(".x.part",), database=a_database(scratch=("b_side_20261121_080000",))),
                "leftovers",
                "a killed job left b_side_20261121_080000, .x.part",
                "fab -H … repair",
            ),
            (
                an_observation(database=None, partial=(".x.part",)),
                "leftovers",
                "a killed job left .x.part",
                "fab -H … repair",
            ),
            (
                an_observation(partial=(".x.part",), locked=True),
                "leftovers",
                "not to be told while a job runs",
                "",
            ),
            (
                an_observation(database=a_database(locked_by="psql, pid 7, since noon")),
                "lock",
                "a session holds the deploy lock in the database: psql, pid 7, since noon",
                "Wait for it; if nobody needs it any more, end that session with pg_terminate_backend(pid).",
            ),
            (
                an_observation(
                    free_bytes=45_000_000, database_free_bytes=45_000_000, database=a_database(bytes=36_000_000)
                ),
                "disk",
                "a side database and a safety backup may need 69.0 MB, 45.0 MB are free on the server",
                "Free space there: replaced databases and old backups are what usually can go.",
            ),
            (
                an_observation(free_bytes=5_000, database=None, backups=(a_backup(),)),
                "disk",
                "a backup needs about 6.3 MB, 5 kB are free on the server",
                "Free space there; old backups go by deleting them and their .json in backups/, `fab -H … backups` lists them.",
            ),
            (
                an_observation(scripts={"backup-db.sh": FOREIGN}),
                "by hand",
                "the team's own, so ours stay away: backup-db.sh",
                "",
            ),
        ],
    )
    def test_has_a_remedy_for(self, seen: Observation, name: str, found: str, mend: str) -> None:
        check = one(server(seen), name)
        assert (check.found, check.mend, check.side) == (found, mend, SERVER)

    def test_that_cant_write_the_format_that_is_set_says_so(self) -> None:
        disk = one(server(backup_format="sql.zst"), "disk")
        assert disk.found == "backup_format sql.zst needs PostgreSQL 16, the server is 15"

    @pytest.mark.parametrize(
        ("changes", "name", "found", "mend"),
        [
            (
                {"free_inodes": 12},
                "disk",
                "12 inodes are left: no file can be made soon",
                "Remove small files there: df -i says where.",
            ),
            (
                {"lacks_there": ("tar", "mktemp")},
                "pg_dump",
                "there is no tar, mktemp where the database is",
                "Use an image that has them; those of Debian and Alpine do.",
            ),
            (
                {"tmp_there": False},
                "pg_dump",
                "no directory can be made in /tmp where the database is",
                "Give the container one that can be written: docker run --tmpfs /tmp",
            ),
            (
                {"versions": DEBIAN | {"psql": "", "pg_restore": ""}},
                "pg_dump",
                "there is no psql, pg_restore where the database is",
                "Set postgres_bin to the directory that has psql, pg_dump and pg_restore.",
            ),
            (
                {"versions": DEBIAN | {"pg_dump": "pg_dump (PostgreSQL) 14.9"}},
                "pg_dump",
                "pg_dump is 14, the server is 15: it refuses to dump",
                "Set postgres_bin to the directory of PostgreSQL 15's programs.",
            ),
            (
                {"versions": DEBIAN | {"psql": "psql (PostgreSQL) 17.0"}},
                "pg_dump",
                "psql 17.0, pg_dump 15.4, pg_restore 15.4",
                "",
            ),
            ({"versions": dict.fromkeys(DEBIAN, "strange")}, "pg_dump", "psql, pg_dump, pg_restore: strange", ""),
            (
                {"open_replaced": ("b_replaced_20261121_080000",)},
                "leftovers",
                "b_replaced_20261121_080000 takes connections, though it was replaced",
                "fab -H … repair",
            ),
        ],
    )
    def test_has_a_remedy_for_what_a_closer_look_finds(
        self, changes: dict[str, Any], name: str, found: str, mend: str
    ) -> None:
        check = one(server(closer=replace(WELL, **changes)), name)
        assert (check.found, check.mend) == (found, mend)

    @pytest.mark.parametrize(("form", "well"), [("sql.gz", True), ("custom", False)])
    def test_needs_pg_restore_for_archives_only(self, form: str, well: bool) -> None:
        closer = replace(WELL, versions=DEBIAN | {"pg_restore": ""})
        check = one(server(closer=closer, backup_format=form), "pg_dump")
        assert check.well is well
        assert check.doubtful is well


class TestALoginManager:
    KILLS = replace(WELL, session="session-7.scope", kills=True)

    def test_that_would_end_a_job_is_told_with_what_spares_it(self) -> None:
        logout = one(server(closer=self.KILLS), "logout")
        assert logout.found == "systemd-logind ends a job when its connection ends (KillUserProcesses, session-7.scope)"
        assert "KillExcludeUsers=root bob" in logout.mend

    @pytest.mark.parametrize(
        "changes",
        [
            {"kills": False},
            {"session": ""},
            {"kill_excludes": ("root", "bob")},
            {"kill_only": ("alice",)},
        ],
    )
    def test_that_spares_us_is_none_of_our_business(self, changes: dict[str, Any]) -> None:
        assert one(server(closer=replace(self.KILLS, **changes)), "logout").well

    def test_may_mean_us_by_name(self) -> None:
        assert not one(server(closer=replace(self.KILLS, kill_only=("alice", "bob"))), "logout").well


class TestTheSchedule:
    LINE = "0 3 * * * cd /opt/backtester && ./backup-db.sh prod --wait >> backup.log 2>&1 # backtester-deploy"

    @pytest.mark.parametrize(
        ("line", "cron", "found", "well"),
        [
            (None, "none", "cron takes no backup; the command `schedule` lets it", True),
            (LINE, "cron", "0 3 * * *", True),
            (LINE, "", "0 3 * * *", True),
            (LINE, "none", "0 3 * * *, but no cron runs", False),
        ],
    )
    def test_needs_a_cron_that_runs(self, line: str | None, cron: str, found: str, well: bool) -> None:
        check = check_schedule(line, replace(WELL, cron=cron))
        assert (check.found, check.well) == (found, well)

    def test_may_be_none_of_this_server_s(self) -> None:
        refusal = ServerUnfit("the server has no crontab program", hint="Install cron.")
        check = check_schedule(None, WELL, refusal=refusal)
        assert (check.found, check.well) == ("no backup by cron: the server has no crontab program", True)


class TestTheDocumentation:
    def test_has_every_line_that_the_doctor_may_print(self) -> None:
        page = Path(__file__).parents[3].joinpath("docs", "doctor.md").read_text("utf-8")
        documented = {
            name for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for name in re.findall("`(.*?)`", row)
        }
        source = Path(doctor.__file__).read_text("utf-8") + Path(examining.__file__).read_text("utf-8")
        said = set(re.findall(r"(?:Check|failing|_refused)\(\s*\"([a-z_ ]+)\"", source))
        said |= {"host key", "login", "pg_dump"}  # those that stand in a variable
        assert documented == said


class TestTheSum:
    def test_of_what_is_well_is_nothing(self) -> None:
        assert sum_up([Check("a", "b"), Check("c", "d", doubtful=True)], None) is None

    @pytest.mark.parametrize(("wrong", "said"), [(1, "1 of these needs mending"), (2, "2 of these need mending")])
    def test_counts_what_is_wrong(self, wrong: int, said: str) -> None:
        error = sum_up([Check("a", "b"), *[Check("c", "d", "mend it")] * wrong], None)
        assert isinstance(error, ServerUnfit)
        assert error.message == said

    def test_has_the_exit_status_of_what_kept_us_out(self) -> None:
        """A script that asks the doctor learns whether it was the key, the network or the server."""
        lost = HostKeyUnknown("unknown", hint="Compare.")
        error = sum_up([Check("host key", "unknown", "Compare.")], lost)
        assert error
        assert error.status == 61
