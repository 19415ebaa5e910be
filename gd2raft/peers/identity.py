"""Who this peer is and which pool it belongs to: one small file, replaced as a whole, is the only switch between pools.

`peer.json` (mode 0600) holds the identity, `auth` the secret of REST. The log of a pool lives in raft/POOL-ID, so that a crash
in the middle of joining or leaving leaves one pool or the other, never a mixture.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import uuid
from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from gd2raft.steps.durable import write_durably

FILE = "peer.json"
AUTH = "auth"
SECRET_DIGITS = 64
OTHERS = stat.S_IROTH | stat.S_IWOTH

log = structlog.get_logger("identity")


class IdentityError(Exception):
    """The identity can't be read or written: names the file and the way out."""


class Former(msgspec.Struct, frozen=True, kw_only=True):
    """A pool from which this peer's one went on (a recovery): its peers are told so with its key."""

    pool_id: str
    pool_key: str  # hex


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """`role`: founder (made this pool), invited (asked to join, hasn't seen itself in it yet), member."""

    peer_id: str
    pool_id: str
    pool_key: str  # hex
    role: str
    seeds: tuple[str, ...] = ()  # HOST:PORT of members, to begin with
    address: str = ""  # by which the pool knows this peer
    joined_index: int = 0  # of the log entry after which this peer has seen itself in the pool; 0: not yet
    former: tuple[Former, ...] | msgspec.UnsetType = msgspec.UNSET  # not written when there is none
    checksum: str = ""  # of the other fields

    def key(self) -> bytes:
        return bytes.fromhex(self.pool_key)

    def is_ours(self, pool_id: str) -> bool:
        """Whether it is this pool, or one from which this one went on."""
        former = () if self.former is msgspec.UNSET else self.former
        return pool_id == self.pool_id or any(pool.pool_id == pool_id for pool in former)


def new_identity() -> Identity:
    return Identity(peer_id=str(uuid.uuid4()), pool_id=str(uuid.uuid4()), pool_key=secrets.token_hex(32), role="founder")


def load(folder: Path) -> Identity | None:
    """The identity in `folder`, None when there is none yet. Raises IdentityError."""
    path = folder / FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IdentityError(f"{path} can't be read: {error.strerror}") from error
    try:
        identity = msgspec.json.decode(data, type=Identity)
        uuid.UUID(identity.peer_id)
        uuid.UUID(identity.pool_id)
        identity.key()
    except (msgspec.MsgspecError, ValueError) as error:
        raise IdentityError(damaged(path, str(error))) from error
    if identity.checksum != _checksum(identity):
        raise IdentityError(damaged(path, "its checksum is wrong"))
    return identity


def damaged(path: Path, why: str) -> str:
    return (
        f"{path} is damaged ({why}). Restore the file from a backup; or move the folder {path.parent} away, start the daemon "
        "again, and on another peer let it take the lost one's place, bricks included: gd2 peer replace PEER ADDRESS"
    )


def _checksum(identity: Identity) -> str:
    import hashlib

    text = msgspec.json.encode(msgspec.structs.replace(identity, checksum=""), order="deterministic")
    return hashlib.sha256(text).hexdigest()[:16]


def save(folder: Path, identity: Identity) -> Identity:
    """Write it durably. Raises IdentityError."""
    sealed = msgspec.structs.replace(identity, checksum=_checksum(identity))
    path = folder / FILE
    try:
        write_durably(path, msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n")
    except OSError as error:
        raise IdentityError(f"{path} can't be written: {error.strerror}; is the disk full?") from error
    return sealed


def load_secret(folder: Path, *, first_start: bool) -> str:
    """The secret of REST, made at first start. Raises IdentityError."""
    path = folder / AUTH
    try:
        text = path.read_text(errors="replace").strip()
    except FileNotFoundError:
        if first_start:
            return new_secret(folder)
        raise IdentityError(
            f"{path} is missing, and it is one for the whole pool. Copy the file from another peer; "
            "a peer that is alone in its pool may take any 64 hexadecimal digits (openssl rand -hex 32). "
            f"If {FILE} is lost too: move the folder away, start the daemon again, and on another peer: gd2 peer replace PEER ADDRESS"
        ) from None
    except OSError as error:
        raise IdentityError(f"{path} can't be read: {error.strerror}") from error
    if len(text) != SECRET_DIGITS or not all(c in "0123456789abcdef" for c in text):
        raise IdentityError(
            f"{path} is damaged: it should hold a secret of {SECRET_DIGITS} hexadecimal digits. Copy the file from another peer of the pool"
        )
    return text


def warn_if_open(paths: Iterable[Path]) -> None:
    """Say which of these files with secrets every user of the machine can get at."""
    for path in paths:
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & OTHERS:
                log.warning(
                    f"{path} holds a secret and is open to every user of this machine (mode {mode:o}): chmod 600 {path}; "
                    "whoever has read it can command the pool"
                )


def new_secret(folder: Path) -> str:
    secret = secrets.token_hex(32)
    save_secret(folder, secret)
    return secret


def save_secret(folder: Path, secret: str) -> None:
    try:
        write_durably(folder / AUTH, secret.encode() + b"\n")
    except OSError as error:
        raise IdentityError(f"{folder / AUTH} can't be written: {error.strerror}; is the disk full?") from error


def raft_folder(folder: Path, pool_id: str) -> Path:
    return folder / "raft" / pool_id


def forget_other_pools(folder: Path, pool_id: str) -> None:
    """Remove the logs of pools that this peer left."""
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(folder / "raft"):
            if entry.is_dir(follow_symlinks=False) and entry.name != pool_id:
                log.info("removing the log of a pool that this peer left", pool=entry.name)
                shutil.rmtree(entry.path, ignore_errors=True)
