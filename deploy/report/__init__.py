"""Events put into words: console lines, one JSON document."""
