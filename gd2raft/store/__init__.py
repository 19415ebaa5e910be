"""The store: where the cluster's configuration lives, and the only way to change it.

`Store` (interface.py) is what the rest of the daemon sees: get, list, commit, watch. Behind it: Raft on the PySyncObj
kernel (raft/), memory (memory.py, for tests and tools). An etcd behind it must stay possible.
"""
