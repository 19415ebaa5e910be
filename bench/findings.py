"""What a long run has found so far, for its JSON object, told on stderr as it comes. This file must not know what is measured."""

from __future__ import annotations

import sys
import time
from typing import Any


class Findings:
    """`found` is what the JSON object has."""

    def __init__(self, **first: Any) -> None:
        self.found: dict[str, Any] = first
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._began:6.1f} s] {text}", file=sys.stderr, flush=True)

    def note(self, **numbers: Any) -> None:
        self.found |= numbers
        self.say(", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in numbers.items()))
