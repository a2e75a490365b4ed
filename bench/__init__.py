"""The benchmark: this tool, the guide's way, the limit and the peers, side by side. `make bench` runs it, docs/benchmarks.md shows it."""
