"""The engine: runs commands. leader.py drives transactions where the leader is, initiator.py brings a request there and its answer back.

It knows the Store interface and the pure core; how steps travel to peers is handed in as a function.
"""
