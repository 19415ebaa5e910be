"""Peer RPC: CBOR over TCP between daemons.

    service.py     methods, declared as data, and their table      wire.py       frames, pure
    hello.py       who is at the other end, and who may come in    handshake.py  proofs, pure
    connection.py  one agreed connection: call, notify             dispatch.py   serving its calls
    server.py      listening                                       opening.py    socket -> agreed connection, dial
    pool.py        connections by address, for calls to many peers
    cbor.py  errors.py  limits.py  traffic.py

Must not know: the store, REST, GlusterFS's own protocols. What it needs of them is handed in.
"""
