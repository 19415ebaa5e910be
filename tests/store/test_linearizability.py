"""The checker of histories: it finds what is wrong, accepts what is right, and agrees with trying every order."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.store.linearizability import NotLinearizable, Operation, Recorder, Undecided, _apply, check

pytestmark = pytest.mark.fast


def write(value: bytes, invoked: float, returned: float | None, key: str = "k") -> Operation:
    return Operation("w", "write", key, value, invoked, returned, "unknown" if returned is None else "done")


def read(value: bytes | None, invoked: float, returned: float, key: str = "k") -> Operation:
    return Operation("r", "read", key, value, invoked, returned)


def cas(expected: bytes | None, value: bytes, invoked: float, returned: float | None, outcome: str = "done") -> Operation:
    return Operation("c", "cas", "k", value, invoked, returned, "unknown" if returned is None else outcome, expected)  # type: ignore[arg-type]


def holds(*history: Operation) -> bool:
    try:
        check(history)
    except NotLinearizable:
        return False
    return True


def test_reads_see_the_last_write() -> None:
    assert holds(read(None, 0, 1), write(b"a", 2, 3), read(b"a", 4, 5), write(b"b", 6, 7), read(b"b", 8, 9))


def test_a_stale_read_is_found() -> None:
    assert not holds(write(b"a", 0, 1), write(b"b", 2, 3), read(b"a", 4, 5))


def test_a_read_beside_a_write_may_see_either_side_but_two_reads_not_first_the_new_then_the_old() -> None:
    assert holds(write(b"a", 0, 9), read(None, 1, 2), read(b"a", 3, 4))
    assert not holds(write(b"a", 0, 9), read(b"a", 1, 2), read(None, 3, 4))


def test_a_lost_write_is_found() -> None:
    assert not holds(write(b"a", 0, 1), read(None, 2, 3))


def test_a_write_of_unknown_outcome_may_happen_late_or_never_but_only_once() -> None:
    assert holds(write(b"a", 0, None), write(b"b", 1, 2), read(b"b", 3, 4), read(b"a", 5, 6))
    assert holds(write(b"a", 0, None), read(None, 3, 4))
    assert not holds(write(b"a", 0, None), write(b"b", 1, 2), read(b"a", 3, 4), write(b"c", 5, 6), read(b"a", 7, 8))


def test_a_value_that_nobody_wrote_is_found() -> None:
    assert not holds(write(b"a", 0, 1), read(b"ghost", 2, 3))


def test_an_effect_before_the_invocation_is_found() -> None:
    assert not holds(read(b"a", 0, 1), write(b"a", 2, 3))


def test_comparisons_that_succeed_or_fail_for_no_reason_are_found() -> None:
    assert holds(write(b"a", 0, 1), cas(b"a", b"b", 2, 3), cas(b"a", b"c", 4, 5, "conflict"))
    assert not holds(write(b"a", 0, 1), cas(b"x", b"b", 2, 3))
    assert not holds(write(b"a", 0, 1), cas(b"a", b"b", 2, 3, "conflict"))


def test_a_conflict_may_be_due_to_a_write_of_unknown_outcome_that_nobody_read() -> None:
    assert holds(write(b"a", 0, 1), write(b"u", 2, None), cas(b"a", b"b", 3, 4, "conflict"))


def test_two_comparisons_with_the_same_value_do_not_both_succeed() -> None:
    assert not holds(write(b"a", 0, 1), cas(b"a", b"b", 2, 6), cas(b"a", b"c", 3, 7))


def test_keys_are_judged_by_themselves() -> None:
    assert holds(write(b"a", 0, 1, "x"), read(None, 2, 3, "y"))
    assert not holds(write(b"a", 0, 1, "x"), read(None, 2, 3, "y"), read(None, 4, 5, "x"))


def test_the_message_names_the_key_and_what_does_not_fit() -> None:
    with pytest.raises(NotLinearizable, match=r"history of k is not linearizable(.|\n)*r: read\(k, a\)"):
        check([write(b"a", 0, 1), write(b"b", 2, 3), read(b"a", 4, 5)])


def test_a_search_without_an_end_is_no_pass() -> None:
    crowd = [write(b"%d" % n, 0, 100) for n in range(30)] + [read(b"%d" % n, 1, 99) for n in range(30)]
    with pytest.raises(Undecided):
        check([*crowd, read(b"ghost", 101, 102)], steps_max=2000)


def test_a_recorder_keeps_the_order_of_events_and_what_stayed_unknown() -> None:
    recorder = Recorder()
    first, second = recorder.invoke("a", "write", "k", b"1"), recorder.invoke("b", "read", "k")
    lost, refused = recorder.invoke("a", "write", "k", b"2"), recorder.invoke("a", "write", "k", b"3")
    recorder.done(second, value=b"1")
    recorder.done(first)
    recorder.forget(refused)
    history = recorder.history()
    assert [(op.value, op.outcome, op.returned is None) for op in history] == [
        (b"1", "done", False),
        (b"1", "done", False),
        (b"2", "unknown", True),
    ]
    assert lost and check(history)


def by_trying_everything(history: list[Operation]) -> bool:
    """The definition, word by word: some subset with all the known ones, in some order that respects real time."""
    unknown = [op for op in history if op.returned is None]
    known = [op for op in history if op.returned is not None]
    for count in range(len(unknown) + 1):
        for some in itertools.combinations(unknown, count):
            if any(explains(order) for order in itertools.permutations([*known, *some])):
                return True
    return False


def explains(order: tuple[Operation, ...]) -> bool:
    state: bytes | None = None
    latest = 0.0
    for op in order:
        if op.returned is not None and op.returned < latest:
            return False
        latest = max(latest, op.invoked)
        follows, state = _apply(op, state)
        if not follows:
            return False
    return True


def random_history(rng: random.Random) -> list[Operation]:
    times = rng.sample(range(100), 14)
    history: list[Operation] = []
    for number in range(rng.randint(2, 6)):
        invoked, returned = sorted((times.pop(), times.pop()))
        value, other = b"%d" % number, rng.choice([None, b"0", b"1", b"2"])
        end = None if rng.random() < 0.2 else returned
        kind = rng.random()
        if kind < 0.4:
            history.append(write(value, invoked, end))
        elif kind < 0.8:
            history.append(read(other, invoked, returned))
        else:
            history.append(cas(other, value, invoked, end, rng.choice(["done", "conflict"])))
    return history


def test_the_checker_agrees_with_trying_every_order() -> None:
    rng, verdicts = random.Random(1), [0, 0]
    for _ in range(1500):
        history = random_history(rng)
        verdict = holds(*history)
        assert verdict == by_trying_everything(history), "\n".join(map(str, history))
        verdicts[verdict] += 1
    assert min(verdicts) > 200, "both verdicts must occur often"
