"""The steps: one file = what one step does, and undoes, on the peer that it runs on. Idempotent; they may touch disks and processes."""
