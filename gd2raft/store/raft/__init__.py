"""Raft behind `Store`: the PySyncObj kernel and everything of ours that makes it safe. docs/design/consensus.md is the map."""
