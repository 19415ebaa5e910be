"""Nobody waits for long."""

import pytest

from gd2raft.engine import initiator, leader


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader, "LOCK_WAIT_S", 0.2)
    monkeypatch.setattr(leader, "PLAN_SHARE", leader.PLAN_SHARE)  # some tests set it
    monkeypatch.setattr(leader, "RETRY_S", 0.05)
    monkeypatch.setattr(initiator, "ELECTION_WAIT_S", 0.3)
    monkeypatch.setattr(initiator, "RETRY_EVERY_S", 0.01)
