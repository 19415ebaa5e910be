"""gd2raft offline: what it says of a log, and what it does not do without being asked twice."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gd2raft import offline, recovery
from gd2raft.core.kv import KeyValueState
from gd2raft.store.raft.salvage import Salvaged

pytestmark = pytest.mark.fast


def found(index: int, committed: int) -> Salvaged:
    return Salvaged("pool", index, 3, committed, ("a", "b", "c"), KeyValueState().freeze())


def test_a_log_that_lacks_committed_entries_is_called_damaged() -> None:
    assert "DAMAGED:   141 committed entries after 143 are missing here" in offline.lines_of(found(143, 284))
    assert not [line for line in offline.lines_of(found(284, 284)) if "DAMAGED" in line]


def test_nobody_goes_on_with_a_damaged_log_by_saying_yes_to_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(recovery, "stopped", lambda state: contextlib.nullcontext())
    monkeypatch.setattr(recovery, "look", lambda state: (SimpleNamespace(pool_id="p", peer_id="a"), found(143, 284)))
    monkeypatch.setattr(recovery, "begin", begun.append)
    with pytest.raises(recovery.RecoveryRefused, match="committed changes are missing"):
        offline.begin(tmp_path, argparse.Namespace(yes=True))
    assert not begun
