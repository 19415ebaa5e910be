"""Rounds of `bench commands`: they alternate, warm up, and fail when a side only says that it did the work."""

from __future__ import annotations

import pytest

from bench import commands
from bench.namespaces import Host
from bench.report import Samples
from bench.sides import Brick, NotDone

pytestmark = pytest.mark.fast


class Hosts(list[Host]):
    """No hosts, but a count of what would run on them."""

    running = 0


class PretendSide:
    """Keeps its promises unless told to lie about one of them."""

    def __init__(self, label: str, journal: list[str], lie: str = "") -> None:
        self.label, self.journal, self.lie = label, journal, lie
        self.counted = Hosts()
        self.hosts: list[Host] = self.counted

    def __enter__(self) -> PretendSide:
        return self

    def __exit__(self, *_: object) -> None: ...

    def create(self, volume: str, bricks: list[Brick]) -> None:
        self.journal.append(f"{self.label} create {volume}")

    def start(self, volume: str) -> None:
        self.counted.running = 0 if self.lie == "start" else commands.PEERS

    def set(self, volume: str, key: str, value: str) -> None:
        self.journal.append(f"{self.label} set")

    def info(self, volume: str) -> object:
        return None

    def seen(self, volume: str, via: int) -> tuple[str, dict[str, str]] | None:
        return None

    def stop(self, volume: str) -> None:
        if self.lie != "stop":
            self.counted.running = 0

    def delete(self, volume: str) -> None: ...


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "PAUSE_S", 0.0)
    monkeypatch.setattr(commands, "CHECK_DEADLINE_S", 0.05)
    monkeypatch.setattr(commands, "count", lambda hosts, program: hosts.running)


def test_sides_take_turns_in_going_first_and_the_first_round_does_not_count() -> None:
    journal: list[str] = []
    samples = commands.measure([PretendSide("a", journal), PretendSide("b", journal)], 2, lambda line: None)
    creates = [line for line in journal if "create" in line]
    assert creates == [f"{side} create bench{number}" for number, order in enumerate(("ba", "ab", "ba")) for side in order]
    assert {label: len(samples.of(label, "create")) for label in "ab"} == {"a": 2, "b": 2}
    assert len(samples.of("a", "set")) == 2 * commands.SETS
    assert len(samples.of("a", "info")) == 2 * commands.INFOS


@pytest.mark.parametrize(
    ("lie", "complaint"),
    [("start", r"a: start was acknowledged with 0 of 3 bricks running"), ("stop", r"a: bench0: no brick runs: not within 0\.05 s")],
)
def test_a_side_that_only_says_so_fails_the_benchmark(lie: str, complaint: str) -> None:
    with pytest.raises(NotDone, match=complaint):
        commands.Round(PretendSide("a", [], lie), Samples(), 0, []).run()
