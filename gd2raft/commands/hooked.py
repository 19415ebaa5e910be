"""A plan with the scripts of administrators: run by the peers that have some, of those that the command concerns anyway.

A peer says in its record which scripts it has, so a command costs nothing where there are none. Before the changes the scripts are a step, the
last one: checks come first, as in glusterd. After the command no message is needed: its answer in the state names the peers.
"""

from __future__ import annotations

import msgspec

from gd2raft.commands.step_kinds import RUN_HOOKS, RunHooks
from gd2raft.core import hooks, model
from gd2raft.core.hooks import Hook
from gd2raft.core.plan import Plan, View


def around(operation: str, volume: model.Volume) -> Hook:
    """Of a command about a volume: on the peers of its bricks. (glusterd: on every peer of the pool.)"""
    return Hook(operation=operation, volume=volume.name, peers=volume.peer_ids())


def pool_wide(operation: str, options: tuple[str, ...] = ()) -> Hook:
    """Of a command about the pool's options: on the peer that took the request before, on every peer after."""
    return Hook(operation=operation, volume=hooks.ALL, options=options)


def pairs(options: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in options.items())


def hooked(view: View, plan: Plan) -> Plan:
    """The plan as it is run: `Plan.hook` reduced to peers that have scripts, and a step for those with scripts to run before."""
    if (hook := plan.hook) is None:
        return plan
    peers = view.peers() if hook.volume == hooks.ALL else [p for i in hook.peers if (p := view.peer(i)) is not None]
    first = {view.initiator} if hook.volume == hooks.ALL else view.online
    before = tuple(
        RUN_HOOKS.at(p.id, RunHooks(operation=hook.operation, volume=hook.volume, options=list(hook.options)), must=False)
        for p in peers
        if p.id in first and hook.name("pre") in p.hooks
    )
    after = tuple(p.id for p in peers if hook.name("post") in p.hooks)
    return msgspec.structs.replace(
        plan,
        before=(*plan.before, before) if before else plan.before,
        hook=msgspec.structs.replace(hook, peers=after) if after else None,
    )
