"""What heketi's clients change: nodes, devices, volumes. A handler checks what can be told at once, and makes an operation of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gd2raft.commands.device_add import DeviceAdd
from gd2raft.commands.device_tags import DeviceTags, tags_after
from gd2raft.commands.peer_add import PeerAdd
from gd2raft.commands.peer_edit import PeerEdit
from gd2raft.commands.volume_expand import VolumeExpand
from gd2raft.commands.volume_replace_brick import VolumeReplaceBrick
from gd2raft.core import devices, heketi, model
from gd2raft.core.devices import State, hex_of
from gd2raft.core.kv import Expect
from gd2raft.core.plan import Conflict, NotFound, Refused, Request
from gd2raft.rest.api import RequestContext
from gd2raft.rest.call import Call
from gd2raft.rest.heketi import requests, shapes
from gd2raft.rest.heketi.bodies import parse
from gd2raft.rest.heketi.queue import Queue
from gd2raft.rest.heketi.reads import device_of, found_in, node_of, volume_of
from gd2raft.rest.heketi.texts import Invalid, json_reply
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import Endpoint

STATE_S = 30.0
DISKS, MEMORY = "/dev/", "/dev/shm/"


class Writes:
    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    # nodes

    async def add_node(self, call: Call) -> Reply:
        """A peer of the pool that heketi's clients never added (the first one, at least) is adopted: it gets zone and names."""
        body = parse(requests.NodeAdd, await call.body(any_type=True))
        requests.check_node(body)
        if body.cluster.lower() != hex_of(call.api.cluster_id()):
            raise NotFound("Cluster id does not exist")
        manage, names = body.hostnames.manage[0], list(dict.fromkeys((*body.hostnames.storage, *body.hostnames.manage)))
        known = member_of(call.view(), names)
        if known is not None and shapes.managed(known):
            raise Conflict(f"Hostname {names[0]} is already used by node with id {hex_of(known.id)}")
        zone, metadata = str(body.zone), {shapes.MANAGE: manage}
        request = {
            "peer": known.id if known is not None else "",
            "add": requests.as_data(PeerAdd(addresses=names, zone=zone, metadata=metadata)),
            "edit": requests.as_data(PeerEdit(peer="", zone=zone, metadata=metadata, tags=body.tags)),
        }
        return await self._queue.submit(call, "node-add", request)

    async def delete_node(self, call: Call) -> Reply:
        peer = await node_of(call)
        if found := devices.of_peer(call.view(), peer.id):
            raise Conflict(f"Unable to delete node {hex_of(peer.id)} because it contains {len(found)} devices", hint="delete them first")
        if peer.id == call.api.peer_id and len(call.view().peers()) > 1:
            raise Conflict("a peer can't remove itself from the pool", hint="ask another peer")
        return await self._queue.submit(call, "node-delete", {"peer": peer.id})

    async def set_node_state(self, call: Call) -> Reply:
        peer = await node_of(call)
        state = requests.check_state(parse(requests.StateChange, await call.body(any_type=True)))
        check_offline_first(State(peer.state), state, f"node {hex_of(peer.id)}")
        return await self._queue.submit(call, "node-state", {"peer": peer.id, "state": state.value})

    async def tag_node(self, call: Call) -> Reply:
        peer = await node_of(call)
        body = parse(requests.TagsChange, await call.body(any_type=True))
        requests.check_tags_change(body)
        key = model.peer_key(peer.id)
        item = call.view().reader.get(key)
        tags = tags_after(peer.tags, body.change_type, body.tags)
        await run_now(call, "peer-edit", PeerEdit(peer=peer.id, tags=tags), (Expect(key, item.modified),) if item is not None else ())
        return json_reply(tags)

    # devices

    async def add_device(self, call: Call) -> Reply:
        """/dev/NAME is a disk for LVM; another path, and what is in /dev/shm, a folder for files on loop devices."""
        body = parse(requests.DeviceAddBody, await call.body(any_type=True))
        requests.check_device(body)
        identity = heketi.uuid_of(body.node)
        try:
            peer = await found_in(call, lambda view: view.peer(identity))
        except NotFound:
            raise NotFound("Node id does not exist") from None
        if any(device.path == body.name.rstrip("/") for device in devices.of_peer(call.view(), peer.id)):
            raise Conflict(f"Device {body.name} is already used on node {body.node}")
        provisioner: devices.Provisioner = "lvm" if body.name.startswith(DISKS) and not body.name.startswith(MEMORY) else "loop"
        request = DeviceAdd(peer=peer.id, device=body.name, provisioner=provisioner, tags=body.tags)
        return await self._queue.submit(call, "device-add", requests.as_data(request))

    async def delete_device(self, call: Call) -> Reply:
        device = await device_of(call)
        data = await call.body(any_type=True)
        force = parse(requests.DeviceDelete, data).forceforget if data.strip() else False
        if bricks := [space for space in devices.spaces(call.view(), device.id) if not space.leaving]:
            raise Conflict(f"Unable to delete device {device.id} because it contains {len(bricks)} bricks")
        if device.state is not State.FAILED:
            raise Refused("device is not in failed state", hint="set it offline, then failed")
        return await self._queue.submit(call, "device-delete", {"peer": device.peer_id, "device": device.id, "force": force})

    async def set_device_state(self, call: Call) -> Reply:
        device = await device_of(call)
        state = requests.check_state(parse(requests.StateChange, await call.body(any_type=True)))
        check_offline_first(device.state, state, f"device {device.id}")
        return await self._queue.submit(call, "device-state", {"peer": device.peer_id, "device": device.id, "state": state.value})

    async def resync_device(self, call: Call) -> Reply:
        """The one GET that begins an operation."""
        device = await device_of(call)
        return await self._queue.submit(call, "device-resync", {"peer": device.peer_id, "device": device.id})

    async def tag_device(self, call: Call) -> Reply:
        device = await device_of(call)
        body = parse(requests.TagsChange, await call.body(any_type=True))
        requests.check_tags_change(body)
        change = msgspec.convert(
            {"peer": device.peer_id, "device": device.id, "change-type": body.change_type, "tags": body.tags}, DeviceTags
        )
        await run_now(call, "device-tags", change)
        after = devices.find(call.view(), device.id)
        return json_reply(after.tags if after is not None else {})

    async def evict_brick(self, call: Call) -> Reply:
        volume, brick = await found_in(call, lambda view: brick_of(view, call.fields["id"]))
        request = VolumeReplaceBrick(volume=volume.name, src_peerid=brick.peer_id, src_brickpath=brick.path)
        return await self._queue.submit(call, "brick-evict", requests.as_data(request))

    # volumes

    async def create_volume(self, call: Call) -> Reply:
        body = parse(requests.VolumeCreateBody, await call.body(any_type=True))
        request = requests.volume_create(body, self._queue.new_uuid(call), hex_of(call.api.cluster_id()))
        if not heketi.settings(call.view()).file:
            raise Refused(
                f"Failed to allocate new volume: cluster {hex_of(call.api.cluster_id())} does not support file volumes",
                hint="set its flag file",
                http=500,
            )
        return await self._queue.submit(call, "volume-create", requests.as_data(request))

    async def expand_volume(self, call: Call) -> Reply:
        volume = await volume_of(call)
        size = parse(requests.VolumeExpandBody, await call.body(any_type=True)).expand_size
        requests.check_size("expand_size", size)
        request = VolumeExpand(volume=volume.name, size=size * shapes.GIB)
        return await self._queue.submit(call, "volume-expand", {"volume": volume.id, "expand": requests.as_data(request)})

    async def delete_volume(self, call: Call) -> Reply:
        volume = await volume_of(call)
        return await self._queue.submit(call, "volume-delete", {"volume": volume.id, "name": volume.name})

    async def clone_volume(self, call: Call) -> Reply:
        source = await volume_of(call)
        body = parse(requests.CloneBody, await call.body(any_type=True))
        request = requests.volume_clone(body, source.name, self._queue.new_uuid(call))
        return await self._queue.submit(call, "volume-clone", {"volume": source.id, "clone": requests.as_data(request)})

    # operations

    async def cleanup(self, call: Call) -> Reply:
        data = await call.body(any_type=True)
        body = parse(requests.Cleanup, data) if data.strip() else requests.Cleanup()
        if len(body.operations) > 32:
            raise Invalid("operations: at most 32 ids are possible")
        return await self._queue.submit(call, "cleanup", {})

    def endpoints(self) -> list[Endpoint]:
        def post(path: str, name: str, handler: Any, request: Any, summary: str, **more: Any) -> Endpoint:
            given: dict[str, Any] = {"method": "POST", "status": 202, "errors": (409, 422, 429, 501), **more}
            return Endpoint(path=path, name=name, handler=handler, request=request, summary=summary, **given)

        def delete(path: str, name: str, handler: Any, summary: str) -> Endpoint:
            return post(path, name, handler, None, summary, method="DELETE")

        node, device, volume = "/nodes/{id}", "/devices/{id}", "/volumes/{id}"
        tags: dict[str, Any] = {"status": 200, "reply": dict[str, str], "errors": (409, 422)}
        return [
            post("/nodes", "node-add", self.add_node, requests.NodeAdd, "Let a peer join the pool, or name one that is in it."),
            delete(node, "node-delete", self.delete_node, "Let a peer without devices leave the pool; the only one forgets its name."),
            post(
                f"{node}/state",
                "node-state",
                self.set_node_state,
                requests.StateChange,
                "failed: the bricks of its devices are moved away.",
            ),
            post(f"{node}/tags", "node-tags", self.tag_node, requests.TagsChange, "The tags of a node hold for its devices.", **tags),
            post(
                "/devices",
                "device-add",
                self.add_device,
                requests.DeviceAddBody,
                "A disk (/dev/NAME), or a folder for files on loop devices.",
            ),
            delete(device, "device-delete", self.delete_device, "Remove a failed device without bricks."),
            post(f"{device}/state", "device-state", self.set_device_state, requests.StateChange, "failed: its bricks are moved away."),
            post(f"{device}/resync", "device-resync", self.resync_device, None, "Look again how large a device is.", method="GET"),
            post(f"{device}/tags", "device-tags", self.tag_device, requests.TagsChange, "Tags by which volumes ask for devices.", **tags),
            post("/bricks/to-evict/{id}", "brick-evict", self.evict_brick, None, "Move a brick to another device."),
            post("/volumes", "volume-create", self.create_volume, requests.VolumeCreateBody, "Make a volume by size, and start it."),
            post(f"{volume}/expand", "volume-expand", self.expand_volume, requests.VolumeExpandBody, "So many GiB more."),
            delete(volume, "volume-delete", self.delete_volume, "Stop and delete a volume, with its data."),
            post(f"{volume}/clone", "volume-clone", self.clone_volume, requests.CloneBody, "A copy of a volume, started."),
            post("/operations/pending/cleanup", "operation-cleanup", self.cleanup, None, "Nothing to do: it goes on by itself."),
        ]


def check_offline_first(now: State, wanted: State, what: str) -> None:
    if wanted is State.FAILED and now is State.ONLINE:
        raise Refused(f"{what} must be offline before it is set failed", hint="set it offline first", http=500)


def member_of(view: model.View, names: Sequence[str]) -> model.Peer | None:
    """The peer of the pool that has one of these names."""
    for peer in view.peers():
        if shapes.managed(peer) in names:
            return peer
    return next((peer for name in names for peer in view.find_peers(name)), None)


def brick_of(view: model.View, text: str) -> tuple[model.Volume, model.Brick] | None:
    identity = text.lower()
    return next(((v, b) for v in view.volumes() for b in v.bricks() if hex_of(b.id) == identity), None)


async def run_now(call: Call, command: str, request: Request, expect: tuple[Expect, ...] = ()) -> None:
    """A command whose answer is waited for."""
    context = RequestContext(
        request_id=call.request_id,
        user=call.user,
        timeout_s=STATE_S,
        received=call.received,
        idempotency_key=call.idempotency_key(),
        expect=expect,
    )
    done = await call.api.run(command, request, context)
    await call.reach(done.revision)
