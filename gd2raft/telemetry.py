"""What the daemon counts beside its REST requests, for Prometheus: the log, the pool, bricks, messages between daemons.

Numbers only, read when they are asked for. Labels are names from the code (methods of the RPC), never of volumes or peers: a pool
of a thousand peers must not make a thousand time series a peer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from gd2raft.core import model
from gd2raft.core.phases import Phase, Transaction

if TYPE_CHECKING:
    from gd2raft.daemon import Daemon


class Number(NamedTuple):
    name: str
    text: str
    value: float


class Telemetry(Collector):
    """See the module's docstring."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def register(self, registry: CollectorRegistry) -> None:
        registry.register(self)
        ProcessCollector(namespace="gd2raft", registry=registry)

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before the daemon runs."""
        return ()

    def collect(self) -> Iterator[Metric]:
        for number in (*self._log(), *self._pool(), *self._processes()):
            yield GaugeMetricFamily(f"gd2raft_{number.name}", number.text, value=number.value)
        yield from self._messages()

    def _log(self) -> list[Number]:
        status = self._daemon.member.store.status()
        return [
            Number("leader", "1 while this peer leads.", status.role == "leader"),
            Number("voter", "1 while this peer votes.", self._daemon.identity.peer_id in status.voters),
            Number("quorum", "1 while this peer knows a leader with a majority of the voters.", status.quorum),
            Number("term", "Term of the log.", status.term),
            Number("log_index", "Index of the last entry of this peer's log.", status.log_index),
            Number("applied_index", "Index of the last entry that is in this peer's state.", status.applied),
            Number("disk_full", "1 while the disk of the log is full.", status.disk_full),
        ]

    def _pool(self) -> list[Number]:
        view = self._daemon.view()
        found = [model.load(key, item.value, Transaction) for key, item in view.reader.list(model.TRANSACTIONS)]
        left = sum(key.count("/") == 2 for key, _ in view.reader.list(model.LEFTOVERS))
        volumes = view.volumes()
        return [
            Number("peers", "Peers of the pool.", len(self._daemon.member.members())),
            Number("peers_online", "Peers that are in sight.", len(self._daemon.online())),
            Number("volumes", "Volumes of the pool.", len(volumes)),
            Number("volumes_started", "Volumes that are started.", sum(v.state is model.VolumeState.STARTED for v in volumes)),
            Number("transactions", "Commands that are under way.", len(found)),
            Number("transactions_stuck", "Commands that could not be undone and hold locks.", sum(t.phase is Phase.STUCK for t in found)),
            Number("undos_left", "Undos that peers still have to do.", left),
        ]

    def _processes(self) -> list[Number]:
        processes = self._daemon.processes
        statuses = [processes.status(key) for key in processes.keys()]
        bricks = [s for s in statuses if s.key.startswith("/")]
        services = [s for s in statuses if not s.key.startswith("/")]
        return [
            Number("bricks", "Bricks that should run here, or still do.", len(bricks)),
            Number("bricks_online", "Bricks of this peer that serve.", sum(s.online for s in bricks)),
            Number("services", "Daemons beside the bricks (self-heal and the like) that should run here, or still do.", len(services)),
            Number("services_online", "Those of them that run.", sum(s.online for s in services)),
            Number("restarts", "Unasked-for restarts of these processes since the daemon started.", sum(s.restarts for s in statuses)),
        ]

    def _messages(self) -> Iterator[Metric]:
        frames = CounterMetricFamily("gd2raft_rpc_frames", "Messages between daemons.", labels=("method", "direction"))
        size = CounterMetricFamily("gd2raft_rpc_bytes", "Bytes of these messages.", labels=("method", "direction"))
        for method, tally in sorted(self._daemon.traffic.by_method.items()):
            for direction, count, total in (("in", tally.frames_in, tally.bytes_in), ("out", tally.frames_out, tally.bytes_out)):
                frames.add_metric((method, direction), count)
                size.add_metric((method, direction), total)
        yield frames
        yield size
