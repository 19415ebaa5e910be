"""Counters of the REST server, for Prometheus. Only numbers: nothing that names a volume or a peer."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.requests = Counter("gd2raft_rest_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry)
        self.seconds = Histogram("gd2raft_rest_seconds", "Time to answer.", ["route"], buckets=BUCKETS_S, registry=self.registry)
        self.connections = Gauge("gd2raft_rest_connections", "Open connections.", registry=self.registry)
        self.refused = Counter(
            "gd2raft_rest_connections_refused", "Connections refused because there were too many.", registry=self.registry
        )
        self.revision = Gauge("gd2raft_revision", "Revision of this peer's state.", registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)
