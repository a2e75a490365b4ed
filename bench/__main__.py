"""Run the benchmark, keep its samples in bench/results.json, and write docs/benchmarks.md and docs/scale.md from them."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench import backups, client, deploys, scale
from bench.machine import describe
from bench.measure import Record, load, save
from bench.render import render, write
from tests.server import ServerUnderTest

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
DOCS = HERE.parent / "docs"
PARTS = {"deploys": deploys.measure, "backups": backups.measure, "client": client.measure}

SETTINGS = {"fsync": "on", "full_page_writes": "on"}
"""Of PostgreSQL as people run it; the tests have both off."""


def main() -> None:
    options = _options()
    if not options.render:
        _measure(options)
    about, record = load(options.results)
    if options.results == RESULTS:
        write(DOCS / "benchmarks.md", render(about, record))
        write(DOCS / "scale.md", scale.render(record))
    else:
        write(options.results.with_suffix(".md"), render(about, record))
    print(f"bench: the tables made from {options.results} are written")


def _measure(options: argparse.Namespace) -> None:
    """Run the parts, and keep what there is after each of them."""
    record = Record()
    kept = load(options.results)[1] if options.only and options.results.exists() else Record()
    about = describe(quick=options.quick, rounds=options.rounds)
    with ServerUnderTest.running(settings=SETTINGS, sftp=True) as server:
        for part in options.only or PARTS:
            PARTS[part](server, record, rounds=options.rounds, quick=options.quick)
            save(options.results, about, kept.renewed(record))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer files, smaller databases: minutes instead of an hour"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant has its turn")
    parser.add_argument(
        "--only",
        action="append",
        choices=PARTS,
        help="one part, beside what is there of the others; may be given again",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the samples go; the tables go beside it")
    parser.add_argument("--render", action="store_true", help="measure nothing, write the tables anew")
    return parser.parse_args()


if __name__ == "__main__":
    main()
