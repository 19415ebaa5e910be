"""glusterfsd and glusterfs: spawn, adopt, watch, restart with back-off, ports.

Front door: `ProcessManager.follow(bricks, services)`. What should run is handed in as data; this room knows nothing of
volumes' records, the store or the wire. The processes outlive the daemon.
"""

from gd2raft.process.manager import ProcessManager
from gd2raft.process.specs import BrickSpec, Problem, ProcessStatus, ServiceSpec, Timing

__all__ = ["BrickSpec", "Problem", "ProcessManager", "ProcessStatus", "ServiceSpec", "Timing"]
