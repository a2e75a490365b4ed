"""What goes wrong.

Each fault is a generator: it hurts and yields, upon which a held program goes on; it may then change the harm while the client is at
work; a second yield waits until the client has ended, behind which stands what nobody else mends.

A fault may only hurt what belongs to its own ground: single processes that carry its mark, its own container, its own disks.
"""

# ruff: noqa: S608 - what is put into these statements are names of the tests' own

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults import processes
from tests.server.container import SUPERUSER
from tests.server.machine import CommandFailed, run

if TYPE_CHECKING:
    import random

    from tests.faults.ground import Ground
    from tests.faults.scenes import Scene


@dataclass(slots=True)
class Scenery:
    """All that a fault may lay hands on.

    Attributes:
        client: the running command.
        others: what the fault has started beside it, to be waited for.
        chance: for what a fault leaves to chance; its own, so that a seed repeats it.
    """

    ground: Ground
    scene: Scene
    client: subprocess.Popen[str]
    chance: random.Random
    others: list[subprocess.Popen[str]]


Hurt = Callable[[Scenery], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A named fault.

    Attributes:
        of_the_disk: it may tear a line of a file that is only appended to.
        brings_others: somebody else works at the same time, so that more may have changed than the scene says.
    """

    name: str
    hurt: Hurt
    of_the_disk: bool = False
    brings_others: bool = False

    @property
    def story(self) -> str:
        return (self.hurt.__doc__ or "").strip()

    def strike(self, scenery: Scenery) -> Iterator[None]:
        return self.hurt(scenery)


FAULTS: dict[str, Fault] = {}


def fault(*, of_the_disk: bool = False, brings_others: bool = False) -> Callable[[Hurt], Hurt]:
    """Enter a fault by its function's name."""

    def enter(hurt: Hurt) -> Hurt:
        name = hurt.__name__.replace("_", " ")
        FAULTS[name] = Fault(name, hurt, of_the_disk, brings_others)
        return hurt

    return enter


# the client


@fault()
def client_killed(at: Scenery) -> Iterator[None]:
    """Kill -9 of the client."""
    at.client.kill()
    yield


@fault()
def client_terminated(at: Scenery) -> Iterator[None]:
    """SIGTERM to the client."""
    at.client.terminate()
    yield


@fault()
def terminal_closed(at: Scenery) -> Iterator[None]:
    """SIGHUP to the client."""
    at.client.send_signal(signal.SIGHUP)
    yield


@fault()
def ctrl_c(at: Scenery) -> Iterator[None]:
    """Ctrl-C, once."""
    at.client.send_signal(signal.SIGINT)
    yield


@fault()
def ctrl_c_twice(at: Scenery) -> Iterator[None]:
    """Ctrl-C, and again by somebody who can't wait."""
    at.client.send_signal(signal.SIGINT)
    yield
    time.sleep(at.chance.uniform(0, 0.4))
    at.client.send_signal(signal.SIGINT)


@fault()
def laptop_sleeps(at: Scenery) -> Iterator[None]:
    """The client stands still for two seconds."""
    at.client.send_signal(signal.SIGSTOP)
    yield
    time.sleep(2)
    at.client.send_signal(signal.SIGCONT)


@fault()
def runner_killed(at: Scenery) -> Iterator[None]:
    """The machine of the client is gone at once: no process, and not even a reset on the wire."""
    at.ground.proxy.vanish()
    at.client.kill()
    yield
    yield
    at.ground.proxy.heal()


# the network


@fault()
def connection_reset(at: Scenery) -> Iterator[None]:
    """All connections are reset, new ones are let through at once."""
    at.ground.proxy.cut()
    at.ground.proxy.heal()
    yield


@fault()
def network_down_for_a_second(at: Scenery) -> Iterator[None]:
    """Connections are reset, and new ones refused for a while."""
    at.ground.proxy.cut()
    yield
    time.sleep(at.chance.uniform(0.3, 1.5))
    at.ground.proxy.heal()


@fault()
def network_stalls(at: Scenery) -> Iterator[None]:
    """Nothing comes through for two seconds, and then all of it."""
    at.ground.proxy.blackhole()
    yield
    time.sleep(2)
    at.ground.proxy.heal()


@fault()
def packets_lost(at: Scenery) -> Iterator[None]:
    """No packet comes through for a second; TCP sends them again."""
    at.ground.proxy.vanish()
    yield
    time.sleep(1)
    at.ground.proxy.heal()


@fault()
def network_flaps(at: Scenery) -> Iterator[None]:
    """Connections are reset again and again."""
    yield
    for _ in range(4):
        at.ground.proxy.cut()
        time.sleep(at.chance.uniform(0.05, 0.3))
        at.ground.proxy.heal()
        time.sleep(at.chance.uniform(0.1, 1.2))


@fault()
def network_gone_for_good(at: Scenery) -> Iterator[None]:
    """Connections are reset, and new ones refused until the client has given up."""
    at.ground.proxy.cut()
    yield
    yield
    at.ground.proxy.heal()


@fault()
def sshd_restarted(at: Scenery) -> Iterator[None]:
    """The listener and all connections end; a moment later it listens again."""
    at.ground.server.sshd.kill()
    yield
    time.sleep(at.chance.uniform(0.1, 1))
    at.ground.server.sshd.start_again()


# the job on the server


@fault()
def job_shell_killed(at: Scenery) -> Iterator[None]:
    """Kill -9 of the job's shell alone; what it has started goes on."""
    processes.kill(p for p in processes.on_server(at.ground.server.session) if p.is_job_shell)
    yield


@fault()
def job_terminated(at: Scenery) -> Iterator[None]:
    """SIGTERM to the job's shell, as an administrator sends it."""
    processes.kill((p for p in processes.on_server(at.ground.server.session) if p.is_job_shell), "TERM")
    yield


@fault()
def job_killed_as_a_whole(at: Scenery) -> Iterator[None]:
    """Kill -9 of all that belongs to the job; what runs in the container goes on."""
    processes.kill(p for p in processes.on_server(at.ground.server.session) if p.job)
    yield


@fault()
def logout_kills_everything(at: Scenery) -> Iterator[None]:
    """Kill -9 of all that came in by ssh, as a login manager does that lets nothing linger."""
    processes.kill(processes.on_server(at.ground.server.session))
    yield


@fault()
def docker_client_killed(at: Scenery) -> Iterator[None]:
    """Kill -9 of the docker clients; what they ran in the container goes on."""
    processes.kill(p for p in processes.on_server(at.ground.server.session) if p.is_docker_client)
    yield


@fault()
def one_program_killed(at: Scenery) -> Iterator[None]:
    """Kill -9 of one program on the server, whichever it is."""
    if found := processes.on_server(at.ground.server.session):
        processes.kill([at.chance.choice(found)])
    yield


# the container


@fault()
def container_stopped(at: Scenery) -> Iterator[None]:
    """A docker stop; after a moment, docker start."""
    at.ground.site.postgres.stop()
    yield
    time.sleep(at.chance.uniform(0, 1))
    at.ground.site.postgres.start()


@fault()
def container_stays_stopped(at: Scenery) -> Iterator[None]:
    """A docker stop; it is started only when the client has ended."""
    at.ground.site.postgres.stop()
    yield
    yield
    at.ground.site.postgres.start()


@fault()
def container_killed(at: Scenery) -> Iterator[None]:
    """A docker kill; after a moment, docker start."""
    at.ground.site.postgres.kill()
    yield
    time.sleep(at.chance.uniform(0, 1))
    at.ground.site.postgres.start()


@fault()
def container_restarted(at: Scenery) -> Iterator[None]:
    """A docker restart."""
    run(["docker", "restart", "--time", "5", at.ground.site.container])
    at.ground.site.postgres.wait_until_ready()
    yield


@fault()
def container_stands_still(at: Scenery) -> Iterator[None]:
    """All that runs in the container stands still for two seconds.

    By signals: `docker pause` beside a `docker exec` that is being started locks dockerd 20.10 up for good.
    """
    frozen = processes.in_container(at.ground.site.postgres)
    processes.kill(frozen, "STOP")
    yield
    time.sleep(2)
    processes.kill(frozen, "CONT")


@fault()
def program_in_the_container_killed(at: Scenery) -> Iterator[None]:
    """Kill -9 of psql, pg_dump or what runs them in the container."""
    ours = [p for p in processes.in_container(at.ground.site.postgres) if not p.words.startswith("postgres")]
    if ours:
        processes.kill([at.chance.choice(ours)])
    yield


@fault()
def container_tmp_full(at: Scenery) -> Iterator[None]:
    """No byte goes into the container's /tmp, where the files to be applied are put."""
    with suppress(CommandFailed):
        run(["docker", "exec", at.ground.site.container, "sh", "-c", "dd if=/dev/zero of=/tmp/filler bs=64k || true"])
    yield
    yield
    with suppress(CommandFailed):
        run(["docker", "exec", at.ground.site.container, "rm", "-f", "/tmp/filler"])


# PostgreSQL


@fault()
def sessions_terminated(at: Scenery) -> Iterator[None]:
    """pg_terminate_backend() for everybody."""
    _in_postgres(at, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")  # fmt: skip
    yield


@fault()
def one_session_terminated(at: Scenery) -> Iterator[None]:
    """pg_terminate_backend() for one of the tool's own sessions."""
    _in_postgres(at, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'deploy:%' ORDER BY random() LIMIT 1")  # fmt: skip
    yield


@fault()
def statement_cancelled(at: Scenery) -> Iterator[None]:
    """pg_cancel_backend() for what runs."""
    _in_postgres(at, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND backend_type = 'client backend'")  # fmt: skip
    yield


@fault()
def out_of_memory(at: Scenery) -> Iterator[None]:
    """Kill -9 of one backend, as the kernel does; PostgreSQL ends all others and recovers."""
    backends = [
        p for p in processes.in_container(at.ground.site.postgres) if p.words.startswith(f"postgres: {SUPERUSER} ")
    ]
    if backends:
        processes.kill([at.chance.choice(backends)])
    yield
    yield
    at.ground.site.postgres.wait_until_ready()


@fault()
def postgres_crashed(at: Scenery) -> Iterator[None]:
    """An immediate shutdown, after which it has to recover."""
    with suppress(CommandFailed):
        run(["docker", "kill", "--signal", "QUIT", at.ground.site.container])
    yield
    time.sleep(at.chance.uniform(0.1, 0.6))
    at.ground.site.postgres.start()


@fault()
def database_disk_full(at: Scenery) -> Iterator[None]:
    """No byte goes onto the database's disk for some seconds; where that ends the server, it is started again."""
    at.ground.fill(at.ground.cluster)
    yield
    time.sleep(at.chance.uniform(0.5, 4))
    at.ground.free(at.ground.cluster)
    if not at.ground.container_runs():
        at.ground.site.postgres.start()
    at.ground.site.postgres.wait_until_ready()


# the server


@fault(of_the_disk=True)
def server_disk_full(at: Scenery) -> Iterator[None]:
    """No byte goes onto the disk with backups, jobs and logs, until the client has ended."""
    at.ground.fill(at.ground.site.remote_dir)
    yield
    yield
    at.ground.free(at.ground.site.remote_dir)


@fault(of_the_disk=True)
def server_disk_full_for_a_moment(at: Scenery) -> Iterator[None]:
    """The disk is full, and then somebody makes room."""
    at.ground.fill(at.ground.site.remote_dir)
    yield
    time.sleep(at.chance.uniform(0.05, 0.8))
    at.ground.free(at.ground.site.remote_dir)


@fault()
def server_rebooted(at: Scenery) -> Iterator[None]:
    """Everything on the server is killed at once, connections and container too; then all of it starts again."""
    running = processes.on_server(at.ground.server.session)
    at.ground.server.sshd.kill()
    processes.kill(running)
    at.ground.site.postgres.kill()
    # what was being started in between is gone in a reboot too
    processes.kill(processes.on_server(at.ground.server.session))
    yield
    time.sleep(at.chance.uniform(0.1, 1))
    at.ground.site.postgres.start()
    at.ground.server.sshd.start_again()


@fault()
def clock_set_back_an_hour(at: Scenery) -> Iterator[None]:
    """The server's clock is an hour late from now on, also in the next deploy."""
    at.ground.set_clock(-3600)
    yield


@fault()
def clock_set_back_some_seconds(at: Scenery) -> Iterator[None]:
    """The server's clock shows a second a second time, so that names may come again."""
    at.ground.set_clock(-at.chance.randint(1, 4))
    yield


@fault()
def clock_set_forward(at: Scenery) -> Iterator[None]:
    """The server's clock jumps ahead a day, and back for the next deploy."""
    at.ground.set_clock(86_400)
    yield
    yield
    at.ground.set_clock(0)


# others


@fault(brings_others=True)
def second_deploy(at: Scenery) -> Iterator[None]:
    """Somebody else deploys at the same time."""
    at.others.append(at.ground.site.spawn("deploy"))
    yield


@fault(brings_others=True)
def five_deploys(at: Scenery) -> Iterator[None]:
    """Four others deploy at the same time."""
    at.others.extend(at.ground.site.spawn("deploy") for _ in range(4))
    yield


@fault(brings_others=True)
def nightly_backup(at: Scenery) -> Iterator[None]:
    """The nightly cron takes its backup now."""
    site = at.ground.site
    at.others.append(
        site.spawn_ssh(f"cd {site.remote_dir} && if [ -x backup-db.sh ]; then ./backup-db.sh prod --wait; fi")
    )
    yield


@fault(brings_others=True)
def somebody_cancels(at: Scenery) -> Iterator[None]:
    """Somebody else stops the job."""
    at.others.append(at.ground.site.spawn("cancel"))
    yield


@fault(brings_others=True)
def somebody_repairs(at: Scenery) -> Iterator[None]:
    """Somebody else finds it hanging, and repairs."""
    at.others.append(at.ground.site.spawn("repair"))
    yield


@fault(brings_others=True)
def somebody_rolls_back(at: Scenery) -> Iterator[None]:
    """Somebody else rolls back at the same time."""
    at.others.append(at.ground.site.spawn("rollback", "--backup=latest", "--yes"))
    yield


@fault()
def long_reader(at: Scenery) -> Iterator[None]:
    """A reader keeps every table from being altered for a second and a half."""
    with _session(at, "BEGIN; LOCK TABLE clients, items, slow IN ACCESS SHARE MODE;"):
        yield
        time.sleep(1.5)


@fault()
def long_writer(at: Scenery) -> Iterator[None]:
    """A session has written to every table, and doesn't commit for a second and a half."""
    writes = (f"UPDATE {table} SET id = id WHERE id = 1;" for table in ("clients", "items", "slow"))
    with _session(at, f"BEGIN; {' '.join(writes)}"):
        yield
        time.sleep(1.5)


@contextmanager
def _session(at: Scenery, sql: str) -> Iterator[None]:
    """Keep a session open that runs this; it may be ended before its time, as any other."""
    site = at.ground.site
    argv = ["docker", "exec", "-i", site.container, "psql", "-XqAt", "-U", SUPERUSER, "-d", site.database]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as psql:
        assert psql.stdin
        assert psql.stdout
        with suppress(BrokenPipeError):
            psql.stdin.write(f"{sql}\nSELECT 'there';\n")
            psql.stdin.flush()
        while psql.stdout.readline().strip() not in {"there", ""}:
            pass
        yield
        with suppress(BrokenPipeError):
            psql.communicate(timeout=30)


def _in_postgres(at: Scenery, sql: str) -> None:
    """Run a statement as an administrator, if the database lets anybody in."""
    with suppress(CommandFailed):
        at.ground.site.psql(sql, "postgres")
