"""REST /v1: GlusterD2's routes and shapes over HTTP. It knows commands and records; the rest of the daemon is handed in as an Api (api.py)."""
