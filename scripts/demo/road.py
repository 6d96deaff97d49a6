#!/usr/bin/env python3
"""road.py PORT TARGET: the road to the bus: passes TCP connections to 127.0.0.1:PORT on to TARGET.

Ending this program is an outage: its port refuses, what was under way breaks off, and the bus
behind it keeps what it has.
"""
import asyncio
import contextlib
import sys

CHUNK = 65536


async def pass_on(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(port, target):
    async def connection(reader, writer):
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, onward_writer), pass_on(onward_reader, writer))

    server = await asyncio.start_server(connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:3])))
