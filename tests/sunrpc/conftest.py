"""Hypothesis without a deadline per example: the cores are shared and noisy."""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
