"""The pure core: decisions without I/O. Nothing here imports asyncio, sockets, files, clocks, random or logging."""
