"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bench.contestants import peers


def describe(*, quick: bool, rounds: int) -> dict[str, str]:
    """Return what a reader has to know to compare the numbers with their own."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(encoding="utf-8"))
    libraries = ("fabric", "paramiko", "invoke", "postgast")
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": said(["git", "describe", "--always", "--dirty", "--abbrev=12"]),
        "rounds": f"{rounds}, contestants in turn"
        + (" (a quick run: fewer files, smaller databases)" if quick else ""),
        "processor": f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores",
        "load": f"{os.getloadavg()[2]:.1f} over the last quarter of an hour, the benchmark's own in it",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown",
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "python": f"{platform.python_version()} ({', '.join(f'{name} {metadata.version(name)}' for name in libraries)})",
        "server": f"{said(['ssh', '-V'])}, Docker {said(['docker', 'version', '--format', '{{.Server.Version}}'])}, "
        "PostgreSQL 15 in a container with fsync and the image's other defaults",
        "peers": ", ".join(f"{peer.name} {peer.version()}" for peer in peers()) or "none",
    }


def said(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().split(",")[0]
