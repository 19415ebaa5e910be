"""Client of the socket that every glusterfsd and glusterfs opens with -S: "Gluster Brick operations".

One connection per operation, one deadline for all of it: a process that lacks a key it wants simply never answers.
Knows the wire and the names of operations, not which process should get which.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import IntEnum, IntFlag

from gd2raft.sunrpc import client
from gd2raft.sunrpc.messages import BrickOpReply, brick_op_args
from gd2raft.sunrpc.records import RecordError
from gd2raft.sunrpc.xdr import Reader, XdrError

PROGRAM, VERSION = 4867634, 2


class BrickOp(IntEnum):
    TERMINATE = 1
    XLATOR_INFO = 2
    XLATOR_OP = 3
    STATUS = 4
    XLATOR_DEFRAG = 6
    NODE_PROFILE = 7
    NODE_STATUS = 8
    VOLUME_BARRIER_OP = 9
    BRICK_BARRIER = 10
    NODE_BITROT = 11
    ATTACH = 12
    DUMP_METRICS = 13
    SVC_ATTACH = 14
    SVC_DETACH = 15


class StatusOf(IntFlag):
    """What STATUS tells about a brick. BRICK is part of every question about one."""

    MEM = 1
    CLIENTS = 2
    INODE = 4
    FD = 8
    CALLPOOL = 16
    DETAIL = 32
    BRICK = 0x100


class HealOp(IntEnum):
    """xl-op of a self-heal daemon."""

    INDEX = 1
    FULL = 2
    COUNT = 8


class BrickOpFailed(Exception):
    """The process can't be reached, did not answer in time, or its answer makes no sense."""

    def __init__(self, socket_path: str, op: BrickOp, cause: str) -> None:
        super().__init__(f"{op.name} on {socket_path} failed: {cause}")
        self.socket_path, self.op, self.cause = socket_path, op, cause


class BrickOpClient:
    """Operations on one process. Each returns its reply (look at op_ret) or raises BrickOpFailed within `timeout_s`."""

    def __init__(self, socket_path: str, *, timeout_s: float = 5.0) -> None:
        self._path = socket_path
        self._timeout_s = timeout_s

    async def call(self, op: BrickOp, name: str = "", values: Mapping[str, str | bytes] | None = None) -> BrickOpReply:
        """Any operation: `name` is the brick's path (its top xlator) or empty, `values` the input dict."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(op, brick_op_args(name, op, values or {}))
        except TimeoutError as error:
            raise BrickOpFailed(self._path, op, f"no answer within {self._timeout_s:g} s") from error
        except (OSError, RecordError, XdrError) as error:
            raise BrickOpFailed(self._path, op, str(error)) from error

    async def terminate(self, brick: str) -> BrickOpReply:
        """Answers 0 at once, also for a brick that isn't there: wait for the process, not for this."""
        return await self.call(BrickOp.TERMINATE, brick)

    async def status(self, volume: str, brick: str, of: StatusOf) -> BrickOpReply:
        return await self.call(BrickOp.STATUS, brick, {"cmd": str(int(of | StatusOf.BRICK)), "volname": volume, "brick-name": brick})

    async def xlator_info(self, brick: str, values: Mapping[str, str | bytes]) -> BrickOpReply:
        """io-stats of a brick: profile and top."""
        return await self.call(BrickOp.XLATOR_INFO, brick, values)

    async def heal(self, op: HealOp, subvolumes: Sequence[str]) -> BrickOpReply:
        """On a self-heal daemon: `subvolumes` are its replicate or disperse xlators ('v1-replicate-0').

        Output keys are "<i>-<child>-status" and, for COUNT, "<i>-<child>-hardlinks" (entries to heal), with i the place
        in `subvolumes`. Each needs both keys below: without its own name as a key the daemon does nothing and answers 0.
        """
        values = {"xl-op": str(int(op)), "count": str(len(subvolumes))}
        for i, name in enumerate(subvolumes):
            values |= {f"xl-{i}": name, name: str(i)}
        return await self.xlator_op(values)

    async def xlator_op(self, values: Mapping[str, str | bytes]) -> BrickOpReply:
        return await self.call(BrickOp.XLATOR_OP, "", values)

    async def node_profile(self, volume: str, values: Mapping[str, str | bytes]) -> BrickOpReply:
        return await self.call(BrickOp.NODE_PROFILE, volume, values)

    async def scrub(self, volume: str, value: str) -> BrickOpReply:
        """On the scrub daemon: `status` or `ondemand`."""
        return await self.call(BrickOp.NODE_BITROT, volume, {"volname": volume, "scrub-value": value})

    async def barrier(self, brick: str, *, enable: bool) -> BrickOpReply:
        """Holds back acknowledgements of a brick while a volume snapshot is taken; needs its changelog and barrier xlators."""
        return await self.call(BrickOp.BRICK_BARRIER, brick, {"barrier": "enable" if enable else "disable"})

    async def _exchange(self, op: BrickOp, args: bytes) -> BrickOpReply:
        results = await client.call(await asyncio.open_unix_connection(self._path), PROGRAM, VERSION, op, args)
        if not results:
            raise XdrError("the process gave up on it without a result; its log says why")
        return BrickOpReply.decode(Reader(results))
