"""heketi's metrics under its own names, for dashboards that were made for it. They stand in /metrics beside ours.

heketi tells of all devices; here each peer tells of its own, so that a pool of a thousand peers doesn't have a thousand series a peer, and sums
over all peers are right. Counts of the cluster are told by every peer. Bytes, as heketi since its version 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gd2raft.core import devices
from gd2raft.core.devices import hex_of
from gd2raft.rest.api import Api
from gd2raft.rest.heketi import shapes

OF_DEVICE = {
    "size_bytes": "Total size of the device.",
    "free_bytes": "Space of the device that is free.",
    "used_bytes": "Space of the device that bricks have.",
    "brick_count": "Bricks on the device.",
}


class Figures(Collector):
    def __init__(self, api: Api) -> None:
        self._api = api

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before the daemon runs."""
        return ()

    def collect(self) -> Iterator[Metric]:
        view, cluster = self._api.view(), hex_of(self._api.cluster_id())
        yield GaugeMetricFamily("heketi_up", "1: the daemon answers.", value=1)
        yield GaugeMetricFamily("heketi_cluster_count", "Clusters: there is one, the pool.", value=1)
        yield gauge("nodes_count", "Nodes of the cluster: peers.", {(cluster,): len(shapes.nodes(view))}, "cluster")
        yield gauge("volumes_count", "Volumes of the cluster.", {(cluster,): len(view.volumes())}, "cluster")
        yield gauge("block_volumes_count", "Block volumes of the cluster: none.", {(cluster,): 0}, "cluster")
        peer = view.peer(self._api.peer_id)
        host = shapes.managed(peer) or peer.hostname if peer is not None else ""
        mine = devices.of_peer(view, self._api.peer_id)
        yield gauge("device_count", "Devices of this peer.", {(cluster, host): len(mine)}, "cluster", "hostname")
        held = [(device, devices.spaces(view, device.id)) for device in mine]
        for name, text in OF_DEVICE.items():
            values: dict[tuple[str, ...], int] = {(cluster, host, device.path): figure(name, device, spaces) for device, spaces in held}
            yield gauge(f"device_{name}", text, values, "cluster", "hostname", "device")


def figure(name: str, device: devices.Device, held: list[devices.Space]) -> int:
    return {
        "size_bytes": device.size,
        "free_bytes": devices.free(device, held),
        "used_bytes": devices.used(held),
        "brick_count": sum(not space.leaving for space in held),
    }[name]


def gauge(name: str, text: str, values: Mapping[tuple[str, ...], int], *labels: str) -> Metric:
    family = GaugeMetricFamily(f"heketi_{name}", text, labels=labels)
    for which, value in values.items():
        family.add_metric(which, value)
    return family
