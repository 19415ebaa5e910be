"""bitrot's settings of a volume: when and by how many threads files are signed, how often and how hard they are scrubbed, pause and resume."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gd2raft.commands import bitrot
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View

THROTTLES = ("lazy", "normal", "aggressive")
FREQUENCIES = ("hourly", "daily", "weekly", "biweekly", "monthly", "minute")
"""`minute`: for tests, as in GlusterFS."""
SECONDS_MAX, THREADS_MAX = 1_000_000_000, 1024


class BitrotEdit(Request, frozen=True, kw_only=True):
    """`signing_time`: seconds from the last close of a file to its signing. `scrub`: pause or resume."""

    volume: str
    signing_time: int | None = None
    signer_threads: int | None = None
    scrub_throttle: str = ""
    scrub_frequency: str = ""
    scrub: str = ""


def plan_edit(view: View, request: BitrotEdit, ids: Ids) -> Plan:
    volume = bitrot.bitrot_volume(view, request.volume)
    wanted = options_of(request)
    if not wanted:
        hint = "signing-time, signer-threads, scrub-throttle, scrub-frequency, scrub"
        raise Refused("nothing is given to change", hint=hint, code="bad-request")
    if wanted.get(bitrot.SCRUB) == bitrot.option(volume, bitrot.SCRUB):
        raise Refused(f"scrub of volume {volume.name} is already {request.scrub}d", hint="there is nothing to do", code="already-so")
    updated = msgspec.structs.replace(volume, options={**volume.options, **wanted})
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        result={"volume": volume.name},
    )


def options_of(request: BitrotEdit) -> dict[str, str]:
    """Raises Refused."""
    given: tuple[tuple[str, str, int | str | None, Callable[[str, int | str], str]], ...] = (
        (bitrot.EXPIRY, "signing-time", request.signing_time, number(SECONDS_MAX)),
        (bitrot.SIGNERS, "signer-threads", request.signer_threads, number(THREADS_MAX)),
        (bitrot.THROTTLE, "scrub-throttle", request.scrub_throttle or None, word(THROTTLES)),
        (bitrot.FREQUENCY, "scrub-frequency", request.scrub_frequency or None, word(FREQUENCIES)),
        (bitrot.SCRUB, "scrub", request.scrub or None, word(("pause", "resume"))),
    )
    wanted = {option: read(name, value) for option, name, value, read in given if value is not None}
    if bitrot.SCRUB in wanted:
        wanted[bitrot.SCRUB] = bitrot.PAUSED if request.scrub == "pause" else bitrot.ACTIVE
    return wanted


def number(most: int) -> Callable[[str, int | str], str]:
    def read(name: str, value: int | str) -> str:
        if not isinstance(value, int) or not 1 <= value <= most:
            raise Refused(f"{name} {value} is out of range", hint=f"1 to {most}", code="bad-option")
        return str(value)

    return read


def word(known: tuple[str, ...]) -> Callable[[str, int | str], str]:
    def read(name: str, value: int | str) -> str:
        if value not in known:
            raise Refused(f"{name} {str(value)[:60]!r} is not known", hint=", ".join(known), code="bad-option")
        return str(value)

    return read


COMMAND = Command(
    name="bitrot-edit",
    request=BitrotEdit,
    plan=plan_edit,
    route=Route("POST", "/v1/volumes/{volume}/bitrot/settings", 200, "volume"),
    summary="Change how a volume is signed and scrubbed.",
)
