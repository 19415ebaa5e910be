"""What heketi's operations do: which commands of the pool they need, in which order. What may be done is decided by those, not here.

Each can be begun anew after it was interrupted anywhere: commands are repeated under the same keys (work.py), and what is found done is not asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import msgspec

from gd2raft.commands.device_add import DeviceAdd
from gd2raft.commands.device_edit import DeviceEdit
from gd2raft.commands.device_remove import DeviceRemove
from gd2raft.commands.device_resync import DeviceResync
from gd2raft.commands.peer_add import PeerAdd
from gd2raft.commands.peer_edit import PeerEdit
from gd2raft.commands.peer_remove import PeerRemove
from gd2raft.commands.volume_clone import VolumeClone
from gd2raft.commands.volume_create import VolumeCreate
from gd2raft.commands.volume_delete import VolumeDelete
from gd2raft.commands.volume_expand import VolumeExpand
from gd2raft.commands.volume_replace_brick import VolumeReplaceBrick
from gd2raft.commands.volume_start import VolumeStart
from gd2raft.commands.volume_stop import VolumeStop
from gd2raft.core import devices, model
from gd2raft.core.devices import State, hex_of
from gd2raft.core.plan import CommandError, Failed, NotFound, Refused
from gd2raft.core.wording import counted
from gd2raft.rest.heketi.shapes import MANAGE
from gd2raft.rest.heketi.work import Operate, Work

EMPTY_S = 60.0
"""So long a device that is removed may still hold what its peer takes apart."""
ONLINE_S = 30.0
"""So long a new node is waited for: clients add devices to it next. Then it is told as made, for it is in the pool."""
NO_PROGRESS_S = 120.0
"""When for so long no brick was moved off a failed device, its client is told why; the pool goes on trying."""
LOOK_EVERY_S = 0.5


# nodes


async def node_add(work: Work) -> str:
    """`add`: a PeerAdd; `peer`: id of a peer that is in the pool already; `edit`: what heketi says of it."""
    identity = work.text("peer") or await _joined(work)
    edit = msgspec.convert(work.request["edit"], PeerEdit)
    await work.run("peer-edit", msgspec.structs.replace(edit, peer=identity))
    await _until(work, lambda: identity in work.api.online(), ONLINE_S)
    return f"/nodes/{hex_of(identity)}"


async def _joined(work: Work) -> str:
    request = msgspec.convert(work.request["add"], PeerAdd)
    known = [peer for address in request.addresses for peer in work.view().find_peers(address)]
    if known:
        return known[0].id  # it has joined before this was interrupted
    try:
        done = await work.run("peer-add", request)
    except Refused as error:
        if error.code == "is-self":
            return work.api.peer_id
        raise
    return str(done.result["peer"])


async def node_delete(work: Work) -> str:
    """The only peer stays, for it is its own pool; without its name it is no node."""
    peers = [peer.id for peer in work.view().peers()]
    if peers == [work.text("peer")]:
        await work.run("peer-edit", PeerEdit(peer=peers[0], metadata={MANAGE: ""}, state=State.ONLINE, tags={}))
    elif work.text("peer") in peers:
        await work.run("peer-remove", PeerRemove(peer=work.text("peer")))
    return ""


async def node_state(work: Work) -> str:
    """A failed peer's devices are failed too, and emptied."""
    peer, state = work.text("peer"), State(work.text("state"))
    await work.run("peer-edit", PeerEdit(peer=peer, state=state))
    if state is State.FAILED:
        mine = devices.of_peer(work.view(), peer)
        for device in mine:
            await work.run("device-edit", DeviceEdit(peer=peer, device=device.id, state=State.FAILED), about=device.id)
        for device in mine:
            await _emptied(work, device.id)
    return ""


# devices


async def device_add(work: Work) -> str:
    await work.run("device-add", msgspec.convert(work.request, DeviceAdd))
    return ""


async def device_delete(work: Work) -> str:
    peer, identity = work.text("peer"), work.text("device")
    force = bool(work.request.get("force"))
    if not force:
        await _until(work, lambda: not devices.spaces(work.view(), identity), EMPTY_S)
    if devices.find(work.view(), identity) is not None:
        await work.run("device-remove", DeviceRemove(peer=peer, device=identity, force=force))
    return ""


async def device_state(work: Work) -> str:
    peer, identity, state = work.text("peer"), work.text("device"), State(work.text("state"))
    await work.run("device-edit", DeviceEdit(peer=peer, device=identity, state=state))
    if state is State.FAILED:
        await _emptied(work, identity)
    return ""


async def device_resync(work: Work) -> str:
    await work.run("device-resync", DeviceResync(peer=work.text("peer"), device=work.text("device")))
    return ""


async def _emptied(work: Work, identity: str) -> None:
    """Wait until no brick is left on a failed device. Raises Failed with the reason when none was moved for a while."""
    loop = asyncio.get_running_loop()
    left, since = -1, loop.time()
    while True:
        view = work.view()
        device = devices.find(view, identity)
        now_left = sum(1 for space in devices.spaces(view, identity) if not space.leaving)
        if device is None or device.state is not State.FAILED or not now_left:
            return
        if now_left != left:
            left, since = now_left, loop.time()
        elif loop.time() - since > NO_PROGRESS_S:
            raise Failed(
                f"{counted(left, 'brick')} of device {device.path} could not be moved: {device.note or 'the pool is still at it'}",
                hint="it is tried again by itself; or add devices, or set it online again",
            )
        await _next(work)


async def brick_evict(work: Work) -> str:
    await work.run("volume-replace-brick", msgspec.convert(work.request, VolumeReplaceBrick))
    return ""


# volumes


async def volume_create(work: Work) -> str:
    return await _made(work, "volume-create", msgspec.convert(work.request, VolumeCreate), "new")


async def volume_clone(work: Work) -> str:
    return await _made(work, "volume-clone", msgspec.convert(work.request["clone"], VolumeClone), "cloned")


async def _made(work: Work, command: str, request: VolumeCreate | VolumeClone, which: str) -> str:
    made = work.view().volume(request.name)
    try:
        if made is None or made.id != request.identity:  # else it was made before this was interrupted, however long ago
            await work.run(command, request)
    except CommandError as error:
        if error.code == "no-space":
            error.message = f"Failed to allocate {which} volume: {error.message}"
        raise
    await _started_or_gone(work, request.name)
    return f"/volumes/{hex_of(request.identity)}"


async def _started_or_gone(work: Work, name: str) -> None:
    """A new volume is started; where that can't be, nothing is left of it."""
    try:
        await work.run("volume-start", VolumeStart(volume=name))
    except Refused as error:
        if error.code != "already-started":
            await work.run("volume-delete", VolumeDelete(volume=name), about="undo")
            raise
    except Failed:
        if started(work.view(), name):
            raise  # it is committed: the peers go on with what is missing of its effect
        await work.run("volume-delete", VolumeDelete(volume=name), about="undo")
        raise


def started(view: model.View, name: str) -> bool:
    volume = view.volume(name)
    return volume is not None and volume.state is model.VolumeState.STARTED


async def volume_expand(work: Work) -> str:
    request = msgspec.convert(work.request["expand"], VolumeExpand)
    try:
        await work.run("volume-expand", request)
    except CommandError as error:
        if error.code == "no-space":
            error.message = f"Failed to allocate volume expansion: {error.message}"
        raise
    return f"/volumes/{hex_of(work.text('volume'))}"


async def volume_delete(work: Work) -> str:
    name, identity = work.text("name"), work.text("volume")
    volume = work.view().volume(name)
    if volume is None or volume.id != identity:
        return ""  # another one may have its name by now
    with contextlib.suppress(NotFound):  # another request was quicker
        await work.run("volume-stop", VolumeStop(volume=name, force=True))
        await work.run("volume-delete", VolumeDelete(volume=name))
    return ""


async def cleanup(work: Work) -> str:
    """Operations of peers that are away are taken over by themselves (queue.py)."""
    return ""


async def _until(work: Work, holds: Callable[[], bool], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not holds() and loop.time() < until:
        await _next(work)


async def _next(work: Work) -> None:
    await asyncio.sleep(LOOK_EVERY_S)


KINDS: Mapping[str, Operate] = {
    "node-add": node_add,
    "node-delete": node_delete,
    "node-state": node_state,
    "device-add": device_add,
    "device-delete": device_delete,
    "device-state": device_state,
    "device-resync": device_resync,
    "brick-evict": brick_evict,
    "volume-clone": volume_clone,
    "volume-create": volume_create,
    "volume-expand": volume_expand,
    "volume-delete": volume_delete,
    "cleanup": cleanup,
}
