"""Routes of rooms, their members, and the ways in."""

from typing import Any

from django.urls import path

from api.v1.chat import joining_views, member_views, room_views

_ROOM = "chat/rooms/<uuid:room_id>/"


def _of(viewset: Any, **actions: str) -> Any:
    return viewset.as_view(actions)


_rooms = room_views.RoomViewSet
_members = member_views.MemberViewSet
_bans = member_views.BanViewSet
_links = joining_views.LinkViewSet
_invitations = joining_views.InvitationViewSet
_requests = joining_views.RequestViewSet
_own = joining_views.OwnInvitationViewSet

urlpatterns = [
    path("chat/rooms/", _of(_rooms, get="list", post="create"), name="chat-room-list"),
    path("chat/rooms/discover/", _of(room_views.DiscoverViewSet, get="list"), name="chat-room-discover"),
    path("chat/rooms/direct/", room_views.DirectView.as_view(), name="chat-room-direct"),
    path(_ROOM, _of(_rooms, get="retrieve", patch="partial_update", delete="destroy"), name="chat-room-detail"),
    path(f"{_ROOM}archive/", _of(_rooms, post="archive"), name="chat-room-archive"),
    path(f"{_ROOM}unarchive/", _of(_rooms, post="unarchive"), name="chat-room-unarchive"),
    path(f"{_ROOM}join/", _of(_rooms, post="join"), name="chat-room-join"),
    path(f"{_ROOM}leave/", _of(_rooms, post="leave"), name="chat-room-leave"),
    path(f"{_ROOM}me/", room_views.PlaceView.as_view(), name="chat-room-me"),
    path(f"{_ROOM}members/", _of(_members, get="list", post="create"), name="chat-member-list"),
    path(f"{_ROOM}members/<uuid:user_id>/", _of(_members, patch="partial_update", delete="destroy"), name="chat-member-detail"),
    path(f"{_ROOM}bans/", _of(_bans, get="list", post="create"), name="chat-ban-list"),
    path(f"{_ROOM}bans/<uuid:user_id>/", _of(_bans, delete="destroy"), name="chat-ban-detail"),
    path(f"{_ROOM}links/", _of(_links, get="list", post="create"), name="chat-link-list"),
    path(f"{_ROOM}links/<uuid:link_id>/", _of(_links, delete="destroy"), name="chat-link-detail"),
    path(f"{_ROOM}invitations/", _of(_invitations, get="list", post="create"), name="chat-invitation-list"),
    path(f"{_ROOM}invitations/<uuid:invitation_id>/", _of(_invitations, delete="destroy"), name="chat-invitation-detail"),
    path(f"{_ROOM}requests/", _of(_requests, get="list", post="create"), name="chat-request-list"),
    path(f"{_ROOM}requests/<uuid:request_id>/approve/", _of(_requests, post="approve"), name="chat-request-approve"),
    path(f"{_ROOM}requests/<uuid:request_id>/reject/", _of(_requests, post="reject"), name="chat-request-reject"),
    path("chat/join/", joining_views.LinkJoinView.as_view(), name="chat-join"),
    path("chat/join/preview/", joining_views.LinkPreviewView.as_view(), name="chat-join-preview"),
    path("chat/join/guest/", joining_views.GuestJoinView.as_view(), name="chat-join-guest"),
    path("chat/invitations/", _of(_own, get="list"), name="chat-own-invitation-list"),
    path("chat/invitations/<uuid:invitation_id>/accept/", _of(_own, post="accept"), name="chat-own-invitation-accept"),
    path("chat/invitations/<uuid:invitation_id>/decline/", _of(_own, post="decline"), name="chat-own-invitation-decline"),
]
