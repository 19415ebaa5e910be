"""Which scripts of an administrator run around a command, and with which words: as glusterd 10.3 does it (watched there). PURE data.

    HOOKSDIR/1/OPERATION/pre/S*    before anything else is done; waited for
    HOOKSDIR/1/OPERATION/post/S*   after the command has ended well; nobody waits for them

A plan says which operation it is (Plan.hook); commands/hooked.py finds the peers that have scripts for it. The words are made on the peer
that runs the scripts, from its own state. It must not know how a script is run.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

When = Literal["pre", "post"]
VERSION = "1"
"""glusterd's of the folders and words."""
ALL = "all"
"""In place of a volume's name: options of the whole pool."""

_PLAIN = ("create", "delete", "remove-brick")
_VERSIONED = ("add-brick", "reset")
OPERATIONS = (*_PLAIN, *_VERSIONED, "start", "stop", "set")
"""Operations of glusterd that a command of ours stands for. It has two more, `copy-file` and `gsync-create`, of geo-replication."""


class Hook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`peers`: those that run the scripts afterwards. `options`: KEY=VALUE of a set, with the names that were given."""

    operation: str
    volume: str
    peers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def name(self, when: When) -> str:
        """As a peer says which scripts it has.

        >>> Hook(operation="start", volume="v1").name("pre")
        'start/pre'
        """
        return f"{self.operation}/{when}"


def words(hook: Hook, when: When, started: Collection[str], workdir: str) -> list[str]:
    """What a script is called with. `started`: names of all volumes that are started, as the state is when the scripts begin.

    >>> words(Hook(operation="start", volume="v1"), "pre", [], "/w")
    ['--volname=v1', '--first=yes', '--version=1', '--volume-op=start', '--gd-workdir=/w']
    >>> words(Hook(operation="set", volume="v1", options=("a.b=1", "c.d=2")), "post", ["v1"], "/w")
    ['--volname=v1', '-o', 'a.b=1', 'c.d=2', '--gd-workdir=/w']
    """
    volume = f"--volname={hook.volume}"
    versioned = (f"--version={VERSION}", f"--volume-op={hook.operation}", f"--gd-workdir={workdir}")
    if hook.operation == "set":
        return [volume, "-o", *hook.options, f"--gd-workdir={workdir}"]
    if hook.operation == "start":  # counted as glusterd does: with force, "first" before is another thing than after
        return [volume, f"--first={_yes(len(started) == (0 if when == 'pre' else 1))}", *versioned]
    if hook.operation == "stop":
        return [volume, f"--last={_yes(len(started) == (1 if when == 'pre' else 0))}"]
    return [volume, *versioned] if hook.operation in _VERSIONED else [volume]


def _yes(value: bool) -> str:
    return "yes" if value else "no"
