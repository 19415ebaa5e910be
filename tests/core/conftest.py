"""The pool of records that the tests of commands use serves here too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "commands"))
from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)  # the cores are shared and noisy
settings.load_profile("no-deadline")
