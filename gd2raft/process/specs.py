"""What should run, how it goes, and what went wrong: the data between this room and the daemon.

Pure. A process is known by its key: a brick's path ("/bricks/v1/b1"), or a service's name ("shd/v1").
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

State = Literal["down", "starting", "online", "stopping", "waiting"]
"""waiting: failed or died, and will be started again when its back-off has passed."""


class BrickSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One brick that glusterfsd should serve. Its folder is somebody else's work.

    `host` is where the brick fetches its volfile and signs in: the address of this daemon's client port.
    A running brick is replaced when anything but `extra` changes; `extra` counts from its next start. `volfile_ids_before`: under
    which it may go on running all the same, since they are answered with the same volfile.
    """

    volume: str
    brick_path: str
    volfile_id: str
    volfile_ids_before: tuple[str, ...] = ()
    host: str
    peer_id: str
    port_of_daemon: int = 24007
    bind_address: str = ""
    """Empty: all addresses of this machine."""
    extra: tuple[str, ...] = ()
    """More arguments for glusterfsd."""


class ServiceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One service of this peer: shd, quotad, bitd, scrub, snapd, rebalance. A running one is replaced when anything changes.

    >>> ServiceSpec(name="shd/v1", process_name="glustershd", host="10.0.0.1", client_pid=-6, log_file="glustershd.log",
    ...             xlator_options=("*replicate*.node-uuid=5f3c1f0e-6f0a-4a53-9c0e-0d6a3c1c7f11",)).program
    'glusterfs'
    """

    name: str
    """Its volfile id ("shd/v1", "gluster/quotad"), and its key."""
    process_name: str
    host: str
    port_of_daemon: int = 24007
    log_file: str
    """Below logdir."""
    client_pid: int = 0
    xlator_options: tuple[str, ...] = ()
    """Each becomes --xlator-option; "{port}" is replaced (snapd)."""
    extra: tuple[str, ...] = ()
    """More arguments, such as --global-timer-wheel."""
    brick_name: str = ""
    """Set for a service that signs in like a brick and gets a port (snapd: "snapd-v1")."""
    bind_address: str = ""
    """Where its port must be free; only with brick_name."""
    once: bool = False
    """True for work that ends (rebalance): not started again when it ended with 0."""

    @property
    def program(self) -> str:
        return "glusterfsd" if self.brick_name else "glusterfs"


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How one process goes. `since` is when it came online (seconds since 1970), 0 if it isn't."""

    key: str
    state: State = "down"
    online: bool = False
    pid: int = 0
    port: int = 0
    since: float = 0.0
    restarts: int = 0
    """Unasked for: it died or could not start. Counted since the daemon started."""
    last_error: str = ""
    finished: bool = False
    """A `once` service that ended with 0."""


class Problem(msgspec.Struct, frozen=True):
    """Why a process is not as wanted: what, the cause (last errors of its log included), and the way out."""

    key: str
    what: str
    cause: str
    hint: str

    def __str__(self) -> str:
        return f"{self.what}: {self.cause} ({self.hint})"


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines and limits, in seconds unless said otherwise."""

    backoff_first_s: float = 0.2
    backoff_max_s: float = 60.0
    stable_s: float = 60.0
    """Having run this long, a process starts its back-off anew."""
    starts_at_once: int = 4
    """Processes (not seconds) that may be on their way from spawn to sign-in; one counts for `slot_s` at most."""
    slot_s: float = 3.0
    spawn_s: float = 30.0
    sign_in_s: float = 60.0
    """From spawn to SIGNIN: then it is stuck, and is stopped and started again. A brick whose port is taken needs 2 s to give up."""
    adopted_s: float = 4.0
    """The same for an adopted brick that doesn't listen: when the daemon before us died while it started, glusterfsd
    can hang (10.3: a minute and more, until it was killed). A sound one signs in again within 3.3 s."""
    grace_s: float = 0.5
    """A service that neither died nor fetched its volfile for this long counts as running."""
    leave_s: float = 10.0
    """From SIGNOUT to the end of the process: then it did not mean it, if it still listens, or is stuck."""
    terminate_s: float = 2.0
    term_s: float = 10.0
    kill_s: float = 10.0


class Refusal(Exception):
    """A process can't be started, and trying again soon won't help: cause and hint, for a Problem."""

    def __init__(self, cause: str, hint: str) -> None:
        super().__init__(cause)
        self.cause, self.hint = cause, hint


class Log(Protocol):
    """The part of a structlog logger that is used here."""

    def debug(self, event: str, /, **fields: Any) -> Any: ...

    def info(self, event: str, /, **fields: Any) -> Any: ...

    def warning(self, event: str, /, **fields: Any) -> Any: ...

    def error(self, event: str, /, **fields: Any) -> Any: ...
