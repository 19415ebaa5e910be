"""Commands and questions to a pool whose daemons die all the time: asked of one after the other until they are done.

A command keeps its Idempotency-Key while its outcome is not known; one that has failed is given again as a new one. This file must not
know what commands mean.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from bench.door import Answer, Door
from bench.ours import Peer
from bench.sides import NotDone

ANSWER_S = 30.0
COMMAND_S = 20
GIVE_UP_S = 240.0
PAUSE_S = 0.3
UNDECIDED = (409, 503, 504)
"""Held locks, no quorum, no answer in time: the same command may be asked for again, with its key."""


class Answered(NotDone):
    """A refusal that asking again does not change."""


class Orders:
    """`given`: commands that were done. `repeated`: how often one had to be asked for again, by why."""

    def __init__(self, peers: Sequence[Peer], seed: str, say: Callable[[str], None]) -> None:
        self._peers, self._say = list(peers), say
        self._dice = random.Random(seed)
        self._door = Door(peers, ANSWER_S)
        self._revision = 0
        self.given = 0
        self.repeated: Counter[str] = Counter()

    def give(self, path: str, body: Any = None, final: str = "") -> Any:
        """POST until it is done; its answer. Raises NotDone with the last refusal, Answered at once for one that has `final` in it."""
        last, until = "no daemon answered", time.monotonic() + GIVE_UP_S
        while time.monotonic() < until:
            answer = self.decided("POST", path, body)
            if answer.status < 300:
                return answer.body
            last = words_of(answer)
            if final and final in last:
                raise Answered(f"POST {path}: {last}")
            self.repeated[code_of(answer)] += 1
            time.sleep(PAUSE_S)
        raise NotDone(f"POST {path}: not done within {GIVE_UP_S:g} s: {last}")

    def decided(self, method: str, path: str, body: Any = None) -> Answer:
        """A command under one Idempotency-Key until it is known what came of it: done, refused or failed. Raises NotDone."""
        key, last, until = str(uuid.uuid4()), "no daemon answered", time.monotonic() + GIVE_UP_S
        while time.monotonic() < until:
            answer = self._ask(method, f"{path}?timeout={COMMAND_S}s", body, {"Idempotency-Key": key})
            if answer is not None and answer.status >= 300:
                last = words_of(answer)
                self._say(f"{method} {path}: {last}")
            if answer is not None and answer.status not in UNDECIDED:
                self._learn(answer)
                return answer
            self.repeated["no answer" if answer is None else code_of(answer)] += 1
            time.sleep(PAUSE_S)
        raise NotDone(f"{method} {path}: not decided within {GIVE_UP_S:g} s: {last}")

    def _learn(self, answer: Answer) -> None:
        if answer.status < 300:
            self.given += 1
            self._revision = max(self._revision, int(answer.headers.get("X-Gluster-Revision", "0")))

    def read(self, path: str) -> Any:
        """GET, of whoever answers; never older than the last command given. Raises NotDone."""
        last, until = "no daemon answered", time.monotonic() + GIVE_UP_S
        while time.monotonic() < until:
            answer = self._ask("GET", f"{path}?min-revision={self._revision}")
            if answer is not None and answer.status == 200:
                return answer.body
            last = last if answer is None else words_of(answer)
            time.sleep(PAUSE_S)
        raise NotDone(f"GET {path}: no answer within {GIVE_UP_S:g} s: {last}")

    def latest(self, path: str) -> Answer:
        """GET, with all that was acknowledged to anybody: 200, or 404 for what is not there. Raises NotDone."""
        last, until = "no daemon answered", time.monotonic() + GIVE_UP_S
        while time.monotonic() < until:
            answer = self._ask("GET", f"{path}?consistency=linearizable")
            if answer is not None and answer.status in (200, 404):
                return answer
            last = last if answer is None else words_of(answer)
            time.sleep(PAUSE_S)
        raise NotDone(f"GET {path}: no answer within {GIVE_UP_S:g} s: {last}")

    def _ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer | None:
        """None: nobody knows whether it was done."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self._door.ask(self._dice.choice(self._peers), method, path, body, headers)
        return None

    def leave_out(self, peer: Peer) -> None:
        """A dead peer is not asked."""
        self._peers.remove(peer)

    def close(self) -> None:
        self._door.close()


def _error_of(answer: Answer) -> dict[str, Any]:
    errors = answer.body.get("errors") if isinstance(answer.body, dict) else None
    return dict(errors[0]) if errors else {}


def words_of(answer: Answer) -> str:
    return f"{answer.status} {_error_of(answer).get('message', 'without a reason')}"


def code_of(answer: Answer) -> str:
    return str(_error_of(answer).get("fields", {}).get("code", answer.status))
