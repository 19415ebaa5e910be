"""Records: written by one version, rewritten by another, found by whatever a user calls them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pool_kit import Pool, peer_id, peer_record

from gd2raft.core import model
from gd2raft.core.model import BadRecord, Brick, Subvolume, SubvolumeType, View, Volume, VolumeState
from gd2raft.core.plan import Change, make_commit
from gd2raft.core.plan import View as PlanView

pytestmark = pytest.mark.fast


def volume(*sets: tuple[int, ...], kind: SubvolumeType = SubvolumeType.REPLICATE, **more: Any) -> Volume:
    """Bricks by number, set after set."""
    subvols = tuple(
        Subvolume(
            type=kind, bricks=tuple(Brick(id=f"b{n}", peer_id="p", path=f"/b/{n}", index=n) for n in bricks), replica_count=len(bricks)
        )
        for bricks in sets
    )
    fields: dict[str, Any] = {"id": "v", "name": "v", "state": VolumeState.CREATED, "username": "u", "password": "p", "subvols": subvols}
    return Volume(**(fields | more))


LATER = st.sampled_from([0, "", False, None, [], {}, 1, "x", True, {"a": 0}, [1]])


def later(old: Volume, value: Any = "kept") -> bytes:
    """The volume as a newer daemon has stored it: a key more in every record."""
    data = msgspec.to_builtins(old)
    data["later"] = value
    for subvol in data["subvols"]:
        subvol["later"] = value
        for brick in subvol["bricks"]:
            brick["later"] = f"{brick['id']}"
    return msgspec.json.encode(data)


def rewritten(new: Volume, old: bytes) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(model.dump(new, old))
    assert msgspec.convert(data, Volume) == new, "what this version knows is as it says"
    return data


@given(LATER)
def test_keys_of_a_newer_daemon_survive_at_every_depth_whatever_their_value(value: Any) -> None:
    old = volume((0, 1, 2), (3, 4, 5))
    new = rewritten(msgspec.structs.replace(old, state=VolumeState.STARTED), later(old, value))
    assert new["later"] == value and [s["later"] for s in new["subvols"]] == [value] * 2
    assert [b["later"] for s in new["subvols"] for b in s["bricks"]] == [f"b{n}" for n in range(6)]


@given(st.lists(st.integers(0, 7), min_size=1, max_size=8, unique=True), st.integers(1, 3))
def test_a_bricks_unknown_keys_go_where_the_brick_goes(bricks: list[int], size: int) -> None:
    old = volume((0, 1, 2), (3, 4, 5))
    sets = [tuple(bricks[i : i + size]) for i in range(0, len(bricks), size)]
    new = rewritten(volume(*sets), later(old))
    for subvol in new["subvols"]:
        assert ("later" in subvol) == any(b["id"] in {f"b{n}" for n in range(6)} for b in subvol["bricks"])
        for brick in subvol["bricks"]:
            assert brick.get("later") == (brick["id"] if brick["id"] < "b6" else None)


def test_bricks_that_are_joining_keep_their_unknown_keys_too() -> None:
    old = volume((0, 1))
    grown = volume((0, 1), (2, 3))
    new = rewritten(msgspec.structs.replace(old, joining=grown.subvols), later(old))
    assert [b.get("later") for s in new["joining"] for b in s["bricks"]] == ["b0", "b1", None, None]


def test_a_key_that_this_daemon_knows_is_gone_when_it_was_removed() -> None:
    old = volume((0,), options={"a": "1", "b": "2"}, metadata={"k": "v"}, starts=3)
    new = rewritten(msgspec.structs.replace(old, options={"b": "2"}, metadata={}, starts=0), later(old))
    assert new["options"] == {"b": "2"} and "metadata" not in new and "starts" not in new


def test_a_record_within_a_record_keeps_its_unknown_keys() -> None:
    subvol = msgspec.structs.replace(volume((0, 1)).subvols[0], thin_arbiter=model.ThinArbiter(host="h", path="/ta"))
    old = volume((0, 1), subvols=(subvol,))
    data = msgspec.to_builtins(old)
    data["subvols"][0]["thin_arbiter"]["later"] = False
    assert rewritten(old, msgspec.json.encode(data))["subvols"][0]["thin_arbiter"]["later"] is False


def test_records_without_unknown_keys_are_the_same_with_and_without_the_old_value() -> None:
    old, new = volume((0, 1), (2, 3)), volume((2, 3), (4, 5), starts=7)
    assert model.dump(new, model.dump(old)) == model.dump(new)


@pytest.mark.parametrize("bad", [b"", b"{", b"[]", b'"x"', b"{}", b'{"id": 5}', b"\xff\xfe", b'{"id":"c","op_version":"x"}'])
def test_a_record_that_cant_be_read_is_named(bad: bytes) -> None:
    with pytest.raises(BadRecord, match=r"the stored record 'cluster' is not a valid Cluster"):
        model.load("cluster", bad, model.Cluster)


def test_a_bad_record_is_named_when_a_view_reads_it() -> None:
    pool = Pool()
    pool.commit(make_commit(pool.state, (), (Change("volumes/v", {"id": 1}),)))
    with pytest.raises(BadRecord, match="volumes/v"):
        pool.view().volume("v")


# ---- finding peers


def finding() -> Pool:
    pool = Pool(0)
    pool.store("peers/" + peer_id(1), peer_record(1, addresses=("10.0.0.1:24008", "192.168.0.1:24008"), name="alpha"))
    pool.store("peers/" + peer_id(2), peer_record(2, addresses=("[fd00::2]:24008",), client_addresses=("[fd00::2]:24007",)))
    return pool


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (peer_id(1), 1),
        ("alpha", 1),
        ("node1", 1),
        ("10.0.0.1", 1),
        ("10.0.0.1:24008", 1),
        ("10.0.0.1:24007", 1),
        ("192.168.0.1", 1),
        ("fd00::2", 2),
        ("[fd00::2]:24007", 2),
        ("node2", 2),
    ],
)
def test_a_peer_is_found_by_id_name_or_any_address(text: str, number: int) -> None:
    found = finding().view().find_peer(text)
    assert found is not None and found.id == peer_id(number)


@pytest.mark.parametrize("text", ["", "node3", "node", "10.0.0.1:1", "10.0.0", "24008", ":24008", "peers", "../" + peer_id(1)])
def test_what_names_no_peer_finds_none(text: str) -> None:
    assert finding().view().find_peer(text) is None


def test_a_name_is_stronger_than_the_address_of_another() -> None:
    pool = finding()
    pool.store("peers/" + peer_id(3), peer_record(3, name="10.0.0.1"))
    found = pool.view().find_peer("10.0.0.1")
    assert found is not None and found.id == peer_id(3)


# ---- guards


@pytest.mark.parametrize(
    ("key", "guard"),
    [
        ("peers/a", "peers"),
        ("volumes/v", "volumes"),
        ("bricks/p//b/1", "bricks/p"),
        ("leftovers/p/t", "leftovers/p"),
        ("cluster", None),
        ("locks/volume/v", None),
        ("txn/t", None),
        ("peers", None),
        ("bricks/p", None),
        ("leftovers/p", None),
    ],
)
def test_every_listed_prefix_has_a_guard_key_that_is_not_under_it(key: str, guard: str | None) -> None:
    assert model.guard_of(key) == guard


def test_a_change_under_a_prefix_moves_what_a_listing_relied_on() -> None:
    pool = Pool()
    view: PlanView = pool.view()
    view.peers()
    pool.store("peers/" + peer_id(9), peer_record(9))
    result = pool.commit(make_commit(pool.state, view.expectations, (Change("options/x", {}),)))
    assert (result.outcome, result.moved) == ("conflict", ("peers",))


def test_a_view_never_answers_from_an_old_cache() -> None:
    pool, cache = Pool(), {}
    first = View(pool.state, cache).peer(peer_id(1))
    pool.store("peers/" + peer_id(1), peer_record(1, zone="z"))
    second = View(pool.state, cache).peer(peer_id(1))
    assert first is not None and second is not None and (first.zone, second.zone) == ("", "z")
    assert View(pool.state, cache).peer(peer_id(1)) is second


def test_a_full_cache_is_emptied_not_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(View, "CACHE_MAX", 2)
    cache: dict[str, Any] = {}
    assert len(View(Pool(5).state, cache).peers()) == 5 and len(cache) <= 2


def test_records_of_peers_with_the_same_steps_share_them_and_others_have_their_own() -> None:
    def read(steps: tuple[str, ...]) -> model.Peer:
        peer = model.Peer(id="p", name="n", hostname="h", addresses=("h:1",), client_addresses=("h:2",), steps=steps, hooks=("start/pre",))
        return model.load("peers/p", model.dump(peer), model.Peer)

    first, second, other = read(("a", "b")), read(("a", "b")), read(("a", "c"))
    assert first.steps is second.steps and first.hooks is other.hooks
    assert (first.steps, other.steps) == (("a", "b"), ("a", "c"))
