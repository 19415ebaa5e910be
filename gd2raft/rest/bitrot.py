"""Scrubbing over REST: what the scrub daemons have found, and telling them to begin. Nothing here changes the state."""

from __future__ import annotations

from typing import Any

from gd2raft.commands import bitrot
from gd2raft.core.plan import Failed, Refused, View
from gd2raft.rest import shapes
from gd2raft.rest.api import Answered
from gd2raft.rest.call import Call
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import READ, TIMEOUT, Endpoint

ASK_S = 15.0


class BadFile(shapes.Shape, frozen=True, kw_only=True):
    """A copy that is not what was signed. `path`: in the volume, "" when it isn't known."""

    gfid: str
    brick: str
    path: str


class ScrubNode(shapes.Shape, frozen=True, kw_only=True):
    """One peer's bricks. Counts are of the last scrub (or the one that runs); null when the peer can't be asked, `error` says why.

    `num_skipped_files`: those that were not signed yet. `last_scrub_duration`: seconds. `error_count`: bad files so far.
    """

    node: str
    name: str
    scrub_running: bool = False
    num_scrubbed_files: int | None = None
    num_skipped_files: int | None = None
    last_scrub_completed_time: str = ""
    last_scrub_duration: int | None = None
    error_count: int | None = None
    corrupted_objects: list[BadFile] = []
    error: str = ""


class ScrubStatus(shapes.Shape, frozen=True, kw_only=True):
    """`state`: Active or pause."""

    volume: str
    state: str
    frequency: str
    throttle: str
    nodes: list[ScrubNode]


class ScrubBegun(shapes.Shape, frozen=True, kw_only=True):
    """Peer ids whose scrub daemon has begun, and why others have not."""

    begun: list[str]
    problems: dict[str, str] = {}


async def get_status(call: Call) -> Reply:
    view = call.view()
    volume = bitrot.bitrot_volume(View(view.reader), call.fields["volume"])
    found = await call.api.ask(volume, "scrub-status", {}, peers=volume.peer_ids(), timeout_s=ASK_S)
    hosts = shapes.hosts_of_volume(view, volume)
    return Reply(
        body=ScrubStatus(
            volume=volume.name,
            state=bitrot.option(volume, bitrot.SCRUB),
            frequency=bitrot.option(volume, bitrot.FREQUENCY),
            throttle=bitrot.option(volume, bitrot.THROTTLE),
            nodes=[node_of(peer_id, hosts.get(peer_id, peer_id), found[peer_id]) for peer_id in volume.peer_ids()],
        )
    )


def node_of(peer_id: str, host: str, answered: Answered) -> ScrubNode:
    if answered.error:
        return ScrubNode(node=peer_id, name=host, error=answered.error)
    known: dict[str, Any] = answered.value
    return ScrubNode(
        node=peer_id,
        name=host,
        scrub_running=known["running"],
        num_scrubbed_files=known["scrubbed-files"],
        num_skipped_files=known["skipped-files"],
        last_scrub_completed_time=known["last-scrub"],
        last_scrub_duration=known["duration-s"],
        error_count=known["bad-count"],
        corrupted_objects=[BadFile(gfid=bad["gfid"], brick=bad["brick"], path=bad["path"]) for bad in known["bad"]],
    )


async def launch(call: Call) -> Reply:
    await call.body()
    volume = bitrot.bitrot_volume(View(call.view().reader), call.fields["volume"])
    found = await call.api.ask(volume, "scrub-ondemand", {}, peers=volume.peer_ids(), timeout_s=ASK_S)
    refused = {p: str(why) for p, answered in found.items() if (why := answered.value.get("refused", ""))}
    problems = {p: answered.error for p, answered in found.items() if answered.error}
    begun = sorted(found.keys() - problems.keys() - refused.keys())
    if not begun:
        raise (Failed if problems else Refused)(
            f"no scrub of volume {volume.name} has begun: {next(iter((problems or refused).values()), 'it has no bricks')}",
            hint=f"gd2 volume bitrot {volume.name} scrub status",
            code="not-begun",
        )
    return Reply(body=ScrubBegun(begun=begun, problems=problems | refused))


def endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            name="scrub-status",
            method="GET",
            path="/v1/volumes/{volume}/bitrot/scrubstatus",
            handler=get_status,
            summary="What the last scrub has found, peer by peer.",
            reply=ScrubStatus,
            parameters=READ,
            errors=(400, 404),
        ),
        Endpoint(
            name="scrub-ondemand",
            method="POST",
            path="/v1/volumes/{volume}/bitrot/scrubondemand",
            handler=launch,
            summary="Scrub a volume now.",
            reply=ScrubBegun,
            parameters=(TIMEOUT,),
            errors=(400, 404, 500),
        ),
    ]
