"""The programs that GlusterFS finds here, and what each procedure does with the backend.

`PROGRAMS` is the one table of what is served; DUMP is answered from it. Knows nothing of streams and records.
Numbers and behaviour were observed on GlusterFS 10.3.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from gd2raft.sunrpc import messages as m
from gd2raft.sunrpc import portmap
from gd2raft.sunrpc.api import Backend, GetspecReply, GetspecRequest, Limits, Log
from gd2raft.sunrpc.connection import Connection, Watch
from gd2raft.sunrpc.oncrpc import AcceptStat, Call, decode_call, encode_call, encode_error, encode_rpc_mismatch, encode_success
from gd2raft.sunrpc.xdr import Reader, XdrError, printable

CALLBACK_PROGRAM, CALLBACK_VERSION, CALLBACK_FETCHSPEC = 52743234, 1, 1
PORT_MAX = 65535


def fetchspec(xid: int) -> bytes:
    """ "Your volfile changed, ask again": no arguments, no answer."""
    return encode_call(xid, CALLBACK_PROGRAM, CALLBACK_VERSION, CALLBACK_FETCHSPEC)


def spec_hash(reply: GetspecReply) -> str:
    return hashlib.sha256(reply.spec.encode("utf-8", "surrogateescape")).hexdigest()


class Procedures:
    """Answers calls. A backend that raises or hangs costs its caller an error reply and us a log line, nothing more."""

    def __init__(self, backend: Backend, limits: Limits, log: Log) -> None:
        self.backend = backend
        self._limits = limits
        self._log = log

    async def answer(self, connection: Connection, record: bytes) -> bytes:
        """The reply to one CALL record. Raises XdrError when its head can't be decoded."""
        call = decode_call(record)
        if call.rpc_version != 2:
            return encode_rpc_mismatch(call.xid)
        found = _find(call)
        if not isinstance(found, Procedure):
            return encode_error(call.xid, *found)
        try:
            args = found.decode(Reader(call.args))
        except XdrError as error:
            self._log.warning("undecodable arguments", procedure=found.name, cause=str(error), **_who(connection))
            return encode_error(call.xid, AcceptStat.GARBAGE_ARGS)
        return await self._perform(connection, call, found, args)

    async def _perform(self, connection: Connection, call: Call, procedure: Procedure, args: Any) -> bytes:
        try:
            async with asyncio.timeout(self._limits.backend_s):
                return encode_success(call.xid, await procedure.perform(self, connection, args))
        except Exception as error:  # whatever the backend does, this connection goes on
            self._log.error("request failed", procedure=procedure.name, cause=repr(error), exc_info=True, **_who(connection))
        if procedure.failed is None:
            return encode_error(call.xid, AcceptStat.SYSTEM_ERR)
        return encode_success(call.xid, procedure.failed)

    async def dump(self, _connection: Connection, args: m.DumpArgs) -> bytes:
        return m.dump_result(args.gfs_id, [(program.name, number, program.version) for number, program in PROGRAMS.items()])

    async def ping(self, _connection: Connection, _args: m.NoArgs) -> bytes:
        return m.common_result()

    async def getspec(self, connection: Connection, args: m.GetspecArgs) -> bytes:
        request = GetspecRequest(args.key, args.flags, args.xdata, connection.info)
        watch = connection.watch = Watch(request)
        reply = await self.backend.getspec(request)
        watch.answered = True
        if reply is None:
            self._log.info("unknown volfile asked for", key=printable(args.key), **_who(connection))
            return m.getspec_refused(errno.ENOENT)
        watch.group, watch.given = reply.group or args.key, spec_hash(reply)
        return m.getspec_result(reply.spec, reply.xdata)

    async def event_notify(self, _connection: Connection, args: m.EventArgs) -> bytes:
        self.backend.event_notify(args.op, args.info)
        return m.common_result()

    async def volume_info(self, _connection: Connection, args: m.VolumeInfoArgs) -> bytes:
        volume_id = self.backend.volume_id(args.volume) if args.volume else None
        if volume_id is None:
            return m.volume_info_refused(errno.ENOENT, f"volume {printable(args.volume)} does not exist")
        return m.volume_info_result(volume_id)

    async def port_by_brick(self, connection: Connection, args: m.PortByBrickArgs) -> bytes:
        return m.port_result(self.backend.port_of_brick(args.brick, connection.info.local_address))

    async def sign_in(self, connection: Connection, args: m.SigninArgs) -> bytes:
        if not self._is_welcome(connection, "sign-in", args.brick):
            return m.portmap_result(-1, errno.EPERM)
        if not args.brick or not 0 < args.port <= PORT_MAX:
            return m.portmap_result(-1, errno.EINVAL)
        if not self.backend.sign_in(connection.info, args.brick, args.port, args.pid):
            self._log.warning("sign-in refused", brick=printable(args.brick), port=args.port, pid=args.pid, **_who(connection))
            return m.portmap_result(-1, errno.EACCES)
        return m.portmap_result()

    async def sign_out(self, connection: Connection, args: m.SignoutArgs) -> bytes:
        if not self._is_welcome(connection, "sign-out", args.brick):
            return m.portmap_result(-1, errno.EPERM)
        self.backend.sign_out(connection.info, args.brick)
        return m.portmap_result()

    def _is_welcome(self, connection: Connection, what: str, brick: str) -> bool:
        if not connection.info.is_local:
            self._log.warning(f"{what} from another machine refused", brick=printable(brick), **_who(connection))
        return connection.info.is_local


def _who(connection: Connection) -> dict[str, object]:
    info = connection.info
    return {"connection": info.id, "peer": "unix socket" if info.is_unix else f"{info.peer_host}:{info.peer_port}"}


class Procedure(NamedTuple):
    """`failed` is the result sent when the backend raises or is too slow; None: the RPC layer's SYSTEM_ERR."""

    name: str
    decode: Callable[[Reader], Any]
    perform: Callable[[Procedures, Connection, Any], Awaitable[bytes]]
    failed: bytes | None = None


class Program(NamedTuple):
    name: str
    version: int
    procedures: dict[int, Procedure]


PROGRAMS: dict[int, Program] = {
    123451501: Program(
        "GF-DUMP",
        1,
        {
            1: Procedure("DUMP", m.DumpArgs.decode, Procedures.dump),
            2: Procedure("PING", m.NoArgs.decode, Procedures.ping),
        },
    ),
    portmap.PROGRAM: Program(
        "Gluster Portmap",
        1,
        {
            portmap.PORT_BY_BRICK: Procedure(
                "PORTBYBRICK", m.PortByBrickArgs.decode, Procedures.port_by_brick, m.port_result(0, errno.EIO)
            ),
            4: Procedure("SIGNIN", m.SigninArgs.decode, Procedures.sign_in, m.portmap_result(-1, errno.EIO)),
            5: Procedure("SIGNOUT", m.SignoutArgs.decode, Procedures.sign_out, m.portmap_result(-1, errno.EIO)),
        },
    ),
    14398633: Program(
        "Gluster Handshake",
        2,
        {
            2: Procedure("GETSPEC", m.GetspecArgs.decode, Procedures.getspec, m.getspec_refused(errno.EIO)),
            3: Procedure("PING", m.NoArgs.decode, Procedures.ping),
            5: Procedure("EVENT_NOTIFY", m.EventArgs.decode, Procedures.event_notify, m.common_result(-1, errno.EIO)),
            6: Procedure(
                "GET_VOLUME_INFO", m.VolumeInfoArgs.decode, Procedures.volume_info, m.volume_info_refused(errno.EIO, "internal error")
            ),
        },
    ),
}


def _find(call: Call) -> Procedure | tuple[AcceptStat, tuple[int, int]]:
    program = PROGRAMS.get(call.program)
    if program is None:
        return AcceptStat.PROG_UNAVAIL, (0, 0)
    if call.version != program.version:
        return AcceptStat.PROG_MISMATCH, (program.version, program.version)
    return program.procedures.get(call.procedure) or (AcceptStat.PROC_UNAVAIL, (0, 0))
