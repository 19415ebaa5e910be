"""The commands: one file, one command. PURE. COMMANDS is made of the files here and of entry points `gd2raft.commands`."""
