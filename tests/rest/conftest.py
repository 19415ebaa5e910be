"""Servers for the tests of REST, closed when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_kit import Rest


@pytest.fixture
def make_rest() -> Iterator[Callable[..., Rest]]:
    """Makes servers, and closes them at the end."""
    made: list[Rest] = []

    def make(*arguments: Any, **options: Any) -> Rest:
        made.append(Rest(*arguments, **options))
        return made[-1]

    yield make
    for rest in made:
        rest.close()


@pytest.fixture
def rest(make_rest: Callable[..., Rest]) -> Rest:
    return make_rest()
