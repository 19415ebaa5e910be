"""`bench chaos`: real daemons under kills, cuts, slow links and broken disks, and what their clients were told.

run.py is the way through; docs/design/chaos.md says what is broken how, and what is checked.
"""
