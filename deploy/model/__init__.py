"""Values, without I/O: what is known, what was decided, what has happened."""
