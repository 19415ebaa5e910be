"""Whatever happens in whatever order: in the end each wanted brick runs exactly once, and nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from pathlib import Path

import pytest
from process_kit import Rig
from test_process_bricks import can_connect, play, status
from waiting import until

from gd2raft.process import BrickSpec, Timing

pytestmark = pytest.mark.real

BRICKS, MOVES = 4, 60


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kills_restarts_of_the_daemon_and_changing_wants_end_with_each_wanted_brick_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)

    async def test(r: Rig) -> None:
        bricks = [r.brick("v", f"b{i}") for i in range(BRICKS)]
        wanted: list[BrickSpec] = []
        for _ in range(MOVES):
            move = chance.choices(["want", "kill", "end", "restart", "out", "retry"], [6, 4, 2, 1, 1, 1])[0]
            if move == "want":
                wanted = [brick for brick in bricks if chance.random() < 0.6]
                await r.manager.follow(wanted, [])
            elif move in ("kill", "end") and (pids := r.processes()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(pids), signal.SIGKILL if move == "kill" else signal.SIGTERM)
            elif move == "restart":
                await r.restart_manager()
                await r.manager.follow(wanted, [])
            elif move == "out":
                r.manager.signed_out(chance.choice(bricks).brick_path)
            else:
                r.manager.retry([brick.brick_path for brick in bricks])
            await asyncio.sleep(chance.choice([0, 0.001, 0.01, 0.03, 0.1]))
        assert await r.manager.settled(r.manager.keys(), 60) == []
        await until(lambda: sorted(r.processes()) == sorted(status(r, b).pid for b in wanted), "only what is wanted runs")
        for brick in wanted:
            assert can_connect(r.host, r.manager.port_of(brick.brick_path))
        assert r.manager.keys() == sorted(brick.brick_path for brick in wanted)

    play(tmp_path, test, Timing(backoff_max_s=0.4, leave_s=0.5))
