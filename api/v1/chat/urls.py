"""Routes of chat: `chat/…`."""

from api.v1.chat import file_urls, message_urls, room_urls

urlpatterns = [*room_urls.urlpatterns, *message_urls.urlpatterns, *file_urls.urlpatterns]
