"""A throw-away server on this machine, and the story told on it."""
