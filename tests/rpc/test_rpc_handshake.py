"""The handshake, pure: who is let in, who is not, and what each side is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rpc_kit import policy

from gd2raft.rpc import handshake, hello, wire
from gd2raft.rpc.errors import HelloRefused
from gd2raft.rpc.handshake import Handshake
from gd2raft.rpc.hello import HelloPolicy, JoinDial, Refusal
from gd2raft.rpc.limits import RpcLimits

pytestmark = pytest.mark.fast

LIMITS = RpcLimits()
N1, N2, N3 = b"1" * 32, b"2" * 32, b"3" * 32


def both(dialing: HelloPolicy, listening: HelloPolicy, join: JoinDial | None = None, step: int = 10**6) -> tuple[Any, Any]:
    """Run the two sides against each other. Each outcome is Agreed or the HelloRefused of that side, None if it still waits."""
    sides = [handshake.dialer(dialing, N1, "10.0.0.1:24008", join, LIMITS), handshake.listener(listening, N2, LIMITS)]
    outcome: list[Any] = [None, None]
    to = [sides[1].start(), sides[0].start()]
    while any(to):
        for me in (1, 0):
            data, to[me] = to[me], b""
            for start in range(0, len(data), step):
                if outcome[me] is None:
                    to[1 - me] += advance(sides, me, data[start : start + step], outcome)
    return outcome[0], outcome[1]


def advance(sides: list[Handshake], me: int, data: bytes, outcome: list[Any]) -> bytes:
    try:
        out = sides[me].feed(data)
        outcome[me] = sides[me].agreed
        return out
    except HelloRefused as error:
        outcome[me] = error
        return error.last_words


@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_two_peers_of_a_pool_agree_in_pieces_of_any_size(step: int) -> None:
    dialer, listener = both(policy("a"), policy("b"), step=step)
    assert (dialer.peer.peer_id, listener.peer.peer_id) == ("b", "a")
    assert dialer.dialled == listener.dialled == "10.0.0.1:24008"
    assert not dialer.join


def test_another_key_is_refused_and_both_sides_can_say_so() -> None:
    dialer, listener = both(policy("a"), policy("b", key=b"x" * 32))
    assert (dialer.code, listener.code) == (hello.H_WRONG_KEY, hello.H_WRONG_KEY)
    assert "keys differ" in dialer.message


def test_another_pool_is_refused_by_name() -> None:
    dialer, listener = both(policy("a", pool="pool-2"), policy("b"))
    assert (dialer.code, listener.code) == (hello.H_OTHER_POOL, hello.H_OTHER_POOL)


def test_a_peer_that_claims_another_pool_than_its_key_is_refused() -> None:
    side = handshake.listener(policy("b"), N2, LIMITS)
    hand = handshake.dialer(policy("a"), N1, "x", None, LIMITS)
    out = side.feed(hand.start())
    out = side.feed(hand.feed(out))
    assert hand.feed(out)
    with pytest.raises(HelloRefused) as caught:
        side.feed(wire.encode(wire.Hello(hello.HelloInfo("a", "pool-9"))))
    assert caught.value.code == hello.H_OTHER_POOL


def test_either_side_may_refuse_a_peer_that_knows_the_key() -> None:
    removed = policy("b", accept=lambda info: Refusal("removed", f"peer {info.peer_id} was removed"))
    dialer, listener = both(policy("a"), removed)
    assert (dialer.code, dialer.message) == ("removed", "peer a was removed")
    assert listener.code == "removed"
    dialer, _ = both(removed, policy("a"))
    assert dialer.code == "removed"


def test_a_fresh_peer_is_joined_on_first_use() -> None:
    fresh = policy("fresh", pool="its-own", accept_join=lambda info: None)
    dialer, listener = both(policy("a"), fresh, JoinDial())
    assert dialer.join
    assert listener.join
    assert listener.peer.pool_id == "pool-1"


def test_a_peer_that_does_not_join_says_why() -> None:
    dialer, listener = both(policy("a"), policy("b", accept_join=lambda info: "it has volumes: v1"), JoinDial())
    assert (dialer.code, dialer.message) == (hello.H_JOIN_REFUSED, "it has volumes: v1")
    assert listener.code == hello.H_JOIN_REFUSED
    assert both(policy("a"), policy("b"), JoinDial())[0].code == hello.H_JOIN_REFUSED


@pytest.mark.parametrize(
    ("theirs", "ours", "agreed"),
    [(b"s", b"s", True), (b"s", b"t", False), (b"s", None, False), (None, b"s", False), (b"", None, False)],
)
def test_a_join_secret_must_be_known_to_both(theirs: bytes | None, ours: bytes | None, agreed: bool) -> None:
    asked: list[str] = []
    fresh = policy("fresh", accept_join=lambda info: asked.append(info.peer_id), join_secret=lambda: theirs)
    dialer, _ = both(policy("a"), fresh, JoinDial(ours))
    assert (getattr(dialer, "join", None) is True) is agreed
    assert asked == (["a"] if agreed else [])  # a prober without the secret does not use up the first trust


def test_the_pool_key_does_not_open_a_join_nor_the_join_key_a_pool() -> None:
    """A join proof must not be usable for the pool, even when mode is the only thing that is altered."""
    hand = handshake.dialer(policy("a"), N1, "x", JoinDial(), LIMITS)
    preface = bytearray(hand.start())
    preface[6] = handshake.MODE_POOL
    preface[8:16] = hello.key_id_of("pool-1")
    side = handshake.listener(policy("b"), N2, LIMITS)
    answer = bytearray(side.feed(bytes(preface)))
    answer[6] = handshake.MODE_JOIN
    answer[8:16] = hello.NO_KEY_ID
    with pytest.raises(HelloRefused) as caught:
        side.feed(hand.feed(bytes(answer)))
    assert caught.value.code == hello.H_WRONG_KEY


def test_a_recorded_handshake_is_worth_nothing_later() -> None:
    hand = handshake.dialer(policy("a"), N1, "x", None, LIMITS)
    first = handshake.listener(policy("b"), N2, LIMITS)
    recorded = [hand.start()]
    recorded.append(hand.feed(first.feed(recorded[0])))
    recorded.append(hand.feed(first.feed(recorded[1])))
    first.feed(recorded[2])
    assert first.agreed is not None
    later = handshake.listener(policy("b"), N3, LIMITS)
    with pytest.raises(HelloRefused) as caught:
        later.feed(b"".join(recorded))
    assert caught.value.code == hello.H_WRONG_KEY


def test_a_peers_own_proof_sent_back_to_it_is_refused() -> None:
    """The attacker has no key. It dials a peer that dials it, and lets the peer answer its own challenge."""
    victim_dials = handshake.dialer(policy("victim"), N1, "x", None, LIMITS)
    victim_listens = handshake.listener(policy("victim"), N2, LIMITS)
    preface = victim_dials.start()
    proof = victim_dials.feed(preface)  # as listener: reflect the preface, which has the same layout
    with pytest.raises(HelloRefused):
        victim_dials.feed(b"\0" + proof)  # ... and the proof
    victim_listens.feed(preface)
    with pytest.raises(HelloRefused):
        victim_listens.feed(proof)


def test_an_impostor_that_listens_learns_nothing_and_is_refused() -> None:
    hand = handshake.dialer(policy("a"), N1, "x", None, LIMITS)
    hand.feed(handshake.PREFACE.pack(b"GD2R", 1, 0, 0, hello.key_id_of("pool-1"), N2))
    with pytest.raises(HelloRefused, match="another daemon") as caught:
        hand.feed(b"\0" + bytes(32))
    assert caught.value.code == hello.H_WRONG_KEY


def test_a_listener_proves_nothing_to_a_stranger() -> None:
    side = handshake.listener(policy("b"), N2, LIMITS)
    answer = side.feed(handshake.PREFACE.pack(b"GD2R", 1, 0, 0, hello.key_id_of("pool-1"), N1))
    assert answer == handshake.PREFACE.pack(b"GD2R", 1, 0, 0, hello.key_id_of("pool-1"), N2)
    with pytest.raises(HelloRefused) as caught:
        side.feed(bytes(32))
    assert caught.value.last_words == bytes([3]) + bytes(32)


def test_another_version_of_the_protocol_is_named() -> None:
    side = handshake.listener(policy("b"), N2, LIMITS)
    with pytest.raises(HelloRefused, match="version 9") as caught:
        side.feed(handshake.PREFACE.pack(b"GD2R", 9, 0, 0, bytes(8), N1))
    hand = handshake.dialer(policy("a"), N1, "x", None, LIMITS)
    with pytest.raises(HelloRefused, match="version 1"):
        hand.feed(caught.value.last_words)
    hand = handshake.dialer(policy("a"), N1, "x", None, LIMITS)
    with pytest.raises(HelloRefused, match="speaks version 9"):
        hand.feed(handshake.PREFACE.pack(b"GD2R", 9, 0, 0, hello.key_id_of("pool-1"), N2))


def test_four_wrong_bytes_are_enough_to_be_turned_away() -> None:
    with pytest.raises(HelloRefused) as caught:
        handshake.listener(policy("b"), N2, LIMITS).feed(b"GET ")
    assert (caught.value.code, caught.value.last_words) == (hello.H_NOT_GD2R, b"")
    with pytest.raises(HelloRefused, match="check the port"):
        handshake.dialer(policy("a"), N1, "x", None, LIMITS).feed(b"HTTP/1.1 400 Bad Request\r\n".ljust(48))


def agreed_up_to_hello() -> Handshake:
    hand = handshake.dialer(policy("a"), N1, "x", None, LIMITS)
    side = handshake.listener(policy("b"), N2, LIMITS)
    side.feed(hand.feed(side.feed(hand.start())))
    return side


@pytest.mark.parametrize(
    "data",
    [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\1\0\0", b"\0\0\0\1\xff", wire.encode(wire.Ping()), wire.encode(wire.Call(1, 1, 1, None))],
)
def test_after_the_proof_only_a_hello_of_modest_size_is_taken(data: bytes) -> None:
    with pytest.raises(HelloRefused) as caught:
        agreed_up_to_hello().feed(data)
    assert caught.value.code == hello.H_BAD_HELLO


def test_what_follows_the_hello_is_kept_for_the_connection() -> None:
    side = agreed_up_to_hello()
    side.feed(wire.encode(wire.Hello(hello.HelloInfo("a", "pool-1"))) + wire.encode(wire.Ping()))
    assert side.agreed is not None
    assert side.rest == wire.encode(wire.Ping())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200), st.booleans(), st.integers(0, 60))
def test_noise_never_agrees_and_never_raises_anything_but_a_refusal(noise: bytes, dials: bool, good: int) -> None:
    side = handshake.dialer(policy("a"), N1, "x", None, LIMITS) if dials else handshake.listener(policy("b"), N2, LIMITS)
    start = handshake.PREFACE.pack(b"GD2R", 1, 0, 0, hello.key_id_of("pool-1"), N3)[:good]
    try:
        side.feed(start + noise)
    except HelloRefused as error:
        assert error.code
    assert side.agreed is None
