"""A peer that comes back at another address, and what all others must know of it then."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from .peer import PEER_PORT, REST_PORT, Peer
from .waiting import until

MOVED_WITHIN_S = 60.0


def other_address(peer: Peer, number: int) -> str:
    """A free address of the peer's own net: NUMBER is that of no peer."""
    return f"{peer.address.rpartition('.')[0]}.{number}"


def settle_at(peer: Peer, address: str) -> None:
    """The machine gets the address, and the daemon, which doesn't run, is to be there from its next start on."""
    assert not peer.alive
    peer.machine.move_to(address)
    peer.address = address
    peer.configure()


def move(peer: Peer, address: str) -> None:
    """The machine gets another address, and its daemon comes back there."""
    peer.kill()
    settle_at(peer, address)
    peer.start().ready()


def known_at(peer: Peer, members: Sequence[Peer]) -> None:
    """Wait until all members know the peer by the address that it has now, and see it."""
    wanted = (f"{peer.address}:{PEER_PORT}", f"{peer.address}:{REST_PORT}", peer.address, True)
    for member in members:
        until(lambda member=member: place_of(peer.id, member) == wanted, f"{member} knows {peer} by its new address", MOVED_WITHIN_S)


def place_of(peer_id: str, member: Peer) -> tuple[str, str, str, bool]:
    (found,) = (p for p in member.peers() if p["id"] == peer_id)
    (at,), (client_at,) = found["peer-addresses"], found["client-addresses"]
    return at, client_at, found["name"], found["online"]


class Writer:
    """Writes one small file after the other below `folder`, as long as the context lives; `written`: name and text, `errors`: what failed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: dict[str, str] = {}
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Writer:
        self.folder.mkdir()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(60.0)
        assert not self._thread.is_alive(), "a write hangs"

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.02):
            number += 1
            name, text = f"f{number}", f"text {number}\n" * 50
            try:
                (self.folder / name).write_text(text)
                self.written[name] = text
            except OSError as error:
                self.errors.append(f"{name}: {error}")

    def more(self) -> None:
        """Wait until some more were written."""
        seen = len(self.written)
        until(lambda: len(self.written) > seen + 5, "the writer goes on", 90.0)

    def all_there(self, folder: Path) -> bool:
        """Whether every file that was written has its text there; AssertionError that names those that don't."""
        wrong = [name for name, text in self.written.items() if not is_text(folder / name, text)]
        assert not wrong and self.written, f"{len(wrong)} of {len(self.written)} files below {folder} are not as written: {wrong[:10]}"
        return True


def is_text(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text
