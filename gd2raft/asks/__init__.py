"""What a peer can be asked, or told, about the running processes of a volume, beside the replicated state: one file = one subject.

Nothing here changes the state. An ask runs on the peer that has the process (remote.py brings it there); what comes back is JSON.
"""
