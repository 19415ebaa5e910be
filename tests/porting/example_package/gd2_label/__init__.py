"""gd2 volume label: a command, a step and CLI words for gd2raft, in a package of their own."""
