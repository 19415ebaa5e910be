"""peer.invite, peer.admit, peer.welcome, peer.dismiss: what the initiator does to a peer that joins or leaves."""

from __future__ import annotations

from gd2raft.commands.step_kinds import ADMIT_PEER, DISMISS_PEER, INVITE_PEER, WELCOME_PEER, DismissPeer, InvitePeer
from gd2raft.steps.step import Facts, StepCode, StepContext


async def invite(context: StepContext, arguments: InvitePeer) -> Facts:
    await context.invite(arguments.address, arguments.peer_id)
    return {}


async def uninvite(context: StepContext, arguments: InvitePeer) -> Facts:
    await context.uninvite(arguments.address, arguments.peer_id)
    return {}


async def admit(context: StepContext, arguments: InvitePeer) -> Facts:
    """Invite it and wait until it follows, so that it can do steps itself."""
    await context.invite(arguments.address, arguments.peer_id)
    await context.welcome(arguments.address, arguments.peer_id, ADMIT_PEER.timeout_s - 20)
    return {}


async def welcome(context: StepContext, arguments: InvitePeer) -> Facts:
    await context.welcome(arguments.address, arguments.peer_id, WELCOME_PEER.timeout_s - 5)
    return {}


async def dismiss(context: StepContext, arguments: DismissPeer) -> Facts:
    await context.dismiss(arguments.address, arguments.peer_id)
    return {}


STEPS = (
    StepCode(INVITE_PEER, invite, uninvite),
    StepCode(ADMIT_PEER, admit, uninvite),
    StepCode(WELCOME_PEER, welcome),
    StepCode(DISMISS_PEER, dismiss),
)
