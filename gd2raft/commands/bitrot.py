"""What the bitrot commands have in common: finding the volume, and the options that they set. PURE."""

from __future__ import annotations

from gd2raft.commands import lookup
from gd2raft.core import model
from gd2raft.core.plan import Refused, View

ON, SCRUB = "features.bitrot", "features.scrub"
EXPIRY, SIGNERS = "features.expiry-time", "features.signer-threads"
THROTTLE, FREQUENCY = "features.scrub-throttle", "features.scrub-freq"
ACTIVE, INACTIVE, PAUSED = "Active", "Inactive", "pause"
"""Of features.scrub."""
DEFAULTS = {SCRUB: ACTIVE, EXPIRY: "120", SIGNERS: "4", THROTTLE: "lazy", FREQUENCY: "biweekly"}


def is_on(volume: model.Volume) -> bool:
    return volume.options.get(ON) == "on"


def bitrot_volume(view: View, name: str) -> model.Volume:
    """A started volume with bitrot detection on."""
    volume = lookup.started_volume(view, name)
    if not is_on(volume):
        raise Refused(f"bitrot of volume {volume.name} is disabled", hint=f"gd2 volume bitrot {volume.name} enable", code="bitrot-disabled")
    return volume


def option(volume: model.Volume, name: str) -> str:
    return volume.options.get(name, DEFAULTS[name])
