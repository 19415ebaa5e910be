"""The pool of records that the tests of commands use serves here too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "commands"))
