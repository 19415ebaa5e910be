"""Routes of the commands, built from what each command says of itself: a new command needs no change here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from gd2raft.commands import lookup
from gd2raft.core import devices as device_records
from gd2raft.core import jobs as records
from gd2raft.core import model
from gd2raft.core.kv import Expect
from gd2raft.core.plan import BadExtension, Command, CommandError, Moved, NotFound, Refused
from gd2raft.rest import body, devices, jobs, options, shapes, transactions
from gd2raft.rest.api import Done, RequestContext
from gd2raft.rest.call import Call
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import REVISION_MAX, TIMEOUT, WAIT, Endpoint, fields_of

COMMAND_ERRORS = (400, 403, 404, 409, 412, 422, 500, 503, 504)


class Gone(CommandError):
    """The command was done, but what it was about is gone again (its answer was remembered, or someone was quick)."""

    http = 410
    code = "gone-since"


def command_endpoints(commands: Iterable[Command[Any]]) -> list[Endpoint]:
    return [endpoint_of(command) for command in commands]


def endpoint_of(command: Command[Any]) -> Endpoint:
    route = command.route
    if route.reply not in _REPLIES:
        raise BadExtension(f"command {command.name!r}: reply {route.reply!r} of its route is not one of {', '.join(_REPLIES)}")
    in_path = {name: encoded_name(command, name) for name in fields_of(route.path)}
    internal = tuple(encoded_name(command, name) for name in route.internal)

    async def handle(call: Call) -> Reply:
        return await run(call, command, in_path, internal)

    return Endpoint(
        name=command.name,
        method=route.method,
        path=route.path,
        handler=handle,
        summary=command.summary,
        status=route.status,
        reply=_REPLIES[route.reply],
        request=command.request,
        not_in_body=(*in_path.values(), *internal),
        statuses=tuple({200, 202} - {route.status}) if route.reply == "job" else (),
        parameters=(TIMEOUT, WAIT) if route.reply == "job" else (TIMEOUT,),
        errors=COMMAND_ERRORS,
        etag=route.reply in ("volume", "peer"),
        if_match=thing_of(in_path),
        command=command.name,
    )


def encoded_name(command: Command[Any], field: str) -> str:
    """Name in JSON of a field of the request; BadExtension when the request has no such field."""
    for known in msgspec.structs.fields(command.request):
        if field in (known.name, known.encode_name):
            return known.encode_name
    raise BadExtension(f"command {command.name!r}: its request has no field {field!r}, which its route names")


async def run(call: Call, command: Command[Any], in_path: Mapping[str, str], internal: tuple[str, ...]) -> Reply:
    given = body.decode_object(await call.body())
    for name in (*in_path.values(), *internal):
        if name in given:
            where = "is part of the path" if name in in_path.values() else "can't be given"
            raise body.BadBody(f"unable to use the request: field {name!r} {where}", fields={"field": name})
    given.update({in_path[name]: value for name, value in call.fields.items()})
    request = body.to_request(command.request, given)
    context = RequestContext(
        request_id=call.request_id,
        user=call.user,
        timeout_s=call.timeout_s(),
        received=call.received,
        idempotency_key=call.idempotency_key() if call.method in ("POST", "DELETE") else "",
        expect=await expected(call),
    )
    done = await call.api.run(command.name, request, context)
    await call.reach(done.revision)
    if command.route.reply == "job":
        return await reply_with_job(call, command, done)
    return reply_to(call, command, done)


async def reply_with_job(call: Call, command: Command[Any], done: Done) -> Reply:
    """Long work: 200 once it has ended; until then what the route says, but 202 to a client that asked to wait."""
    try:
        job = await jobs.ended(call, str(done.result.get("job", "")))
    except NotFound:
        raise Gone(f"it was done at revision {done.revision}, but its job is gone since") from None
    info = jobs.stored(call.view(), job)
    going = info.status is records.Status.RUNNING
    status = 202 if going and "wait" in call.query else command.route.status if going else 200
    return Reply(status=status, body=info, headers={"Location": f"/v1/jobs/{job.id}"}, warnings=done.warnings)


def reply_to(call: Call, command: Command[Any], done: Done) -> Reply:
    route = command.route
    view = call.view()
    thing, identity, etag = _THINGS_OF_REPLY[route.reply](call, view, done) if route.reply != "none" else (None, "", 0)
    headers = {"ETag": f'"{etag}"'} if etag else {}
    if route.status == 201 and identity:
        headers["Location"] = f"{call.raw_path}/{quote(identity, safe='')}"
    return Reply(status=route.status, body=thing, headers=headers, warnings=done.warnings)


# what commands reply with: (body, name in the Location, revision for the ETag)


def _volume(call: Call, view: model.View, done: Done) -> tuple[Any, str, int]:
    name = str(done.result.get("volume", ""))
    volume = view.volume(name)
    if volume is None:
        raise Gone(f"it was done at revision {done.revision}, but volume {name} is gone since")
    return shapes.volume_info(volume, shapes.hosts_of_volume(view, volume)), name, modified(view, model.volume_key(name))


def _peer(call: Call, view: model.View, done: Done) -> tuple[Any, str, int]:
    peer_id = str(done.result.get("peer", ""))
    peer = view.peer(peer_id)
    if peer is None:
        raise Gone(f"it was done at revision {done.revision}, but peer {peer_id} is gone since")
    return shapes.peer_info(peer, call.api.online()), peer_id, modified(view, model.peer_key(peer_id))


def _peers(call: Call, view: model.View, done: Done) -> tuple[Any, str, int]:
    """Those of them that are still there."""
    online = call.api.online()
    found = [peer for peer in map(view.peer, done.result.get("peers", ())) if peer is not None]
    return [shapes.peer_info(peer, online) for peer in found], "", 0


def _device(call: Call, view: model.View, done: Done) -> tuple[Any, str, int]:
    device_id = str(done.result.get("device", ""))
    device = device_records.find(view, device_id)
    if device is None:
        raise Gone(f"it was done at revision {done.revision}, but device {device_id} is gone since")
    return devices.device_info(view, device), device_id, 0


def _options(call: Call, view: model.View, done: Done) -> tuple[Any, str, int]:
    return options.global_options(call.api.option_table, view), "", 0


def _transaction(call: Call, view: model.View, done: Done) -> tuple[Any, str, int]:
    return transactions.one_transaction(view, str(done.result.get("transaction", ""))), "", 0


def _voters(call: Call, view: model.View, done: Done) -> tuple[Any, str, int]:
    return shapes.voters_info(view, call.api.cluster_status()), "", 0


_THINGS_OF_REPLY: dict[str, Callable[[Call, model.View, Done], tuple[Any, str, int]]] = {
    "volume": _volume,
    "peer": _peer,
    "peers": _peers,
    "options": _options,
    "transaction": _transaction,
    "voters": _voters,
    "device": _device,
}
_REPLIES: dict[str, Any] = {
    "volume": shapes.VolumeInfo,
    "job": jobs.JobInfo,
    "peer": shapes.PeerInfo,
    "peers": list[shapes.PeerInfo],
    "options": list[shapes.GlobalOptionInfo],
    "transaction": transactions.TransactionInfo,
    "voters": shapes.VotersInfo,
    "device": devices.DeviceInfo,
    "none": None,
}


# If-Match


def _key_of_volume(view: model.View, name: str) -> str:
    return model.volume_key(lookup.volume(view, name).name)


def _key_of_peer(view: model.View, text: str) -> str:
    return model.peer_key(lookup.peer(view, text).id)


THINGS: dict[str, Callable[[model.View, str], str]] = {"volume": _key_of_volume, "peer": _key_of_peer}
"""Path field -> key of the record that an ETag is about."""


def thing_of(fields: Iterable[str]) -> str:
    """The path field whose thing If-Match is about; "" for none: a device is known by two fields, and has no ETag."""
    return "" if "device" in fields else next((name for name in fields if name in THINGS), "")


async def expected(call: Call) -> tuple[Expect, ...]:
    """What If-Match expects. Raises Moved when it can't hold any more; what this peer doesn't know yet is waited for.

    With an Idempotency-Key it is the leader who says so: the change that we see may be what an earlier try of this request did.
    """
    header = call.request.headers.get("If-Match")
    if header is None:
        return ()
    field = thing_of(call.fields)
    if not field:
        raise Refused("If-Match has no meaning here", hint="it is about one volume or one peer", code="bad-header")
    wanted = parse_etags(header)
    if wanted:
        await call.reach(min(wanted))
    view = call.view()
    key = THINGS[field](view, call.fields[field])
    revision = modified(view, key)
    if wanted and revision not in wanted and call.idempotency_key():
        return (Expect(key, wanted[0]),)
    if wanted and revision not in wanted:
        raise Moved(
            f"{field} {call.fields[field][:200]} was changed at revision {revision}, not at {header[:100]}",
            hint="get it again and decide anew",
            fields={"etag": f'"{revision}"'},
        )
    return (Expect(key, revision),) if wanted else ()


def parse_etags(header: str) -> list[int]:
    """Revisions of a list of ETags; [] for `*`.

    >>> parse_etags('"12", "13"'), parse_etags("*")
    ([12, 13], [])
    """
    if header.strip() == "*":
        return []
    found = []
    for part in header.split(","):
        text = part.strip().removeprefix('"').removesuffix('"')
        if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= REVISION_MAX):
            raise Refused(f"If-Match {header[:100]!r} is not an ETag of this server", hint='it looks like "123"', code="bad-header")
        found.append(int(text))
    return found


def modified(view: model.View, key: str) -> int:
    item = view.reader.get(key)
    return item.modified if item is not None else 0
