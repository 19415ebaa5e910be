"""Creates that are refused or done, in the words of the tests."""

from __future__ import annotations

from typing import Any

import pytest
from pool_kit import Pool, host

from gd2raft.core import model
from gd2raft.core.plan import Refused


def spread(count: int, peers: int = 20, path: str = "/b/1") -> list[str]:
    """Bricks on peer after peer."""
    return [f"{host(i % peers + 1)}:{path}-{i}" for i in range(count)]


def refused(pool: Pool | None = None, **fields: Any) -> Refused:
    """What a create is refused with: the message says where, and the state is as it was."""
    pool = pool or Pool(20)
    before = pool.state.revision
    with pytest.raises(Refused) as caught:
        pool.plan("volume-create", **({"name": "v", "bricks": ["node1:/b/1"]} | fields))
    assert pool.state.revision == before and len(caught.value.message) < 1500
    return caught.value


def created(pool: Pool | None = None, **fields: Any) -> model.Volume:
    pool = pool or Pool(20)
    assert pool.do("volume-create", None, **({"name": "v"} | fields)).outcome == "done"
    volume = pool.view().volume(str(fields.get("name", "v")))
    assert volume is not None
    return volume


def shape(volume: model.Volume) -> str:
    """As `volume info` says it: 1 x (2 + 1) = 3."""
    first, count = volume.subvols[0], sum(1 for _ in volume.bricks())
    if volume.kind == "distribute":
        return str(count)
    second = first.arbiter_count or first.redundancy_count
    inner = f"({len(first.bricks) - second} + {second})" if second else str(len(first.bricks))
    return f"{len(volume.subvols)} x {inner} = {count}"
