"""One story per command: observe, plan, compile, run, report."""
