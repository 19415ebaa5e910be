"""gd2 and a daemon that takes connections and answers nothing: passed over within seconds for one that answers, or said to hang."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator

import pytest
from kit.peer import BIN, REST_PORT, Peer, Ran
from kit.pool import MakePool

pytestmark = pytest.mark.real

SOON_S = 12.0
"""Three seconds are meant, on a machine of one's own; without the question whether it is there a read took 17 s, or 35 s."""


@contextlib.contextmanager
def stopped(peer: Peer) -> Iterator[None]:
    assert peer.process is not None
    peer.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        peer.process.send_signal(signal.SIGCONT)


def asked(peers: list[Peer], *words: object) -> tuple[Ran, float]:
    """gd2 with these endpoints, and how long it took."""
    endpoints = ",".join(f"http://{peer.address}:{REST_PORT}" for peer in peers)
    options = ["--endpoints", endpoints, "--secret-file", str(peers[-1].state / "auth"), "-y"]
    began = time.monotonic()
    done = peers[-1].machine.run([str(BIN / "gd2"), *options, *map(str, words)], 180.0)
    return Ran(done.returncode, done.stdout, done.stderr), time.monotonic() - began


@pytest.mark.timeout(300)
def test_a_stopped_daemon_is_passed_over_within_seconds_or_said_to_hang(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    leader = pool.leader()
    hangs, answers = [peer for peer in pool.peers if peer is not leader]
    with stopped(hangs):
        create = ("volume", "create", "v1", answers.brick("v1"), "force")
        for words in (create, ("volume", "list"), ("cluster", "status"), ("volume", "start", "v1")):
            ran, took = asked([hangs, answers], *words)
            assert ran.code == 0, ran.err
            assert took < SOON_S, words
        for words in (("volume", "list"), ("volume", "stop", "v1")):
            ran, took = asked([hangs], *words)
            assert ran.code == 1, "nothing was sent that could happen later"
            assert "answers nothing" in ran.err
            assert "the daemon there hangs" in ran.err
            assert took < SOON_S, words
    assert answers.volumes()["v1"]["state"] == "Started", "the stop was not done late"
    pool.remove("v1", by=pool.peers.index(answers))
