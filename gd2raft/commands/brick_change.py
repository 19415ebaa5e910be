"""What replace-brick and reset-brick have in common: finding the brick, and who can fill the one that takes its place. PURE."""

from __future__ import annotations

import msgspec

from gd2raft.commands.step_kinds import BLAME_BRICK, FOLLOW_VOLUME, KEEP_HEALING, BlameBrick, FollowVolume, KeepHealing
from gd2raft.commands.volume_create import normalise
from gd2raft.core import model, plan
from gd2raft.core.plan import Refused, View
from gd2raft.core.wording import counted


class Position(msgspec.Struct, frozen=True):
    """A brick in its volume: subvolume `number` has it."""

    brick: model.Brick
    subvol: model.Subvolume
    number: int

    @property
    def others(self) -> tuple[model.Brick, ...]:
        return tuple(b for b in self.subvol.bricks if b.id != self.brick.id)


def find(view: View, volume: model.Volume, peer_text: str, path: str) -> Position:
    """The brick of the volume; its peer may be given by id, name or address (a former one too), also when it is dead. Raises Refused."""
    peer, clean = view.find_owner(peer_text), normalise(path)
    for number, subvol in enumerate(volume.subvols):
        for brick in subvol.bricks:
            if peer is not None and brick.peer_id == peer.id and brick.path == clean:
                return Position(brick, subvol, number)
    raise Refused(
        f"brick {peer_text}:{path} is not a brick of volume {volume.name}", hint=f"gd2 volume info {volume.name}", code="no-such-brick"
    )


def check_redundant(volume: model.Volume, what: str) -> None:
    if volume.kind == "distribute":
        raise Refused(
            f"{what} is not possible on a distribute volume: no other brick has its files",
            hint=f"add-brick, then remove-brick start and commit: gd2 volume add-brick {volume.name} ...",
            code="not-redundant",
        )


def others_needed(position: Position) -> int:
    """How many of the other bricks must serve, so that the new one can be filled."""
    subvol = position.subvol
    if subvol.type is model.SubvolumeType.DISPERSE:
        return subvol.disperse_count - subvol.redundancy_count
    return 1


def sources(position: Position) -> tuple[model.Brick, ...]:
    """The bricks that the new one can be filled from: with data, and not away themselves."""
    return tuple(b for b in position.others if b.type is model.BrickType.BRICK and not b.reset)


def check_sources(view: View, volume: model.Volume, position: Position) -> None:
    """Raises Refused when too few peers with good copies are in sight."""
    online = [b for b in sources(position) if b.peer_id in view.online]
    if len(online) < others_needed(position):
        raise Refused(
            f"brick {position.brick.path} of volume {volume.name} can't be filled: online are {counted(len(online), 'peer')} with other bricks of its set, "
            f"{others_needed(position)} are needed",
            hint="start their daemons first; `gd2 peer status` shows who is online",
            code="peer-offline",
        )


def blame(volume: model.Volume, position: Position, peer_id: str, path: str) -> plan.Step:
    """The step on the new brick's peer that makes the good copies remember what the new brick lacks."""
    return BLAME_BRICK.at(
        peer_id,
        BlameBrick(
            volume=volume.name,
            path=path,
            index=position.brick.index,
            subvolume=f"{volume.name}-{position.subvol.type.value}-{position.number}",
            others=[b.index for b in sources(position)],
            others_min=others_needed(position),
            replicate=position.subvol.type is model.SubvolumeType.REPLICATE,
        ),
    )


def with_brick(volume: model.Volume, old: model.Brick, new: model.Brick) -> model.Volume:
    """The volume with `new` in the place of `old`."""
    subvols = tuple(
        msgspec.structs.replace(s, bricks=tuple(new if b.id == old.id else b for b in s.bricks)) if old in s.bricks else s
        for s in volume.subvols
    )
    return msgspec.structs.replace(volume, subvols=subvols)


def follow(peer_ids: tuple[str, ...], volume: model.Volume) -> plan.Barrier:
    """Wait until these peers have done what the state says; one that is down does it when it returns."""
    return tuple(FOLLOW_VOLUME.at(p, FollowVolume(volume=volume.name), must=False) for p in dict.fromkeys(peer_ids))


def heal(volume: model.Volume) -> plan.Barrier:
    return tuple(KEEP_HEALING.at(p, KeepHealing(volume=volume.name), must=False) for p in volume.peer_ids())
