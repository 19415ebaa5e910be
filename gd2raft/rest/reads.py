"""What can be read: peers, volumes, bricks, options, the state of the cluster. From this peer's own state; nothing is changed."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from gd2raft.commands import lookup
from gd2raft.core import model
from gd2raft.core.plan import Refused
from gd2raft.rest import jobs, options, shapes, transactions
from gd2raft.rest.call import Call, link_next
from gd2raft.rest.command_routes import modified
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import KEY, PAGED, READ, VALUE, VOLUME, WAIT, Endpoint

T = TypeVar("T")


async def list_peers(call: Call) -> Reply:
    view = call.view()
    peers = [p for p in view.peers() if wanted(call, p.metadata)]
    page, headers = paged(call, peers, lambda p: p.id)
    online = call.api.online()
    return Reply(body=[shapes.peer_info(p, online) for p in page], headers=headers)


async def get_peer(call: Call) -> Reply:
    view = call.view()
    peer = lookup.peer(view, call.fields["peer"])
    return Reply(body=shapes.peer_info(peer, call.api.online()), headers=etag(view, model.peer_key(peer.id)))


async def list_volumes(call: Call) -> Reply:
    view = call.view()
    volumes = [v for v in view.volumes() if wanted(call, v.metadata)]
    page, headers = paged(call, volumes, lambda v: v.name)
    hosts = shapes.hosts_of(view) if page else {}
    return Reply(body=[shapes.volume_info(v, hosts) for v in page], headers=headers)


async def get_volume(call: Call) -> Reply:
    view = call.view()
    volume = lookup.volume(view, call.fields["volume"])
    return Reply(body=shapes.volume_info(volume, shapes.hosts_of_volume(view, volume)), headers=etag(view, model.volume_key(volume.name)))


async def get_bricks(call: Call) -> Reply:
    view = call.view()
    volume = lookup.volume(view, call.fields["volume"])
    hosts = shapes.hosts_of_volume(view, volume)
    facts = await call.api.brick_facts(volume)
    return Reply(body=[shapes.brick_status(volume, b, hosts, facts.get(b.id)) for b in volume.bricks()])


async def get_status(call: Call) -> Reply:
    view = call.view()
    volume = lookup.volume(view, call.fields["volume"])
    if volume.state is not model.VolumeState.STARTED:
        raise Refused(f"volume {volume.name} is not started", hint=f"gd2 volume start {volume.name}", code="not-started")
    info = shapes.volume_info(volume, shapes.hosts_of_volume(view, volume))
    facts = await call.api.brick_facts(volume)
    size = await call.api.volume_size(volume)
    return Reply(body=shapes.VolumeStatus(info=info, online=shapes.serves(volume, facts), size=size))


async def get_description(call: Call) -> Reply:
    volume = lookup.volume(call.view(), call.fields["volume"])
    return Reply(body=dict(call.api.describe(volume)))


async def get_options(call: Call) -> Reply:
    volume = lookup.volume(call.view(), call.fields["volume"])
    return Reply(body=options.volume_options(call.api.option_table, volume))


async def get_option(call: Call) -> Reply:
    volume = lookup.volume(call.view(), call.fields["volume"])
    return Reply(body=options.volume_option(call.api.option_table, volume, call.fields["option"]))


async def get_option_help(call: Call) -> Reply:
    return Reply(body=options.option_help(call.api.option_table))


async def list_option_groups(call: Call) -> Reply:
    builtin = [shapes.option_group(name, values, builtin=True) for name, values in call.api.option_table.groups.items()]
    stored = [
        (key.removeprefix(model.OPTION_GROUPS), model.load(key, item.value, model.OptionGroup))
        for key, item in call.view().reader.list(model.OPTION_GROUPS)
    ]
    return Reply(body=[*builtin, *(shapes.option_group(name, g.options, g.description) for name, g in stored)])


async def get_global_options(call: Call) -> Reply:
    return Reply(body=options.global_options(call.api.option_table, call.view()))


async def get_cluster_status(call: Call) -> Reply:
    full, notices = await asyncio.gather(call.api.full_disks(), call.api.notices())
    status = {**call.api.cluster_status(), "notices": notices}
    status["peers"] = [{**peer, "disk-full": peer["id"] in full} for peer in status.get("peers", [])]
    return Reply(body=status)


async def get_voters(call: Call) -> Reply:
    return Reply(body=shapes.voters_info(call.view(), call.api.cluster_status()))


async def list_transactions(call: Call) -> Reply:
    page, headers = paged(call, transactions.all_transactions(call.view()), lambda t: t.id)
    return Reply(body=page, headers=headers)


async def get_transaction(call: Call) -> Reply:
    return Reply(body=transactions.one_transaction(call.view(), call.fields["transaction"]))


async def list_jobs(call: Call) -> Reply:
    wanted_of = call.query.get("volume")
    found = [job for job in jobs.all_jobs(call.view()) if wanted_of in (None, job.volume)]
    page, headers = paged(call, found, lambda job: job.id)
    return Reply(body=await asyncio.gather(*(jobs.live(call, job) for job in page)), headers=headers)


def wanted(call: Call, metadata: dict[str, str]) -> bool:
    """Filters of GlusterD2: ?key=, ?value=, or both of one entry."""
    key, value = call.query.get("key"), call.query.get("value")
    if key is not None:
        return key in metadata and value in (None, metadata[key])
    return value is None or value in metadata.values()


def paged(call: Call, items: Sequence[T], name: Callable[[T], str]) -> tuple[Sequence[T], dict[str, str]]:
    """The page that ?limit= and ?cursor= ask for, and headers for the next one. The cursor is the last item's name, so a
    page starts right whatever was added or removed before it."""
    start = 0
    if (cursor := call.query.get("cursor")) is not None:
        start = bisect_right(items, cursor, key=name)
    if (text := call.query.get("limit")) is None:
        return items[start:], {}
    end = start + call.number("limit", text, 1, call.limits.page_max)
    page = items[start:end]
    return page, link_next(call, name(page[-1])) if end < len(items) else {}


def etag(view: model.View, key: str) -> dict[str, str]:
    return {"ETag": f'"{modified(view, key)}"'}


def read_endpoints() -> list[Endpoint]:
    def get(path: str, name: str, handler: object, reply: object, summary: str, **more: object) -> Endpoint:
        return Endpoint(method="GET", path=path, name=name, handler=handler, reply=reply, summary=summary, **{"parameters": READ, **more})  # type: ignore[arg-type]

    missing: dict[str, object] = {"errors": (404,)}
    page: dict[str, object] = {"parameters": (*PAGED, KEY, VALUE)}
    return [
        get("/v1/peers", "peer-list", list_peers, list[shapes.PeerInfo], "The peers of the pool.", **page),
        get("/v1/peers/{peer}", "peer-get", get_peer, shapes.PeerInfo, "A peer, by id, name or address.", etag=True, **missing),
        get("/v1/volumes", "volume-list", list_volumes, list[shapes.VolumeInfo], "All volumes.", **page),
        get("/v1/volumes/{volume}", "volume-get", get_volume, shapes.VolumeInfo, "A volume, by name or id.", etag=True, **missing),
        get(
            "/v1/volumes/{volume}/bricks",
            "volume-bricks",
            get_bricks,
            list[shapes.BrickStatus],
            "State of a volume's bricks, asked of their peers.",
            **missing,
        ),
        get(
            "/v1/volumes/{volume}/status",
            "volume-status",
            get_status,
            shapes.VolumeStatus,
            "Whether a volume serves, and its size.",
            errors=(400, 404),
        ),
        get(
            "/v1/volumes/{volume}/description",
            "volume-description",
            get_description,
            dict[str, Any],
            "VOLUME.json for `gd2volgen render`: what this peer's volfiles are made from (credentials are hidden).",
            **missing,
        ),
        get(
            "/v1/volumes/{volume}/options",
            "volume-options",
            get_options,
            list[shapes.OptionInfo],
            "Options of a volume, with defaults.",
            **missing,
        ),
        get("/v1/volumes/{volume}/options/{option}", "volume-option", get_option, shapes.OptionInfo, "One option of a volume.", **missing),
        get(
            "/v1/volumes/options-group",
            "option-groups",
            list_option_groups,
            list[shapes.OptionGroupInfo],
            "Groups of options that a volume can be given at once.",
        ),
        get("/v1/options", "option-help", get_option_help, list[shapes.OptionHelp], "All options that can be set, with what they do."),
        get("/v1/cluster/options", "cluster-options", get_global_options, list[shapes.GlobalOptionInfo], "Options of the whole pool."),
        get(
            "/v1/transactions",
            "transaction-list",
            list_transactions,
            list[transactions.TransactionInfo],
            "Commands that haven't ended, or whose undo some peer still has to do.",
            parameters=PAGED,
        ),
        get(
            "/v1/transactions/{transaction}",
            "transaction-get",
            get_transaction,
            transactions.TransactionInfo,
            "A command: whether and how it ended.",
            **missing,
        ),
        get(
            "/v1/jobs",
            "job-list",
            list_jobs,
            list[jobs.JobInfo],
            "The latest long work of each volume, with its progress asked of its peers.",
            parameters=(*PAGED, VOLUME),
        ),
        get(
            "/v1/jobs/{job}",
            "job-get",
            jobs.get_job,
            jobs.JobInfo,
            "One job, with its progress asked of its peers.",
            parameters=(*READ, WAIT),
            **missing,
        ),
        get(
            "/v1/volumes/{volume}/rebalance",
            "rebalance-status",
            jobs.get_rebalance,
            jobs.JobInfo,
            "How far a rebalance is, asked of its peers.",
            errors=(400, 404),
        ),
        get(
            "/v1/volumes/{volume}/remove-brick",
            "remove-brick-status",
            jobs.get_remove_brick,
            jobs.JobInfo,
            "How far the bricks that are to be removed are emptied.",
            errors=(400, 404),
        ),
        get("/v1/cluster/voters", "cluster-voters-get", get_voters, shapes.VotersInfo, "How many peers shall vote, and who does."),
        get(
            "/v1/cluster/status",
            "cluster-status",
            get_cluster_status,
            shapes.ClusterStatus,
            "Voters, leader, quorum: as this peer sees it.",
        ),
    ]
