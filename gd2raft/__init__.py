"""gd2raft: the management daemon of a GlusterFS pool, with its configuration in an embedded Raft store."""

__version__ = "0.1.0"
