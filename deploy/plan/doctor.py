"""From what was seen to what is well and what mends the rest; it never stops at the first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deploy.model.backup import Backup
from deploy.model.errors import (
    DeployError,
    HostKeyChanged,
    HostKeyUnknown,
    LoginRefused,
    MigrationsNotFound,
    ServerUnfit,
)
from deploy.model.examination import HERE, SERVER, Check
from deploy.model.observation import FOREIGN
from deploy.plan.backup import (
    ASSUMED_RATIO,
    LATEST,
    age,
    megabytes,
    newest_first,
    own,
    require_format,
    require_space_for_backup,
)
from deploy.plan.fitness import OLDEST, explain_database_error, require_primary, require_unlocked
from deploy.plan.rollback import require_rights, require_space_for_rollback, require_swappable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deploy.model.examination import Examination, Handshake, PrivateKey, Toolbox, WayIn
    from deploy.model.observation import Database, Observation
    from deploy.model.settings import Settings

CLOCKS_APART_S = 60
"""From here on the times in names, `--max-age` and the hour of the nightly backup mislead people."""

FEW_INODES = 1000


def check_toolbox(tools: Toolbox) -> list[Check]:
    """What is installed here."""
    versions = ", ".join(f"{name} {version}" for name, version in tools.versions.items())
    return [
        Check("tool", versions, side=HERE),
        Check(
            "ssh",
            tools.ssh
            or "there is no ssh here: its configuration is read by Paramiko, which knows neither Include nor Match exec",
            side=HERE,
            doubtful=tools.ssh is None,
        ),
    ]


def check_migrations(look: Callable[[], str]) -> Check:
    """Whether they can be read. Where there is none yet, the server may be looked at all the same."""
    try:
        return Check("migrations", look(), side=HERE)
    except MigrationsNotFound as error:
        return Check("migrations", error.message, side=HERE, details=(error.hint,), doubtful=True)
    except DeployError as error:
        return failing("migrations", error, side=HERE)


def failing(name: str, error: DeployError, *, side: str) -> Check:
    """An error as a check, with its hint as the remedy."""
    return Check(name, error.message, error.hint, side, error.details)


def check_way_in(way: WayIn) -> list[Check]:
    """What ssh knows of a server, and with which keys somebody would knock there; told before anybody does."""
    if way.error:
        return [failing("way", way.error, side=HERE)]
    return [Check("way", " → ".join(way.hops), side=HERE), _keys(way), _known(way)]


def _keys(way: WayIn) -> Check:
    agent = [] if way.agent_keys is None else [f"{way.agent_keys} in the agent"]
    usable = [key.path for key in way.keys if not key.trouble]
    found = ", ".join([*agent, *usable]) or "none"
    for key in way.keys:
        if key.mode & 0o077:
            return Check(
                "keys",
                f"{key.path} may be read by others (mode {key.mode:03o}): ssh refuses it",
                f"chmod 600 {key.path}",
                HERE,
            )
    if usable or way.agent_keys or way.password:
        return Check(
            "keys", found, side=HERE, details=tuple(f"{key.path} {key.trouble}" for key in way.keys if key.trouble)
        )
    if way.keys:
        return Check("keys", f"{way.keys[0].path} {way.keys[0].trouble}", _key_remedy(way.keys[0]), HERE)
    return Check(
        "keys",
        found,
        "Name one with -i FILE or as IdentityFile in the ssh configuration, or load it: ssh-add FILE; ssh-keygen -t ed25519 makes one.",
        HERE,
    )


def _key_remedy(key: PrivateKey) -> str:
    if "encrypted" in key.trouble:
        return f"ssh-add {key.path}, or give --prompt-for-passphrase."
    return "Name another with -i FILE, or load one into the agent with ssh-add."


def _known(way: WayIn) -> Check:
    if way.known:
        return Check("known hosts", "; ".join(way.known), side=HERE)
    looked_in = ", ".join(way.looked_in) or "any file"
    return Check("known hosts", f"no key of the server in {looked_in}", side=HERE, doubtful=True)


def check_connection(
    name: str, way: WayIn | None, handshake: Handshake | None, lost: DeployError | None
) -> list[Check]:
    """Whether we get in, and what ssh would say to the same."""
    ssh = [] if way is None or way.ssh_says is None else [_ssh(way.ssh_says, way)]
    if lost:
        kind = (
            "host key"
            if isinstance(lost, HostKeyUnknown | HostKeyChanged)
            else "login"
            if isinstance(lost, LoginRefused)
            else "connection"
        )
        return [failing(kind, lost, side=HERE), *ssh]
    if handshake is None:
        return ssh
    checks = [Check("connection", f"{name}, in {handshake.took_s:.1f} s", side=HERE)]
    if handshake.host_key:
        checks.append(Check("host key", f"{handshake.host_key}, as known", side=HERE))
    return [*checks, *ssh, _clock(handshake)]


def _ssh(says: str, way: WayIn) -> Check:
    if says:
        return Check("ssh to it", f"it says: {says}", side=HERE, doubtful=True)
    return Check("ssh to it", f"logs in as {way.hops[-1]} too", side=HERE)


def _clock(handshake: Handshake) -> Check:
    apart = abs(handshake.ahead_s)
    if apart < CLOCKS_APART_S:
        return Check("clock", f"as here, within {max(1, round(apart))} s")
    which = "ahead of" if handshake.ahead_s > 0 else "behind"
    return Check(
        "clock",
        f"the server's is {apart:.0f} s {which} this machine's",
        "On the one that is wrong: timedatectl set-ntp true",
    )


def check_server(
    seen: Observation, closer: Examination, settings: Settings, remote_dir: str, *, scripts: Sequence[str]
) -> list[Check]:
    """All that a server can be unfit by. `scripts` are the names of those for when only ssh works."""
    database = seen.database
    checks = [
        Check("server", ", ".join(word for word in (f"{seen.user} on {seen.kernel}", closer.system) if word)),
        _programs(seen),
        _logout(seen, closer),
        _directory(seen, remote_dir),
        _database(seen, closer, settings),
    ]
    if database:
        checks += [_tools_there(database, closer, settings), _primary(seen, settings), *_ways_back(database)]
    return [
        *checks,
        _leftovers(seen, closer),
        _lock(seen),
        _disk(seen, closer, settings),
        _backups(seen),
        _by_hand(seen, scripts),
    ]


def _programs(seen: Observation) -> Check:
    if seen.lacks:
        return Check(
            "programs",
            f"the server lacks {', '.join(seen.lacks)}",
            "As root on the server: apt-get install tar gzip coreutils util-linux mawk (or what it calls them)",
        )
    return Check("programs", "sh, tar, gzip, sha256sum, awk, stat, flock and setsid are there")


def _logout(seen: Observation, closer: Examination) -> Check:
    """A job lives in the scope of the session that started it; lingering doesn't save it from KillUserProcesses."""
    hit = (
        closer.kills
        and seen.user not in closer.kill_excludes
        and (not closer.kill_only or seen.user in closer.kill_only)
    )
    if not closer.session or not hit:
        return Check("logout", "leaves jobs alone")
    return Check(
        "logout",
        f"systemd-logind ends a job when its connection ends (KillUserProcesses, {closer.session})",
        f"As root on the server: printf '[Login]\\nKillExcludeUsers=root {seen.user}\\n' >/etc/systemd/logind.conf.d/deploy.conf"
        " (mkdir -p its directory), then systemctl restart systemd-logind",
    )


def _directory(seen: Observation, remote_dir: str) -> Check:
    if not seen.directory_writable:
        return Check(
            "directory",
            f"{remote_dir} can't be {'written' if seen.directory_exists else 'made'} by {seen.user}",
            f"As root on the server: install -d -o {seen.user} -m 755 {remote_dir}",
        )
    return Check("directory", remote_dir if seen.directory_exists else f"{remote_dir} will be made by the first deploy")


def _database(seen: Observation, closer: Examination, settings: Settings) -> Check:
    if seen.database is None:
        return failing("database", explain_database_error(seen, settings), side=SERVER)
    engine = f" ({settings.docker[0]} {closer.docker})" if closer.docker else ""
    where = f"in container {settings.container}{engine}" if settings.container else "on the server itself"
    found = f"{seen.database.name}, {megabytes(seen.database.bytes)}, PostgreSQL {seen.database.major} {where}"
    if seen.database.major < OLDEST:
        return Check("database", found, f"Upgrade PostgreSQL: the oldest that works is {OLDEST}.")
    return Check("database", found)


TOOLS = "pg_dump"


def _tools_there(database: Database, closer: Examination, settings: Settings) -> Check:
    """pg_dump refuses a server that is newer than itself."""
    lacking = _lacking(closer, settings)
    if lacking:
        return lacking
    if closer.versions is None:
        return Check(TOOLS, "its version is not known", doubtful=True)
    majors = {program: _major(version) for program, version in closer.versions.items()}
    old = [program for program in ("pg_dump", "pg_restore") if (majors.get(program) or database.major) < database.major]
    if old:
        return Check(
            TOOLS,
            f"{' and '.join(f'{program} is {majors[program]}' for program in old)}, the server is {database.major}: it refuses to dump",
            f"Set postgres_bin to the directory of PostgreSQL {database.major}'s programs.",
        )
    numbers = {program: _number(version) for program, version in closer.versions.items()}
    if len(set(numbers.values())) == 1:
        return Check(TOOLS, f"{', '.join(numbers)}: {numbers[TOOLS]}")
    return Check(TOOLS, ", ".join(f"{program} {number}" for program, number in numbers.items()))


def _lacking(closer: Examination, settings: Settings) -> Check | None:
    """What isn't there; pg_restore is for archives only."""
    if closer.lacks_there:
        return Check(
            TOOLS,
            f"there is no {', '.join(closer.lacks_there)} where the database is",
            "Use an image that has them; those of Debian and Alpine do.",
        )
    if closer.tmp_there is False:
        return Check(
            TOOLS,
            "no directory can be made in /tmp where the database is",
            "Give the container one that can be written: docker run --tmpfs /tmp",
        )
    missing = [program for program, version in (closer.versions or {}).items() if not version]
    if missing == ["pg_restore"] and settings.backup_format != "custom":
        return Check(TOOLS, "there is no pg_restore: archives of pg_dump -Fc or -Ft can't be restored", doubtful=True)
    if missing:
        return Check(
            TOOLS,
            f"there is no {', '.join(missing)} where the database is",
            "Set postgres_bin to the directory that has psql, pg_dump and pg_restore.",
        )
    return None


def _number(version: str) -> str:
    """`15.20` of `pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)`."""
    found = re.search(r"\) ([0-9][^ ]*)", version)
    return found[1] if found else version


def _major(version: str) -> int | None:
    found = re.match(r"[0-9]{1,4}", _number(version))
    return int(found[0]) if found else None


def _primary(seen: Observation, settings: Settings) -> Check:
    return _refused("primary", "it takes changes", lambda: require_primary(seen, settings))


def _ways_back(database: Database) -> list[Check]:
    return [
        _refused(
            "rights", f"{database.user} may create databases: a rollback can swap", lambda: require_rights(database)
        ),
        _refused("rollback", "nothing stands against a swap", lambda: require_swappable(database)),
    ]


def _refused(name: str, well: str, require: Callable[[], object]) -> Check:
    """A check that is a refusal of some command, in its words."""
    try:
        require()
    except DeployError as error:
        return failing(name, error, side=SERVER)
    return Check(name, well)


def _leftovers(seen: Observation, closer: Examination) -> Check:
    left = [*(seen.database.scratch if seen.database else ()), *seen.partial]
    if seen.locked:
        return Check("leftovers", "not to be told while a job runs")
    if left:
        return Check("leftovers", f"a killed job left {', '.join(left)}", "fab -H … repair")
    if closer.open_replaced:
        return Check(
            "leftovers",
            f"{', '.join(closer.open_replaced)} takes connections, though it was replaced",
            "fab -H … repair",
        )
    return Check("leftovers", "none")


def _lock(seen: Observation) -> Check:
    return _refused("lock", "free", lambda: require_unlocked(seen))


def _disk(seen: Observation, closer: Examination, settings: Settings) -> Check:
    free = f"{megabytes(seen.free_bytes)} are free"
    if seen.database_free_bytes is not None:
        free += f", {megabytes(seen.database_free_bytes)} where the database is"
    if closer.free_inodes is not None and closer.free_inodes < FEW_INODES:
        return Check(
            "disk",
            f"{closer.free_inodes} inodes are left: no file can be made soon",
            "Remove small files there: df -i says where.",
        )

    def require() -> None:
        require_format(seen, settings)
        require_space_for_backup(seen)
        if seen.database:
            require_space_for_rollback(_likely_backup(seen, seen.database), seen, seen.database)

    return _refused("disk", free, require)


def _likely_backup(seen: Observation, database: Database) -> Backup:
    """The backup that a rollback would most likely go to; where there is none, about what the next one comes to."""
    newest = newest_first(seen, LATEST)
    return newest[0] if newest else Backup("", database.bytes // ASSUMED_RATIO, seen.time)


def _backups(seen: Observation) -> Check:
    verified = own(seen)
    if not verified:
        return Check("backups", "there is none yet; every deploy takes one first")
    newest = verified[0]
    return Check(
        "backups", f"{len(verified)} verified, the newest is {age(seen.time, newest.taken_at)} old: {newest.name}"
    )


def check_schedule(line: str | None, closer: Examination, *, refusal: DeployError | None = None) -> Check:
    """Whether cron takes the nightly backup, and whether there is a cron."""
    if refusal:
        return Check("schedule", f"no backup by cron: {refusal.message}")
    if line is None:
        return Check("schedule", "cron takes no backup; the command `schedule` lets it")
    when = line.partition(" cd ")[0]
    if closer.cron == "none":
        return Check(
            "schedule", f"{when}, but no cron runs", "As root on the server: systemctl enable --now cron (or crond)"
        )
    return Check("schedule", when)


def _by_hand(seen: Observation, scripts: Sequence[str]) -> Check:
    """A team may well keep scripts of its own."""
    foreign = [name for name in scripts if seen.scripts.get(name) == FOREIGN]
    missing = [name for name in (*scripts, "lib") if name not in seen.scripts]
    if foreign:
        return Check("by hand", f"the team's own, so ours stay away: {', '.join(foreign)}")
    if missing:
        return Check("by hand", "the next deploy installs backup-db.sh and restore-db.sh")
    return Check("by hand", "backup-db.sh and restore-db.sh are there, for when only ssh works")


def sum_up(checks: Sequence[Check], lost: DeployError | None) -> DeployError | None:
    """Return what makes the command fail, with the exit status of the first reason for which a server could not be looked at."""
    wrong = sum(not check.well for check in checks)
    if not wrong:
        return None
    kind = type(lost) if lost else ServerUnfit
    return kind(f"{wrong} of these need{'s' if wrong == 1 else ''} mending", hint="Each has its remedy beside it.")
