"""The op-version of the pool only rises, and no higher than every peer can follow."""

from __future__ import annotations

import pytest
from pool_kit import Pool, peer_id, peer_record
from test_commands_peers import found

from gd2raft.core import model
from gd2raft.core.plan import Refused

pytestmark = pytest.mark.fast
NEWER = model.OP_VERSION + 5


def refusal(pool: Pool, value: object, name: str = "cluster.op-version") -> str:
    with pytest.raises(Refused) as caught:
        pool.plan("cluster-set", options={name: str(value)})
    return caught.value.message


def op_version(pool: Pool) -> int:
    cluster = pool.view().cluster()
    assert cluster is not None
    return cluster.op_version


def upgraded(*numbers: int) -> Pool:
    pool = Pool(3)
    for number in numbers:
        pool.store(model.peer_key(peer_id(number)), peer_record(number, op_version_max=NEWER))
    return pool


@pytest.mark.parametrize("value", [1, model.OP_VERSION - 1, model.OP_VERSION])
def test_lowering_the_op_version_is_refused_and_so_is_setting_it_to_what_it_is(value: int) -> None:
    assert "is not higher than the pool's" in refusal(Pool(3), value)


def test_an_op_version_that_one_peer_cannot_follow_is_refused() -> None:
    said = refusal(upgraded(1, 2), NEWER)
    assert f"more than every peer can follow, {model.OP_VERSION}: peer node3 goes to {model.OP_VERSION}" in said


def test_while_an_older_peer_joins_the_op_version_stays_and_the_other_way_round() -> None:
    pool = upgraded(1, 2, 3)
    joining = {"addresses": ["node9"], "found": found(9)}
    rising = {"options": {"cluster.op-version": str(NEWER)}}
    locks = [set(pool.plan(name, **fields).locks) for name, fields in (("peer-add", joining), ("cluster-set", rising))]
    assert set.intersection(*locks) == {"op-version"}
    newer = {"addresses": ["node9"], "found": found(9, op_version_max=NEWER, steps=())}
    assert pool.plan("peer-add", **newer).locks == (f"peer/{peer_id(9)}",), "one that follows keeps nothing from rising"
    assert pool.plan("cluster-set", options={"cluster.server-quorum-ratio": "60"}).locks == ("options",)


@pytest.mark.parametrize("name", ["cluster.op-version", "op-version"])
def test_the_op_version_rises_when_every_peer_can_follow(name: str) -> None:
    pool = upgraded(1, 2, 3)
    assert pool.do("cluster-set", None, options={name: str(NEWER)}).outcome == "done"
    assert op_version(pool) == NEWER
    assert "cluster.op-version" not in pool.view().global_options(), "it is a fact of the pool, not an option beside it"
