"""The other side: stock Channels with its pub/sub layer, as its documentation shows it."""

import os
from typing import Any

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

GROUP = "room"

if not settings.configured:
    settings.configure(
        SECRET_KEY="bench-only-not-a-secret-00000000000000000",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["channels"],
        CHANNEL_LAYERS={
            "default": {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
            }
        },
        LOGGING_CONFIG=None,
    )
    django.setup()


class Room(AsyncWebsocketConsumer):
    """A room that everybody is in."""

    async def connect(self) -> None:
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send('{"ok":true}')

    async def said(self, event: dict[str, Any]) -> None:
        await self.send(event["text"])


application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": URLRouter([path("ws/", Room.as_asgi())])})
