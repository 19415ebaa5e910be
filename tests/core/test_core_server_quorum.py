"""Server quorum: how many peers are needed, when it counts as lost, and which commands it forbids."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gd2raft.commands.registry import commands
from gd2raft.core import model, server_quorum
from gd2raft.core.kv import Commit, KeyValueState, Operation, Put
from gd2raft.core.options import restored_on_reset
from gd2raft.core.plan import Ids, Plan, Refused, View
from gd2raft.core.server_quorum import GRACE_S, RATIO, TYPE, Judge, Standing, needed
from gd2volgen.tables import option_table

pytestmark = pytest.mark.fast

PEERS = ("p1", "p2", "p3")
OPTIONS = option_table()


@pytest.mark.parametrize(
    ("peers", "ratio", "wanted"),
    [
        (1, None, 1), (2, None, 2), (3, None, 2), (4, None, 3), (5, None, 3), (1000, None, 501),
        (3, "50", 2), (3, "51%", 2), (3, "67%", 3), (4, "50", 2), (4, "75", 3), (10, "0.0000005", 1), (3, "0", 0), (3, "100%", 3),
    ],
)  # fmt: skip
def test_more_than_half_of_the_peers_are_needed_or_the_ratio_rounded_up(peers: int, ratio: str | None, wanted: int) -> None:
    assert needed(peers, ratio) == wanted


def test_an_election_of_some_seconds_stops_no_brick() -> None:
    judge = Judge()
    seen = [judge.note(met, now) for now, met in ((0.0, True), (1.0, False), (8.0, False), (9.0, True), (10.0, False), (24.0, False))]
    assert set(seen) == {Standing.HELD}


def test_quorum_is_lost_after_the_grace_and_back_at_once() -> None:
    judge = Judge()
    judge.note(True, 0.0)
    judge.note(False, 1.0)
    assert judge.note(False, 1.0 + GRACE_S) is Standing.LOST
    assert judge.note(False, 500.0) is Standing.LOST
    assert judge.note(True, 501.0) is Standing.HELD
    assert judge.note(False, 502.0) is Standing.HELD, "the grace counts anew"


def test_a_daemon_that_begins_without_peers_leaves_what_runs_and_starts_nothing_until_the_grace_is_over() -> None:
    judge = Judge()
    assert judge.note(False, 0.0) is Standing.UNKNOWN
    assert judge.note(False, GRACE_S - 0.1) is Standing.UNKNOWN
    assert judge.note(False, GRACE_S) is Standing.LOST


def state_with(options: dict[str, str], pool: dict[str, str] | None = None, started: bool = True) -> KeyValueState:
    bricks = tuple(model.Brick(id=p, peer_id=p, path="/b", index=i) for i, p in enumerate(PEERS))
    subvol = model.Subvolume(type=model.SubvolumeType.REPLICATE, bricks=bricks, replica_count=3)
    phase = model.VolumeState.STARTED if started else model.VolumeState.STOPPED
    volume = model.Volume(id="i", name="v1", state=phase, username="", password="", subvols=(subvol,), options=options)
    records: list[tuple[str, model.Record]] = [
        (model.CLUSTER, model.Cluster(id="c")),
        (model.volume_key("v1"), volume),
        (model.GLOBAL_OPTIONS, model.GlobalOptions(options=pool or {})),
    ]
    for p in PEERS:
        records.append(
            (model.peer_key(p), model.Peer(id=p, name=p, hostname=p, addresses=(f"{p}:24008",), client_addresses=(f"{p}:24007",)))
        )
    state = KeyValueState()
    state.apply(Operation(commit=Commit(put=tuple(Put(key, model.dump(record)) for key, record in records))))
    return state


def planned(state: KeyValueState, command: str, request: dict[str, Any], online: tuple[str, ...]) -> Plan:
    known = commands()[command]
    view = View(state, online=frozenset(online), options=OPTIONS, initiator="p1")
    plan: Plan = known.plan(view, msgspec.convert(request, known.request), Ids(lambda: "u", 0.0))
    server_quorum.check(view, plan)
    return plan


ASKING = {TYPE: "server"}
CHANGES: dict[str, dict[str, Any]] = {
    "volume-stop": {"volume": "v1"},
    "volume-start": {"volume": "v1", "force-start-bricks": True},
    "volume-set": {"volume": "v1", "options": {"performance.io-cache": "on"}},
    "volume-reset": {"volume": "v1", "all": True},
    "volume-expand": {"volume": "v1", "bricks": ["p1:/n1", "p1:/n2", "p1:/n3"], "force": True},
    "remove-brick-commit": {"volume": "v1", "bricks": ["p3:/b"], "replica": 2, "force": True},
    "volume-profile-start": {"volume": "v1"},
    "volume-replace-brick": {
        "volume": "v1",
        "src-peerid": "p3",
        "src-brickpath": "/b",
        "dst-peerid": "p1",
        "dst-brickpath": "/n",
        "force": True,
    },
    "volume-barrier": {"volume": "v1", "enable": True},
    "volume-delete": {"volume": "v1", "force": True},
}


@pytest.mark.parametrize("command", CHANGES)
def test_without_quorum_a_volume_that_asks_for_it_is_not_changed(command: str) -> None:
    state = state_with(ASKING, started=command != "volume-delete")
    with pytest.raises(
        Refused, match="quorum not met, volume operation not allowed: 1 of 3 peers are in sight, volume v1 needs 2"
    ) as refused:
        planned(state, command, CHANGES[command], ("p1",))
    assert refused.value.code == "no-server-quorum"


def test_a_volume_that_does_not_ask_is_changed_as_ever() -> None:
    planned(state_with({}), "volume-stop", {"volume": "v1"}, ("p1",))
    planned(state_with({TYPE: "none"}), "volume-stop", {"volume": "v1"}, ("p1",))


def test_with_quorum_a_volume_that_asks_is_changed() -> None:
    planned(state_with(ASKING), "volume-stop", {"volume": "v1"}, ("p1", "p2"))


def test_the_ratio_of_the_pool_decides_how_many_are_needed() -> None:
    with pytest.raises(Refused, match="2 of 3 peers are in sight, volume v1 needs 3"):
        planned(state_with(ASKING, {RATIO: "80%"}), "volume-stop", {"volume": "v1"}, ("p1", "p2"))
    planned(state_with(ASKING, {RATIO: "30%"}), "volume-stop", {"volume": "v1"}, ("p1",))


def test_whether_a_volume_asks_can_be_changed_without_quorum_and_nothing_beside_it() -> None:
    planned(state_with(ASKING), "volume-set", {"volume": "v1", "options": {TYPE: "none"}}, ("p1",))
    usual = {**restored_on_reset("replicate", True), **ASKING}
    planned(state_with(usual), "volume-reset", {"volume": "v1", "options": [TYPE]}, ("p1",))
    with pytest.raises(Refused, match="quorum not met"):
        both = {TYPE: "none", "performance.io-cache": "on"}
        planned(state_with(ASKING), "volume-set", {"volume": "v1", "options": both}, ("p1",))
    with pytest.raises(Refused, match="quorum not met"):
        same = {**ASKING, "performance.io-cache": "on"}
        planned(state_with(same), "volume-set", {"volume": "v1", "options": {"performance.io-cache": "on"}}, ("p1",))


def test_a_new_volume_needs_no_quorum() -> None:
    request = {"name": "v2", "bricks": ["p1:/new"], "force": True, "options": ASKING}
    planned(state_with(ASKING), "volume-create", request, ("p1",))
