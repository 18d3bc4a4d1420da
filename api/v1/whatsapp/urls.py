"""Routes of the WhatsApp module: `sessions/`, `messages/` and `whatsapp/hooks/`."""

from typing import Any

from django.urls import path

from api.v1.whatsapp import bulk_views, contact_views, hook_views, session_views, views

_LIST: dict[str, Any] = {"get": "list"}
_ONE: dict[str, Any] = {"get": "retrieve"}


def _message(action: str) -> Any:
    return views.MessageViewSet.as_view({"post": action})


def _bulk(action: str) -> Any:
    return bulk_views.BulkViewSet.as_view({"post": action})


urlpatterns = [
    path("sessions/status/", session_views.StatusView.as_view(), name="whatsapp-session"),
    path("sessions/init/", session_views.InitView.as_view(), name="whatsapp-session-init"),
    path("sessions/disconnect/", session_views.DisconnectView.as_view(), name="whatsapp-session-disconnect"),
    path("sessions/restart/", session_views.RestartView.as_view(), name="whatsapp-session-restart"),
    path("sessions/qr/", session_views.CodeView.as_view(), name="whatsapp-session-qr"),
    path("sessions/pace/", session_views.PaceView.as_view(), name="whatsapp-session-pace"),
    path("sessions/drivers/", session_views.DriversView.as_view(), name="whatsapp-drivers"),
    path("sessions/sandbox/", session_views.SandboxView.as_view(), name="whatsapp-sandbox"),
    path("sessions/sandbox/scan/", session_views.SandboxScanView.as_view(), name="whatsapp-sandbox-scan"),
    path("sessions/sandbox/receive/", session_views.SandboxReceiveView.as_view(), name="whatsapp-sandbox-receive"),
    path("messages/", views.MessageViewSet.as_view(_LIST), name="whatsapp-message-list"),
    path("messages/send-text/", views.SendTextView.as_view(), name="whatsapp-send-text"),
    path("messages/send-media/", views.SendMediaView.as_view(), name="whatsapp-send-media"),
    path("messages/send-template/", views.SendTemplateView.as_view(), name="whatsapp-send-template"),
    path("messages/send-bulk/", bulk_views.SendBulkView.as_view(), name="whatsapp-send-bulk"),
    path("messages/check-number/", views.CheckNumberView.as_view(), name="whatsapp-check-number"),
    path("messages/bulks/", bulk_views.BulkViewSet.as_view(_LIST), name="whatsapp-bulk-list"),
    path("messages/bulks/<uuid:pk>/", bulk_views.BulkViewSet.as_view(_ONE), name="whatsapp-bulk-detail"),
    path("messages/bulks/<uuid:pk>/pause/", _bulk("pause"), name="whatsapp-bulk-pause"),
    path("messages/bulks/<uuid:pk>/resume/", _bulk("resume"), name="whatsapp-bulk-resume"),
    path("messages/bulks/<uuid:pk>/cancel/", _bulk("cancel"), name="whatsapp-bulk-cancel"),
    path("messages/media/", contact_views.MediaViewSet.as_view({**_LIST, "post": "create"}), name="whatsapp-media-list"),
    path(
        "messages/media/<uuid:pk>/",
        contact_views.MediaViewSet.as_view({**_ONE, "delete": "destroy"}),
        name="whatsapp-media-detail",
    ),
    path(
        "messages/media/<uuid:pk>/content/", contact_views.MediaViewSet.as_view({"get": "content"}), name="whatsapp-media-content"
    ),
    path("messages/conversations/", contact_views.ConversationViewSet.as_view(_LIST), name="whatsapp-conversation-list"),
    path("messages/opt-outs/", contact_views.OptOutViewSet.as_view({**_LIST, "post": "create"}), name="whatsapp-opt-out-list"),
    path(
        "messages/opt-outs/<uuid:pk>/", contact_views.OptOutViewSet.as_view({"delete": "destroy"}), name="whatsapp-opt-out-detail"
    ),
    path("messages/<uuid:pk>/", views.MessageViewSet.as_view(_ONE), name="whatsapp-message-detail"),
    path("messages/<uuid:pk>/cancel/", _message("cancel"), name="whatsapp-message-cancel"),
    path("messages/<uuid:pk>/retry/", _message("retry"), name="whatsapp-message-retry"),
    path("whatsapp/hooks/<slug:driver>/", hook_views.HookView.as_view(), name="whatsapp-hook"),
    path("whatsapp/hooks/<slug:driver>/<uuid:session_id>/", hook_views.SessionHookView.as_view(), name="whatsapp-session-hook"),
]
