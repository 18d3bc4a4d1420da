"""Routes of messages."""

from typing import Any

from django.urls import path

from api.v1.chat import message_views, report_views, search_views, thread_views

_LIST: dict[str, Any] = {"get": "list"}
_REACTIONS: dict[str, Any] = {"get": "list", "put": "react", "delete": "unreact"}
_ROOM = "chat/rooms/<uuid:room_id>/"
_ONE = f"{_ROOM}messages/<uuid:message_id>/"


def _report(action: str) -> Any:
    return report_views.ReportActionsViewSet.as_view({"post": action})


urlpatterns = [
    path(f"{_ROOM}messages/", message_views.MessagesView.as_view(), name="chat-message-list"),
    path(_ONE, message_views.MessageView.as_view(), name="chat-message-detail"),
    path(f"{_ONE}edits/", message_views.MessageEditsViewSet.as_view(_LIST), name="chat-message-edits"),
    path(f"{_ONE}reactions/", message_views.ReactionsViewSet.as_view(_REACTIONS), name="chat-reactions"),
    path(f"{_ONE}pin/", message_views.PinView.as_view(), name="chat-pin"),
    path(f"{_ONE}thread/", thread_views.ThreadView.as_view(), name="chat-thread"),
    path(f"{_ONE}follow/", thread_views.FollowView.as_view(), name="chat-thread-follow"),
    path(f"{_ONE}report/", report_views.ReportView.as_view(), name="chat-report"),
    path(f"{_ROOM}pins/", message_views.PinsView.as_view(), name="chat-pin-list"),
    path(f"{_ROOM}read/", thread_views.ReadView.as_view(), name="chat-read"),
    path(f"{_ROOM}typing/", thread_views.TypingView.as_view(), name="chat-typing"),
    path(f"{_ROOM}export/", message_views.ExportView.as_view(), name="chat-export"),
    path(f"{_ROOM}reports/", report_views.ReportsViewSet.as_view(_LIST), name="chat-report-list"),
    path("chat/reports/<uuid:pk>/resolve/", _report("resolve"), name="chat-report-resolve"),
    path("chat/reports/<uuid:pk>/dismiss/", _report("dismiss"), name="chat-report-dismiss"),
    path("chat/threads/", thread_views.ThreadsViewSet.as_view(_LIST), name="chat-thread-list"),
    path("chat/mentions/", thread_views.MentionsViewSet.as_view(_LIST), name="chat-mention-list"),
    path("chat/unread/", thread_views.UnreadView.as_view(), name="chat-unread"),
    path("chat/search/", search_views.SearchViewSet.as_view(_LIST), name="chat-search"),
]
