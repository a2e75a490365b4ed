"""What holds for every unit test."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no reason to fail.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
