"""Disaster recovery of a peer whose daemon is stopped: going on alone with what its folder holds, following a pool that did, restoring.

The pool that goes on is a new one (id and key), so that no peer of the old one can vote in it or be counted: its peers keep their ids,
names and bricks, and take part again with the invitation that is written here. One write of peer.json decides, as when joining; what fails before it
leaves the folder as it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gd2raft.core import model
from gd2raft.core.kv import Commit, Frozen, Items, KeyValueState, Operation, Put
from gd2raft.peers import herald
from gd2raft.peers import identity as identities
from gd2raft.peers.identity import Former, Identity, IdentityError, raft_folder
from gd2raft.steps.durable import write_durably
from gd2raft.store.raft import salvage
from gd2raft.store.raft.disk import FULL, DiskFull
from gd2raft.store.raft.errors import StorageError
from gd2raft.store.raft.salvage import Salvaged

INVITATION, ARCHIVE, IN_ETCD = "recovered-pool.json", "left", "in-etcd"
FORMER_MAX = 16


class RecoveryRefused(Exception):
    """It can't be done with this folder or file: says why, and what to do."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A peer that the pool knows."""

    id: str
    name: str
    address: str


class PoolInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer needs to follow the pool that goes on. Secret."""

    pool_id: str
    pool_key: str
    secret: str
    seeds: tuple[str, ...]
    former: tuple[Former, ...]  # pools that this one goes on from
    peers: tuple[Known, ...]
    checksum: str = ""


@contextlib.contextmanager
def stopped(state: Path) -> Iterator[None]:
    """Keep daemons away from the folder. Raises RecoveryRefused when one runs."""
    if not state.is_dir():
        raise RecoveryRefused(f"{state} is no folder: name the daemon's configuration with config FILE")
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise RecoveryRefused(f"a daemon uses {state}: stop it first (its bricks run on)") from None
    finally:
        os.close(descriptor)


def look(state: Path) -> tuple[Identity, Salvaged]:
    """Who this peer is, and what its log holds. Raises RecoveryRefused, IdentityError, StorageError."""
    identity = identities.load(state)
    if identity is None:
        raise RecoveryRefused(f"{state} holds no peer: there is no {identities.FILE}")
    folder = raft_folder(state, identity.pool_id)
    if (folder / IN_ETCD).exists():
        raise RecoveryRefused("this pool keeps its state in etcd: recover that (etcdctl snapshot restore)")
    return identity, salvage.read_folder(folder, identity.peer_id)


async def begin(state: Path) -> PoolInvitation:
    """Make this peer a pool of one with all that its log holds. Raises what look() does."""
    identity, found = look(state)
    check_not_recovered(state, identity.pool_id)
    secret = identities.load_secret(state, first_start=False)
    former = (Former(pool_id=identity.pool_id, pool_key=identity.pool_key), *(identity.former or ()))[:FORMER_MAX]
    return await _go_on(state, found, identity.peer_id, identity.address, secret, former)


def begun(state: Path, identity: Identity, found: Salvaged) -> PoolInvitation | None:
    """The invitation of a recovery that was begun on this peer and whose daemon has written nothing since; made again if it is lost."""
    if found.voters != (identity.peer_id,) or found.index != identity.joined_index:
        return None
    with contextlib.suppress(RecoveryRefused):
        invitation = read_invitation(state / INVITATION)
        if invitation.pool_id == identity.pool_id:
            return invitation
    if not identity.former:
        return None
    secret = identities.load_secret(state, first_start=False)
    return _invite(state, identity, secret, peers_of(found.frozen))


def check_not_recovered(state: Path, pool_id: str) -> None:
    """Raises RecoveryRefused when this peer was told that its pool goes on elsewhere: a second one would be a second truth."""
    way_out = f"To give that one up, and go on with what this peer has, remove {state / herald.TOLD} first"
    try:
        news = herald.remembered(state, pool_id)
    except (OSError, msgspec.MsgspecError) as error:
        raise RecoveryRefused(
            f"{state / herald.TOLD}, which says that this pool goes on elsewhere, can't be read ({error}). {way_out}"
        ) from error
    if news is not None:
        raise RecoveryRefused(
            f"this peer was told that its pool goes on as {news.pool}, begun by peer {news.by}: follow that one "
            f"(gd2 cluster recover follow, with {INVITATION} from that peer's state folder). {way_out}"
        )


async def restore(state: Path, file: Path, text: str) -> PoolInvitation:
    """Make a pool of one of an exported log snapshot, in an empty folder, as the peer that `text` names (id, name or address)."""
    if not (state / identities.FILE).exists():
        _sweep(state)
    if (state / identities.FILE).exists() or any((state / "raft").glob("*/*")):
        raise RecoveryRefused(f"{state} holds a peer already, nothing is overwritten: move the folder away, or name another one")
    found = salvage.read_file(file)
    peer = _named(peers_of(found.frozen), text)
    return await _go_on(state, found, peer.id, peer.address, "", ())


def _sweep(state: Path) -> None:
    """Remove what a restore left that was killed."""
    for mark in (state / "raft").glob(f"*/{salvage.UNFINISHED}"):
        shutil.rmtree(mark.parent)


async def _go_on(state: Path, found: Salvaged, peer_id: str, address: str, secret: str, former: tuple[Former, ...]) -> PoolInvitation:
    """`secret`: "" for a new one."""
    known = peers_of(found.frozen)
    if all(peer.id != peer_id for peer in known):
        raise RecoveryRefused(f"the state that was found does not know the peer {peer_id}: it can't go on with it")
    pool_id, key = str(uuid.uuid4()), secrets.token_hex(32)
    frozen = salvage.changed(found.frozen, lambda old: _renamed(old, pool_id))
    member = Identity(
        peer_id=peer_id,
        pool_id=pool_id,
        pool_key=key,
        role="member",
        address=address,
        joined_index=max(1, found.index),
        former=former or msgspec.UNSET,
    )
    folder = raft_folder(state, pool_id)
    with _all_or_nothing(state, pool_id) as made:
        made.append(folder)
        await salvage.plant(folder, pool_id, peer_id, found.index, found.term, frozen)
        invitation = _invite(state, member, secret or identities.new_secret(state), known)
        for one in former:
            archive(state, one.pool_id, made)
        (folder / salvage.UNFINISHED).unlink()
        identities.save(state, member)
    return invitation


def _invite(state: Path, member: Identity, secret: str, known: tuple[Known, ...]) -> PoolInvitation:
    """Write the invitation to the pool of `member`, who is alone in it. Raises OSError."""
    invitation = PoolInvitation(
        pool_id=member.pool_id,
        pool_key=member.pool_key,
        secret=secret,
        seeds=tuple(peer.address for peer in known if peer.id == member.peer_id),
        former=member.former or (),
        peers=known,
    )
    write_durably(state / INVITATION, msgspec.json.format(msgspec.json.encode(_sealed(invitation)), indent=1) + b"\n")
    return invitation


@contextlib.contextmanager
def _all_or_nothing(state: Path, pool_id: str) -> Iterator[list[Path]]:
    """When what is done fails before peer.json names the pool, the secret and the invitation are as before, and the folders that were put into
    the list are gone. What the disk says is raised as StorageError."""
    files = (state / INVITATION, state / identities.AUTH)
    before = {file: _second_name(file) for file in files}
    made: list[Path] = []
    try:
        yield made
    except BaseException as error:
        if not _gone_over(state, pool_id):
            _take_back(state, before, made)
        if (trouble := disk_trouble(error)) is not None:
            raise StorageError(told(trouble, state)) from error
        raise
    for kept in before.values():
        if kept is not None:
            kept.unlink()


def _second_name(file: Path) -> Path | None:
    """Needs no space, as a copy would. None: there is no such file."""
    kept = file.with_name(f".{file.name}.before")
    kept.unlink(missing_ok=True)
    try:
        os.link(file, kept)
    except FileNotFoundError:
        return None
    return kept


def _gone_over(state: Path, pool_id: str) -> bool:
    try:
        identity = identities.load(state)
    except IdentityError:
        return True  # unreadable: nothing is removed that it may name
    return identity is not None and identity.pool_id == pool_id


def _take_back(state: Path, before: dict[Path, Path | None], made: list[Path]) -> None:
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)
    for parent in ("raft", ARCHIVE):
        with contextlib.suppress(OSError):
            (state / parent).rmdir()
    for file, kept in before.items():
        with contextlib.suppress(OSError):
            if kept is None:
                file.unlink()
            else:
                kept.replace(file)
                kept.unlink(missing_ok=True)  # a rename of two names of one file does nothing


def disk_trouble(error: BaseException) -> OSError | None:
    """What the disk said, if that is what went wrong."""
    cause = error.__cause__ if isinstance(error, DiskFull | IdentityError) else error
    return cause if isinstance(cause, OSError) else None


def told(trouble: OSError, state: Path) -> str:
    if trouble.errno in FULL:
        return f"{state} has no space left ({trouble.strerror}). Nothing was changed: make room there, and repeat the command"
    return f"{trouble.filename or state} can't be written: {trouble.strerror}. Nothing was changed"


def follow(state: Path, file: Path, text: str = "") -> str:
    """Take part in the pool that went on, under the old id: this peer's, or the one that `text` names in an empty folder. The id."""
    invitation = read_invitation(file)
    identity = identities.load(state)
    if identity is None and not text:
        raise RecoveryRefused(f"{state} holds no peer: say which one this shall be (as PEER)")
    if identity is not None and text and identity.peer_id != _named(invitation.peers, text).id:
        raise RecoveryRefused(f"{state} holds the peer {identity.peer_id}: it can't become another one")
    peer = _named(invitation.peers, identity.peer_id if identity is not None else text)
    if identity is not None and identity.pool_id == invitation.pool_id:
        raise RecoveryRefused("this peer is in that pool already: start its daemon")
    if identity is not None and all(identity.pool_id != pool.pool_id for pool in invitation.former):
        raise RecoveryRefused(f"this peer is in the pool {identity.pool_id}, from which that one does not go on: nothing was changed")
    joined = Identity(
        peer_id=peer.id,
        pool_id=invitation.pool_id,
        pool_key=invitation.pool_key,
        role="invited",
        seeds=invitation.seeds,
        address=peer.address,
        former=invitation.former or msgspec.UNSET,
    )
    with _all_or_nothing(state, invitation.pool_id) as made:
        identities.save_secret(state, invitation.secret)
        if identity is not None:
            archive(state, identity.pool_id, made)
        identities.save(state, joined)
    (state / herald.TOLD).unlink(missing_ok=True)
    return peer.id


def archive(state: Path, pool_id: str, made: list[Path]) -> None:
    """Give the log of a pool a second name: the next start removes what is left of pools that this peer is not in. Its folder is put into `made`."""
    source = raft_folder(state, pool_id)
    if not source.is_dir():
        return
    target = state / ARCHIVE / f"{pool_id}-{time.strftime('%Y%m%d-%H%M%S')}"
    if not target.exists():
        made.append(target)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for entry in source.iterdir():
        if entry.is_file():
            with contextlib.suppress(FileExistsError):
                os.link(entry, target / entry.name)


def read_invitation(file: Path) -> PoolInvitation:
    try:
        invitation = msgspec.json.decode(file.read_bytes(), type=PoolInvitation)
    except OSError as error:
        raise RecoveryRefused(f"{file} can't be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise RecoveryRefused(f"{file} is no invitation of a recovered pool ({error}): copy {INVITATION} from its state folder") from error
    if _sealed(invitation).checksum != invitation.checksum:
        raise RecoveryRefused(f"{file} is damaged: its checksum is wrong. Copy {INVITATION} again")
    return invitation


def peers_of(frozen: Frozen) -> tuple[Known, ...]:
    return tuple(Known(id=p.id, name=p.name, address=p.addresses[0]) for p in model.View(Items(frozen.items)).peers())


def volumes_of(frozen: Frozen) -> list[str]:
    return [volume.name for volume in model.View(Items(frozen.items)).volumes()]


def _named(peers: tuple[Known, ...], text: str) -> Known:
    found = [p for p in peers if text in (p.id, p.name, p.address, p.address.rpartition(":")[0])]
    if len(found) != 1:
        names = ", ".join(p.name for p in peers[:10])
        raise RecoveryRefused(f"the pool knows {len(found) or 'no'} peer{'s' * (len(found) != 1)} {text!r}; its peers: {names}")
    return found[0]


def _renamed(state: KeyValueState, pool_id: str) -> Operation:
    item = state.get(model.CLUSTER)
    if item is None:
        raise RecoveryRefused("the state that was found has no record of a pool")
    cluster = msgspec.structs.replace(model.load(model.CLUSTER, item.value, model.Cluster), id=pool_id)
    return Operation(commit=Commit(put=(Put(model.CLUSTER, model.dump(cluster, item.value)),)))


def _sealed(invitation: PoolInvitation) -> PoolInvitation:
    text = msgspec.json.encode(msgspec.structs.replace(invitation, checksum=""), order="deterministic")
    return msgspec.structs.replace(invitation, checksum=hashlib.sha256(text).hexdigest()[:16])
