"""The daemons that a volume has on each of its peers, beside the bricks: glusterd's names for them, and when they belong to it. PURE."""

from __future__ import annotations

import msgspec

from gd2raft.core import model


class Beside(msgspec.Struct, frozen=True):
    """`key`: of its process. `option`: without which a daemon of several volumes is not this one's."""

    name: str
    key: str
    option: str = ""

    def has(self, volume: model.Volume) -> bool:
        """Whether the volume, started, has it on each of its peers."""
        return volume.options.get(self.option) == "on" if self.option else volume.kind != "distribute"


BESIDE = (
    Beside("Self-heal Daemon", "shd/{volume}"),
    Beside("Quota Daemon", "gluster/quotad", "features.quota"),
    Beside("Bitrot Daemon", "gluster/bitd", "features.bitrot"),
    Beside("Scrubber Daemon", "gluster/scrub", "features.bitrot"),
)


def expected(volume: model.Volume) -> list[str]:
    """Names of those that should run on a peer of the volume."""
    return [beside.name for beside in BESIDE if beside.has(volume)] if volume.state is model.VolumeState.STARTED else []
