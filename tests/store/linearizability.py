"""Is a history of clients linearizable? A checker after Wing and Gong, with the memory of visited configurations of Lowe.

A history is a sequence of events in real time: an operation is invoked, returns, or never says what became of it. Keys are
registers of their own (linearizability is local: a history is linearizable when that of each key is), values are unique.
The checker looks for one order of all operations in which each takes effect between its invocation and its return, and
every answer is the one that a single register would give. An operation without a known outcome may take effect at any time
after its invocation, or never. It must not know of stores, clocks or networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

STEPS_MAX = 2_000_000

Kind = Literal["write", "cas", "read"]
Outcome = Literal["done", "conflict", "unknown"]
Value = bytes | None


class NotLinearizable(AssertionError):
    """No order explains the history; the message shows how far one comes, and what can't follow."""


class Undecided(AssertionError):
    """The search was given up: neither proven nor refuted. Never to be taken for a pass."""


class Operation(NamedTuple):
    """One operation on one key. invoked, returned: positions in the history, any numbers that grow; returned None when unknown.

    write: sets `value`. cas: sets `value` if the register holds `expected`, else the outcome is "conflict".
    read: `value` is what it returned.
    """

    client: str
    kind: Kind
    key: str
    value: Value
    invoked: float
    returned: float | None = None
    outcome: Outcome = "done"
    expected: Value = None

    def __str__(self) -> str:
        what = f"{self.kind}({self.key}, {show(self.expected)} -> {show(self.value)})" if self.kind == "cas" else ""
        what = what or f"{self.kind}({self.key}, {show(self.value)})"
        end = "?" if self.returned is None else f"{self.returned:g}"
        return f"[{self.invoked:g}, {end}] {self.client}: {what} {self.outcome}"


def show(value: Value) -> str:
    return "nothing" if value is None else value.decode(errors="replace")


class Recorder:
    """Events as they happen; the numbers of operations are their places in real time."""

    def __init__(self) -> None:
        self._operations: dict[int, Operation] = {}
        self._time = 0

    def invoke(self, client: str, kind: Kind, key: str, value: Value = None, expected: Value = None) -> int:
        """The number of the operation, for done() and forget(). Until then its outcome is unknown."""
        self._time += 1
        self._operations[self._time] = Operation(client, kind, key, value, self._time, None, "unknown", expected)
        return self._time

    def done(self, number: int, outcome: Outcome = "done", value: Value = None) -> None:
        """It returned. value: what a read saw."""
        self._time += 1
        operation = self._operations[number]
        seen = value if operation.kind == "read" else operation.value
        self._operations[number] = operation._replace(returned=self._time, outcome=outcome, value=seen)

    def forget(self, number: int) -> None:
        """It certainly had no effect (a write that was refused), or nobody saw it (a read without an answer)."""
        del self._operations[number]

    def history(self) -> list[Operation]:
        return list(self._operations.values())


def check(history: Sequence[Operation], initial: Value = None, steps_max: int = STEPS_MAX) -> int:
    """Returns the steps taken. Raises NotLinearizable or Undecided."""
    by_key: dict[str, list[Operation]] = {}
    for operation in history:
        if operation.kind != "read" or operation.returned is not None:
            by_key.setdefault(operation.key, []).append(operation)
    return sum(_check_key(_without_idle(operations, initial), initial, steps_max) for operations in by_key.values())


def _without_idle(operations: list[Operation], initial: Value) -> list[Operation]:
    """Leave out unknown writes that explain nothing: nobody saw their values, and no conflict can be due to them.

    Each doubles what has to be searched. If an order with such a write exists, the one without it explains as much.
    """
    seen = {op.value for op in operations if op.kind == "read"} | {op.expected for op in operations if op.kind == "cas"}
    conflicts = [op.returned for op in operations if op.outcome == "conflict" and op.returned is not None]
    last = max(conflicts, default=-1.0)
    return [op for op in operations if op.returned is not None or op.value in seen or op.invoked < last]


class _Node:
    """A place in the list of events: an invocation, or (match None) the return of `number`."""

    __slots__ = ("after", "before", "match", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.before: _Node | None = None
        self.after: _Node | None = None
        self.match: _Node | None = None


class _Events:
    """Invocations and returns in order, as a list from which an operation can be lifted and put back."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.head = _Node(-1)
        places: list[tuple[float, int, _Node]] = []
        for number, operation in enumerate(operations):
            call, back = _Node(number), _Node(number)
            call.match = back
            places.append((operation.invoked, 0, call))
            places.append((float("inf") if operation.returned is None else operation.returned, 1, back))
        last = self.head
        for _, _, node in sorted(places, key=lambda place: place[:2]):
            last.after, node.before = node, last
            last = node

    @staticmethod
    def lift(call: _Node) -> None:
        for node in (call, call.match):
            assert node is not None and node.before is not None
            node.before.after = node.after
            if node.after is not None:
                node.after.before = node.before

    @staticmethod
    def put_back(call: _Node) -> None:
        for node in (call.match, call):
            assert node is not None and node.before is not None
            node.before.after = node
            if node.after is not None:
                node.after.before = node


def _check_key(operations: list[Operation], initial: Value, steps_max: int) -> int:
    """Depth first: take any operation whose invocation comes before every pending return; go back at a return that nothing allows."""
    events = _Events(operations)
    needed = sum(1 for operation in operations if operation.returned is not None)
    state, taken, known = initial, 0, 0
    visited: set[tuple[int, Value]] = set()
    path: list[tuple[_Node, Value]] = []
    best: list[int] = []
    node, steps = events.head.after, 0
    while known < needed:
        steps += 1
        if steps > steps_max:
            raise Undecided(f"{operations[0].key}: {len(operations)} operations, given up after {steps_max} steps")
        if node is not None and node.match is not None:
            operation = operations[node.number]
            follows, after = _apply(operation, state)
            if follows and (taken | 1 << node.number, after) not in visited:
                taken |= 1 << node.number
                visited.add((taken, after))
                path.append((node, state))
                state, known = after, known + (operation.returned is not None)
                events.lift(node)
                best = [n.number for n, _ in path] if len(path) > len(best) else best
                node = events.head.after
            else:
                node = node.after
            continue
        if not path:
            raise NotLinearizable(_explain(operations, best, initial))
        node, state = path.pop()
        taken &= ~(1 << node.number)
        known -= operations[node.number].returned is not None
        events.put_back(node)
        node = node.after
    return steps


def _apply(operation: Operation, state: Value) -> tuple[bool, Value]:
    """Whether the operation can follow on `state`, and the state after it."""
    if operation.kind == "read":
        return operation.value == state, state
    if operation.kind == "write":
        return True, operation.value
    if operation.outcome == "conflict":
        return operation.expected != state, state
    return operation.expected == state, operation.value


def _explain(operations: list[Operation], best: list[int], initial: Value) -> str:
    """The end of the longest order found, and the operations that had to come next."""
    state = initial
    for number in best:
        state = _apply(operations[number], state)[1]
    rest = [operation for number, operation in enumerate(operations) if number not in set(best)]
    until = min((operation.returned for operation in rest if operation.returned is not None), default=float("inf"))
    stuck = [operation for operation in rest if operation.invoked <= until]
    shown = [f"    {operations[number]}" for number in best[-8:]]
    lines = [f"the history of {operations[0].key} is not linearizable: {len(best)} of {len(operations)} operations in order, ending with"]
    lines += [*shown, f"  hold {show(state)}, and none of these can be next:", *(f"    {operation}" for operation in stuck[:8])]
    return "\n".join(lines)
