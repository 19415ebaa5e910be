"""`gd2raft offline ...`: what can be done to a peer whose daemon is stopped. `gd2 cluster recover` and its like hand over to it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from gd2raft import config as configuration
from gd2raft import recovery
from gd2raft.core.wording import counted
from gd2raft.peers import identity as identities
from gd2raft.peers.identity import IdentityError
from gd2raft.recovery import RecoveryRefused
from gd2raft.store.raft import salvage
from gd2raft.store.raft.disk import DiskFull
from gd2raft.store.raft.errors import SnapshotCorrupt, StorageError
from gd2raft.store.raft.salvage import Salvaged

WARNING = """\
This peer goes on ALONE, as a new pool, with what its log holds ({summary}).
What the lost peers had acknowledged after that IS GIVEN UP for good. Before you go on:
 * `gd2 cluster recover show` on EVERY peer that is left: begin only on the one with the highest term, then the highest index;
 * the daemons of all other peers must be stopped, and stay so until `gd2 cluster recover follow`. If a majority of the
   voters still lives anywhere, do NOT go on: bring it back instead.
"""


def main(arguments: list[str]) -> int:
    """Exit status: 0 done, 1 refused or failed, 2 usage."""
    options = parser().parse_args(arguments)
    state = Path()
    try:
        state = Path(configuration.load(["--config", options.config] if options.config else [])[0].localstatedir)
        lines, data = _WORK[options.work](state, options)
    except configuration.ConfigError as error:
        print(f"gd2raft: {error}", file=sys.stderr)
        return 2
    except (RecoveryRefused, IdentityError, StorageError, DiskFull, OSError) as error:
        print(f"gd2raft: {options.work}: {reason_of(error, state)}", file=sys.stderr)
        return 1
    print(json.dumps(data) if options.json else "\n".join(lines))
    return 0


def reason_of(error: Exception, state: Path) -> str:
    """With the place: what the system says of a write names none."""
    trouble = recovery.disk_trouble(error)
    return str(error) if trouble is None or trouble.filename or isinstance(error, IdentityError) else f"{state}: {trouble.strerror}"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="gd2raft offline", allow_abbrev=False)
    made.add_argument("work", choices=sorted(_WORK))
    made.add_argument("file", nargs="?", type=Path)
    made.add_argument("--as", dest="peer", default="")
    made.add_argument("--config", default="")
    made.add_argument("--json", action="store_true")
    made.add_argument("--yes", action="store_true")
    return made


Outcome = tuple[list[str], dict[str, object]]


def described(found: Salvaged) -> dict[str, object]:
    return {
        "pool": found.pool,
        "term": found.term,
        "index": found.index,
        "committed": found.committed,
        "revision": found.frozen.revision,
        "voters": list(found.voters),
        "peers": [{"id": p.id, "name": p.name, "address": p.address} for p in recovery.peers_of(found.frozen)],
        "volumes": recovery.volumes_of(found.frozen),
    }


def missing(found: Salvaged) -> int:
    """Entries at the end of the log that were committed and are not there: its daemon refuses to start on it."""
    return max(0, found.committed - found.index)


def lines_of(found: Salvaged) -> list[str]:
    peers, volumes = recovery.peers_of(found.frozen), recovery.volumes_of(found.frozen)
    return [
        f"Pool:      {found.pool}",
        f"Term:      {found.term}",
        f"Index:     {found.index}, known to be committed: {found.committed}",
        *([f"DAMAGED:   {lost} committed entries after {found.index} are missing here"] if (lost := missing(found)) else []),
        f"Revision:  {found.frozen.revision}",
        f"Peers:     {len(peers)} ({', '.join(p.name for p in peers[:10])})",
        f"Volumes:   {len(volumes)}" + (f" ({', '.join(volumes[:10])})" if volumes else ""),
    ]


def show(state: Path, options: argparse.Namespace) -> Outcome:
    with recovery.stopped(state):
        identity, found = recovery.look(state)
    lines = [
        f"Peer:      {identity.peer_id}",
        *lines_of(found),
        "Of several peers, the one with the highest term, then the highest index, has most.",
    ]
    return lines, {"peer": identity.peer_id, **described(found)}


def begin(state: Path, options: argparse.Namespace) -> Outcome:
    with recovery.stopped(state):
        identity, found = recovery.look(state)
        if (invitation := recovery.begun(state, identity, found)) is not None:
            return went_on(state, invitation, begun_at(state))
        recovery.check_not_recovered(state, identity.pool_id)
        summary = f"term {found.term}, index {found.index}, {counted(len(recovery.volumes_of(found.frozen)), 'volume')}"
        print(WARNING.format(summary=summary), file=sys.stderr)
        if lost := missing(found):
            print(
                f"This log is DAMAGED: {lost} committed entries after {found.index} are missing. Go on with another peer if there is one.",
                file=sys.stderr,
            )
        if lost and options.yes:
            raise RecoveryRefused("committed changes are missing in this log: without -y it asks whether to go on all the same")
        if not options.yes:
            print("Type RECOVER to go on: ", end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip() != "RECOVER":
                raise RecoveryRefused("nothing was done")
        invitation = asyncio.run(recovery.begin(state))
    return went_on(state, invitation)


def restore(state: Path, options: argparse.Namespace) -> Outcome:
    if not options.peer:
        raise RecoveryRefused("say as which peer of the pool this one begins (as PEER: id, name or address)")
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with recovery.stopped(state):
        invitation = asyncio.run(recovery.restore(state, needed(options), options.peer))
    return went_on(state, invitation)


def begun_at(state: Path) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime((state / identities.FILE).stat().st_mtime))


def went_on(state: Path, invitation: recovery.PoolInvitation, since: str = "") -> Outcome:
    """`since`: when it was begun, if that was another command."""
    file = state / recovery.INVITATION
    lines = [
        *(
            [f"This was begun already, at {since}, and the daemon has not been started since. Nothing was changed; it goes on so:"]
            if since
            else []
        ),
        f"This peer is a pool of one now ({invitation.pool_id}). Start its daemon: volumes and bricks are as they were.",
        f"On every other peer: copy {file} there (it is secret), stop the daemon, `gd2 cluster recover follow FILE`, start the daemon.",
        "Peers that are gone for good: `gd2 peer detach PEER force`, after their bricks were replaced.",
    ]
    return lines, {"pool": invitation.pool_id, "invitation": str(file), **({"begun-at": since} if since else {})}


def follow(state: Path, options: argparse.Namespace) -> Outcome:
    if options.peer:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with recovery.stopped(state):
        given_up = own_log(state)
        peer = recovery.follow(state, needed(options), options.peer)
    return [f"Peer {peer} follows the recovered pool. Start its daemon; delete the file.", *given_up], {"peer": peer}


def own_log(state: Path) -> list[str]:
    """What this peer's log of the old pool holds, for who wants to know what is given up with it."""
    try:
        _, found = recovery.look(state)
    except (RecoveryRefused, StorageError, IdentityError):
        return []
    return [
        f"Its old log (term {found.term}, index {found.index}, revision {found.frozen.revision}) is kept below {state / recovery.ARCHIVE}: "
        "what it holds and the pool that went on doesn't is given up."
    ]


def verify(state: Path, options: argparse.Namespace) -> Outcome:
    try:
        found = salvage.read_file(needed(options))
    except SnapshotCorrupt as error:
        raise RecoveryRefused(f"{options.file} {error.trouble}: it is no whole export. Make a new one: gd2 cluster export FILE") from error
    except OSError as error:
        raise RecoveryRefused(f"{options.file} can't be read: {error.strerror}") from error
    return ["The file is whole.", *lines_of(found)], described(found)


def needed(options: argparse.Namespace) -> Path:
    if options.file is None:
        raise RecoveryRefused("a file is needed")
    path: Path = options.file
    return path


_WORK = {"show": show, "begin": begin, "follow": follow, "restore": restore, "verify": verify}
