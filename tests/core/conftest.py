"""Machines differ in speed: nothing here has a deadline."""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)  # the cores are shared and noisy
settings.load_profile("no-deadline")
