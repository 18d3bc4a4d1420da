"""Routes of chat: `chat/…`."""

from django.urls import path

from api.v1.chat import file_urls, message_urls, room_urls
from api.v1.chat.presence_views import PresenceView

urlpatterns = [
    *room_urls.urlpatterns,
    path("chat/rooms/<uuid:room_id>/presence/", PresenceView.as_view(), name="chat-presence"),
    *message_urls.urlpatterns,
    *file_urls.urlpatterns,
]
