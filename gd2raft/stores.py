"""Where the configuration says that the pool's state is kept: opens an etcd store for a pool, and says whether this peer can join one.

The Raft store is opened by tenure.py, which has the network for it. What belongs to etcd is imported only by those who use it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from gd2raft import services
from gd2raft.config import Config
from gd2raft.core import model
from gd2raft.peers.identity import Identity
from gd2raft.store.interface import StoreError

if TYPE_CHECKING:
    import ssl

    from gd2raft.member import PoolStore
    from gd2raft.store.etcd.store import EtcdStore, Settings

MARK = "in-etcd"
"""A file in the folder of a pool's log that says: there is none, the pool is in etcd."""
OURS = (MARK, "lock", "copy", "copy.tmp")
"""What a pool in etcd has in that folder."""
NO_MOVE = "A pool can't be moved from one to the other: set `store` back, or give this peer a new localstatedir and let it join again"

log = structlog.get_logger("stores")


def check_folder(folder: Path, store: str) -> None:
    """Raise StoreError when the pool with this log folder keeps its state elsewhere than `store`."""
    in_etcd = (folder / MARK).exists()
    if store == "raft" and in_etcd:
        raise StoreError(f'{folder}: this peer\'s pool is kept in etcd, and the configuration says store = "raft". {NO_MOVE}')
    if store == "etcd" and not in_etcd and any(path.name not in OURS for path in folder.glob("*")):
        raise StoreError(f'{folder}: this peer\'s pool is kept in a Raft log, and the configuration says store = "etcd". {NO_MOVE}')


async def open_etcd(
    config: Config, identity: Identity, folder: Path, *, on_change: Callable[[], None], on_fatal: Callable[[Exception], None]
) -> EtcdStore:
    """The pool of this identity. Its founder makes it there, once. Raises StoreError."""
    from gd2raft.store.etcd.store import EtcdStore, Links
    from gd2raft.store.raft.disk import RealDisk

    key, mark = model.peer_key(identity.peer_id), folder / MARK
    links = Links(may_lead=lambda store: store.get(key) is not None, on_change=on_change, on_fatal=on_fatal)
    create = identity.role == "founder" and not mark.exists()
    store = await EtcdStore.open(
        identity.peer_id, identity.pool_id, settings(config), links, create=create, tls=tls(config), disk=RealDisk(folder)
    )
    mark.touch()
    return store


def settings(config: Config) -> Settings:
    """Raises StoreError."""
    from gd2raft.store.etcd.gateway import BadEndpoint
    from gd2raft.store.etcd.store import Settings, endpoints

    try:
        found = endpoints([text.strip() for text in config.etcdendpoints.split(",") if text.strip()])
    except BadEndpoint as error:
        raise StoreError(f"etcdendpoints: {error}") from error
    return Settings(endpoints=found, prefix=config.etcdprefix)


def tls(config: Config) -> ssl.SSLContext | None:
    """None when no endpoint needs it. Raises StoreError."""
    if "https://" not in config.etcdendpoints:
        return None
    import ssl

    try:
        context = ssl.create_default_context(cafile=config.etcdcafile or None)
        if config.etcdcertfile:
            context.load_cert_chain(config.etcdcertfile, config.etcdkeyfile)
    except OSError as error:  # an SSLError is one too
        names = " ".join(name for name in (config.etcdcafile, config.etcdcertfile, config.etcdkeyfile) if name)
        raise StoreError(f"the certificates for etcd ({names}) can't be used: {error.strerror or error}") from error
    return context


async def unfit(config: Config, invitation: services.Invitation) -> str:
    """Why this peer can't be in the pool that invites it ("" when it can)."""
    if invitation.store != config.store:
        return differs(config.store, invitation.store)
    if config.store != "etcd":
        return ""
    from gd2raft.store.etcd.store import holds

    try:
        there = await holds(invitation.pool_id, settings(config), tls(config))
    except StoreError as error:
        return str(error)
    return "" if there else f"its etcd ({config.etcdendpoints}) does not hold that pool: is it another etcd, or another etcdprefix?"


def differs(theirs: str, ours: str) -> str:
    return f"it is configured with store = {theirs}, the pool with store = {ours}: they must be the same"


async def forget(store: PoolStore, folder: Path) -> None:
    """Take a pool that its only peer has left out of etcd. The store is closed."""
    if not (folder / MARK).exists():
        return
    from gd2raft.store.etcd.store import EtcdStore

    assert isinstance(store, EtcdStore)
    with contextlib.suppress(StoreError):
        await store.destroy()
        log.info("removed from etcd the pool that its last peer left", pool=store.pool)
