"""The tables of docs/benchmarks.md, made from the samples and from nothing else."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from bench import backups, deploys
from bench.targets import LIMIT, LOOP, TOOL, files_of, targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.measure import Record, Samples

BEGIN = "<!-- what follows is written by `make bench` -->"
END = "<!-- what was written by `make bench` ends here -->"


NOT_YET = "Not measured yet: `make bench`.\n"


def write(path: Path, tables: str) -> None:
    """Put the tables between the marks of a document; a new document is nothing else."""
    before, after = "", "\n"
    if path.exists():
        before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{after}", encoding="utf-8")


def render(about: Mapping[str, str], record: Record) -> str:
    if not record:
        return NOT_YET
    parts = [machine(about), target_table(record)]
    if record.cases("deploy"):
        parts += [gap_table(record), *(deploy_table(record, rtt_ms) for rtt_ms in (0, 100)), peer_table(record)]
    if record.cases("backup"):
        parts += [backup_table(record), restore_table(record)]
    if record.cases("client"):
        parts.append(client_table(record))
    return "\n".join(parts)


# Cells


def seconds(samples: Samples | None) -> str:
    """Render a median with its least and most."""
    if samples is None:
        return ""
    low, high = min(samples.values), max(samples.values)
    return f"{number(samples.middle)} ({number(low)}–{number(high)})"


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(ratios: Sequence[float]) -> str:
    return f"{number(median(ratios))} ×" if ratios else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in (head, ["---"] * len(head), *rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


# Tables


def machine(about: Mapping[str, str]) -> str:
    return table(["the machine", ""], [[key, value] for key, value in about.items()])


def target_table(record: Record) -> str:
    rows = []
    for target in targets(record):
        aim = f"at {'most' if target.low else 'least'} {target.aim:g} {target.unit}"
        met = "met" if target.met else "**missed**"
        rows.append([target.what, aim, f"{number(target.measured)} {target.unit}", met])
    return "## What was aimed at\n\n" + table(["", "aim", "measured", ""], rows)


def gap_table(record: Record) -> str:
    """What a deploy takes beyond the limit, apart: what it does once, and what it does for every file."""
    rows = []
    for rtt_ms in (0, 100):
        few, many = files_of(record)[0], files_of(record)[-1]
        over = {}
        for files in (few, many):
            case = deploys.case_of(deploys.NEW, files, rtt_ms)
            ours, limit = record.find("deploy", case, TOOL), record.find("deploy", case, LIMIT)
            if ours and limit:
                over[files] = median(a - b for a, b in zip(ours.values, limit.values, strict=True))
        if len(over) == 2:
            each_ms = (over[many] - over[few]) / (many - few) * 1000
            rows.append([f"{rtt_ms} ms", f"{number(over[few])} s", f"{number(each_ms)} ms"])
    words = (
        "## What a deploy takes beyond the limit\n\nOnce: Python's start, one more look, the lock, the backup and its verification, settling. "
        "A file: its ledger row, the look for invalid indexes, what resets the session, two lines in the log.\n\n"
    )
    return words + table(["round-trip time", "once", "a file"], rows)


def deploy_table(record: Record, rtt_ms: int) -> str:
    head = ["files", "", TOOL, LIMIT, f"{TOOL} / {LIMIT}", LOOP, f"{LOOP} / {TOOL}"]
    if rtt_ms:
        head.append("round trips: tool, limit")
    rows = []
    for files in files_of(record):
        for state in (deploys.NEW, deploys.NOTHING, deploys.ONE):
            case = deploys.case_of(state, files, rtt_ms)
            ours, limit = record.find("deploy", case, TOOL), record.find("deploy", case, LIMIT)
            if not ours or not limit:
                continue
            row = [str(files), state, seconds(ours), seconds(limit), times(record.ratio("deploy", case, TOOL, LIMIT))]
            row += [seconds(record.find("deploy", case, LOOP)), times(record.ratio("deploy", case, LOOP, TOOL))]
            if rtt_ms:
                row.append(f"{ours.notes['turns'] / 2:.0f}, {limit.notes['turns'] / 2:.0f}")
            rows.append(row)
    words = f"## Deploys at {rtt_ms} ms of round-trip time\n\nSeconds: median (least–most).\n\n"
    return words + table(head, rows)


def peer_table(record: Record) -> str:
    who = [name for name in record.contestants("deploy") if name not in {LIMIT, LOOP, deploys.CONNECTION}]
    rows = []
    for case in record.cases("deploy"):
        found = [record.find("deploy", case, name) for name in who]
        if sum(samples is not None for samples in found) > 1:
            rows.append([case, *(number(samples.middle) if samples else "" for samples in found)])
    return "## Beside the peers\n\nSeconds, medians; each peer through an SSH tunnel of its own.\n\n" + table(
        ["", *who], rows
    )


def backup_table(record: Record) -> str:
    who = record.contestants("backup")
    rows = []
    for case in record.cases("backup"):
        for name in who:
            samples = record.find("backup", case, name)
            if samples:
                size = f"{samples.notes['megabytes']:.1f}" if "megabytes" in samples.notes else ""
                rows.append(
                    [case, name, seconds(samples), times(record.ratio("backup", case, name, backups.GUIDE)), size]
                )
        if proof := record.find("verify", case, "this tool, by restoring it"):
            rows.append([case, "`fab verify`: restored for proof", seconds(proof), "", ""])
    head = ["database", "", "seconds", f"against `{backups.GUIDE}`", "MB written"]
    words = "## Backups\n\nThis tool's with its verification; the others are whatever they are.\n\n"
    return words + table(head, rows)


def restore_table(record: Record) -> str:
    rows = []
    for case in record.cases("restore"):
        plain, ours = (record.find("restore", case, who) for who in (backups.PLAIN, TOOL))
        seen, told = (record.find("outage", case, who) for who in ("as a client sees it", "as the tool says"))
        rows.append([case, seconds(plain), seconds(ours), seconds(seen), seconds(told)])
    head = [
        "database",
        f"`{backups.PLAIN}` into an empty database: all of it is outage",
        "`fab rollback`, with its safety backup",
        "its outage, as a client sees it",
        "as the tool says",
    ]
    fetched = [
        [case, *(seconds(record.find("fetch", case, who)) for who in (TOOL, "ssh cat"))]
        for case in record.cases("fetch")
    ]
    words = "## Ways back\n\n" + table(head, rows)
    return words + "\n## Fetching\n\n" + table(["backup of", "`fab fetch`, its sum checked", "`ssh … cat`"], fetched)


def client_table(record: Record) -> str:
    rows = [[f"`{case}`", seconds(record.find("client", case, "seconds"))] for case in record.cases("client")]
    return "## Starting\n\n" + table(["", "seconds"], rows)
