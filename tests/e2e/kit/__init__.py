"""Real daemons, bricks and mounts for end-to-end tests. It must not know gd2raft's modules: it drives the programs, as users do."""
