"""Decisions: pure functions from what is known to what will be done, or to a refusal."""
