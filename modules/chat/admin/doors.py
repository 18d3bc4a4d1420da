"""Who is in rooms, who must stay out, and the ways in: links, and webhooks that write. Tokens are not known here either."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.enums import ActionVariant

from core.admin_pages import Confirmation, KeysetAdmin, directory
from core.admin_pages.decorators import button, display
from core.admin_pages.filters import by
from modules.chat.models import Ban, IncomingWebhook, InviteLink, Member
from modules.chat.services import house

_BY_ROOM = by("chat_room", field="room_id", title="room", parameter="room")
_BY_USER = by("user", field="user_id", title="user", parameter="user")


class _OfRoomAdmin(KeysetAdmin):
    keyset = ("id",)
    person = "user_id"

    @display(description="room")
    def shown_room(self, row: Any) -> Any:
        """Which room."""
        return self.named_link(row, "room_id")

    @display(description="user")
    def shown_person(self, row: Any) -> Any:
        """Who."""
        return self.named_link(row, self.person)


@admin.register(Member)
class MemberAdmin(_OfRoomAdmin):
    """Members."""

    icon = "groups"
    menu_order = 5
    named: ClassVar[dict[str, str]] = {"room_id": "chat_room", "user_id": "user"}
    list_display = ("shown_person", "shown_room", "role", "joined_at", "read_number", "muted_until")
    list_filter = (("role", ChoicesDropdownFilter), _BY_ROOM, _BY_USER)
    fields = ("shown_person", "shown_room", "role", "joined_at", "read_number", "read_at", "last_sent_at", "muted_until", "level")
    readonly_fields = ("shown_person", "shown_room")


@admin.register(Ban)
class BanAdmin(_OfRoomAdmin):
    """Bans."""

    icon = "block"
    menu_order = 6
    named: ClassVar[dict[str, str]] = {"room_id": "chat_room", "user_id": "user", "banned_by_id": "user"}
    list_display = ("created_at", "shown_person", "shown_room", "shown_by", "reason", "until")
    list_filter = (_BY_ROOM, _BY_USER)
    fields = ("shown_person", "shown_room", "shown_by", "reason", "until", "created_at")
    readonly_fields = ("shown_person", "shown_room", "shown_by")

    @display(description="banned by")
    def shown_by(self, ban: Ban) -> Any:
        """Who did it."""
        return self.named_link(ban, "banned_by_id")


@admin.register(InviteLink)
class InviteLinkAdmin(_OfRoomAdmin):
    """Invite links."""

    icon = "link"
    menu_order = 7
    noun = "link"
    person = "created_by_id"
    named: ClassVar[dict[str, str]] = {"room_id": "chat_room", "created_by_id": "user"}
    deferred = ("digest",)
    list_display = ("created_at", "shown_room", "shown_person", "role", "uses", "max_uses", "expires_at", "revoked_at")
    list_filter = (("role", ChoicesDropdownFilter), _BY_ROOM)
    actions_detail = ("revoke",)
    fields = ("shown_room", "shown_person", "role", "uses", "max_uses", "created_at", "expires_at", "revoked_at")
    readonly_fields = ("shown_room", "shown_person")

    def allowed(self, request: HttpRequest, thing: InviteLink) -> set[str]:
        """What its state allows."""
        return {"revoke"} if thing.revoked_at is None else set()

    @button(description="Revoke", icon="link_off", variant=ActionVariant.DANGER, permissions=["view"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then end it."""
        asked = Confirmation(title="Revoke", question="End this link? Who came in by it stays.", button="Revoke")
        return self.ask(request, object_id, asked, self.acting(request, house.revoke_link), "The link is revoked.")


@admin.register(IncomingWebhook)
class IncomingWebhookAdmin(_OfRoomAdmin):
    """Incoming webhooks."""

    icon = "webhook"
    menu_order = 8
    noun = "webhook"
    person = "created_by_id"
    named: ClassVar[dict[str, str]] = {"room_id": "chat_room", "created_by_id": "user"}
    deferred = ("digest",)
    list_display = ("name", "shown_room", "shown_person", "is_active", "last_used_at", "created_at")
    list_filter = (("is_active", BooleanRadioFilter), _BY_ROOM)
    actions_detail = ("deactivate",)
    fields = ("name", "shown_room", "shown_person", "is_active", "last_used_at", "created_at")
    readonly_fields = ("shown_room", "shown_person")

    def allowed(self, request: HttpRequest, thing: IncomingWebhook) -> set[str]:
        """What its state allows."""
        return {"deactivate"} if thing.is_active else set()

    @button(description="Deactivate", icon="block", variant=ActionVariant.DANGER, permissions=["view"])
    def deactivate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then stop it."""
        asked = Confirmation(title="Deactivate", question="Stop this webhook? What it wrote stays.", button="Deactivate")
        return self.ask(request, object_id, asked, self.acting(request, house.deactivate_webhook), "The webhook is stopped.")


def _list_of(model: str, title: str, icon: str) -> Callable[[UUID], directory.Link]:
    def make(key: UUID) -> directory.Link:
        return directory.Link(title, f"{reverse(f'admin:chat_{model}_changelist')}?room={key}", icon)

    return make


for _model, _title, _icon in (
    ("member", "Members", "groups"),
    ("chatfile", "Files", "attach_file"),
    ("report", "Open reports", "flag"),
    ("ban", "Bans", "block"),
    ("invitelink", "Invite links", "link"),
    ("incomingwebhook", "Incoming webhooks", "webhook"),
):
    directory.register_link("chat_room", _list_of(_model, _title, _icon))
