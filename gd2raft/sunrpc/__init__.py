"""What GlusterFS itself speaks: ONC RPC records, XDR, handshake, portmap, callbacks, brick operations.

The daemon hands in a `Backend`; this room knows nothing of volumes, peers, the store or processes.
Front doors: `server.SunRpcServer`, `peek.PortMux`, `brickop.BrickOpClient`; `api` has the types between them and the daemon.
"""
