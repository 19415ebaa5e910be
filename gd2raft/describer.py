"""Volumes as gd2volgen wants them: from the replicated state, seen from one peer. It must not know processes or connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import gd2volgen
from gd2raft.core import model
from gd2volgen.description import BrickDescription, Description, Subvol, ThinArbiter

GLUSTER_TYPES = {
    "Distribute": "Distribute",
    "Replicate": "Replicate",
    "Disperse": "Disperse",
    "Dist-Replicate": "Distributed-Replicate",
    "Dist-Disperse": "Distributed-Disperse",
}


class Describer:
    """Volumes as gd2volgen wants them, seen from one peer."""

    def __init__(self, view: model.View, peer_id: str, workdir: str) -> None:
        self._view, self._peer_id, self._workdir = view, peer_id, workdir
        self._hosts: dict[str, str] = {}
        self._sharing: dict[str, int] | None = None

    def host(self, peer_id: str) -> str:
        if peer_id not in self._hosts:
            self._hosts[peer_id] = self._view.host(peer_id)
        return self._hosts[peer_id]

    def brick_ids(self, volume: str, path: str) -> tuple[str, ...]:
        """Ids of a brick of this peer, as volfiles are asked for: they have the host's name in them. The present one, then former ones."""
        peer = self._view.peer(self._peer_id)
        hosts = (self.host(self._peer_id), *(peer.former if peer else ()))
        return tuple(f"{volume}.{gd2volgen.brick_file_stem(host, path)}" for host in hosts)

    def describe(self, volume: model.Volume) -> Description:
        return Description(
            peer=self.host(self._peer_id),
            name=volume.name,
            id=volume.id,
            type=GLUSTER_TYPES[volume.type_name],  # type: ignore[arg-type]
            state=volume.state.value,
            transport="tcp",
            username=volume.username,
            password=volume.password,
            op_version=model.OP_VERSION,
            quota_version=volume.quota_version,
            origin=volume.origin,
            workdir=self._workdir,
            options={**self._pool_options(), **volume.options},
            subvols=tuple(self._subvol(s) for s in volume.subvols),
        )

    def _pool_options(self) -> Mapping[str, str]:
        return self._view.global_options()

    def _subvol(self, subvol: model.Subvolume) -> Subvol:
        thin = subvol.thin_arbiter
        return Subvol(
            type=subvol.type.value,
            bricks=tuple(self._brick(b) for b in subvol.bricks),
            replica_count=subvol.replica_count,
            arbiter_count=subvol.arbiter_count,
            disperse_count=subvol.disperse_count,
            redundancy_count=subvol.redundancy_count,
            thin_arbiter=None if thin is None else ThinArbiter(host=self.host(thin.peer_id) if thin.peer_id else thin.host, path=thin.path),
        )

    def _brick(self, brick: model.Brick) -> BrickDescription:
        return BrickDescription(
            host=self.host(brick.peer_id),
            path=brick.path,
            index=brick.index,
            type="arbiter" if brick.type is model.BrickType.ARBITER else None,
            decommissioned=brick.decommissioned,
            shared_brick_count=self._shared(brick),
        )

    def _shared(self, brick: model.Brick) -> int:
        """Bricks of this peer on the same file system; 0 for bricks of other peers (facts/glusterfs.md 1.1)."""
        if brick.peer_id != self._peer_id:
            return 0
        if self._sharing is None:
            claims = self._view.brick_claims(self._peer_id)
            counts = Counter(c.fsid for c in claims.values())
            self._sharing = {path: counts[c.fsid] if c.fsid else 1 for path, c in claims.items()}
        return self._sharing.get(brick.path, 1)
