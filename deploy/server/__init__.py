"""The only door to SSH and to subprocesses."""
