"""As little as there can be: one Redis subscription and `websockets.broadcast()`."""

import os
import sys

import uvloop
from redis.asyncio import Redis
from websockets.asyncio.server import ServerConnection, broadcast, serve

CHANNEL = "bench:bare"


async def main(port: int) -> None:
    """Serve until killed."""
    everyone: set[ServerConnection] = set()

    async def room(connection: ServerConnection) -> None:
        everyone.add(connection)
        try:
            async for _ in connection:
                await connection.send('{"ok":true}')
        finally:
            everyone.discard(connection)

    async with serve(room, "127.0.0.1", port, compression=None), Redis.from_url(os.environ["REDIS_URL"]).pubsub() as pubsub:
        await pubsub.subscribe(CHANNEL)
        async for message in pubsub.listen():
            if message["type"] == "message":
                broadcast(everyone, message["data"].decode())


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
