"""Routes of files and incoming webhooks."""

from django.urls import path

from api.v1.chat import file_views, incoming_views

urlpatterns = [
    path("chat/files/", file_views.ChatFilesView.as_view(), name="chat-files"),
    path("chat/files/<uuid:pk>/", file_views.ChatFileView.as_view(), name="chat-file"),
    path("chat/files/<uuid:pk>/content/", file_views.ChatFileContentView.as_view(), name="chat-file-content"),
    path("chat/files/<uuid:pk>/thumbnail/", file_views.ChatFileThumbnailView.as_view(), name="chat-file-thumbnail"),
    path(
        "chat/rooms/<uuid:room_id>/webhooks/",
        incoming_views.RoomWebhooksView.as_view({"get": "list", "post": "create"}),
        name="chat-incoming-webhooks",
    ),
    path("chat/webhooks/<uuid:pk>/", incoming_views.WebhookView.as_view(), name="chat-incoming-webhook"),
    path("chat/incoming/<uuid:pk>/<str:token>/", incoming_views.IncomingView.as_view(), name="chat-incoming"),
]
