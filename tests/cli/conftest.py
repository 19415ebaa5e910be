"""Fixtures: peers that answer what the test says, and gd2 to ask them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from cli_kit import Cli, Peer


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user of this machine has set must not decide a test."""
    for name in ("GD2_ENDPOINTS", "GD2_AUTH_SECRET", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_peer() -> Iterator[Callable[..., Peer]]:
    made: list[Peer] = []

    def make(*arguments: object, **options: object) -> Peer:
        made.append(Peer(*arguments, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for peer in made:
        peer.close()


@pytest.fixture
def peer(make_peer: Callable[..., Peer]) -> Peer:
    return make_peer()


@pytest.fixture
def gd2(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)
