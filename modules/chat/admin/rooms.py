"""Everybody's rooms: of what kind, how large, how they stand; they can be put away and taken out again."""

from collections.abc import Collection
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.enums import ActionVariant

from core.admin_pages import Confirmation, KeysetAdmin, directory
from core.admin_pages.decorators import button, display
from core.admin_pages.filters import TimeRangeFilter, by
from modules.chat.models import Member, Room
from modules.chat.services import house

_STATES = {"open": "success", "archived": "warning", "deleted": "danger"}


class StateFilter(DropdownFilter):
    """Open, put away or ended."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [("open", "Open"), ("archived", "Archived"), ("deleted", "Deleted")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The rooms in the chosen one."""
        match self.value():
            case "open":
                return queryset.filter(archived_at=None, deleted_at=None)
            case "archived":
                return queryset.filter(archived_at__isnull=False, deleted_at=None)
            case "deleted":
                return queryset.filter(deleted_at__isnull=False)
        return queryset


@admin.register(Room)
class RoomAdmin(KeysetAdmin):
    """Rooms."""

    icon = "forum"
    menu_order = 1
    named: ClassVar[dict[str, str]] = {"created_by_id": "user"}
    list_display = ("shown_name", "kind", "member_count", "shown_messages", "shown_state", "last_message_at", "created_at")
    list_filter = (
        StateFilter,
        ("kind", ChoicesDropdownFilter),
        ("join_rule", ChoicesDropdownFilter),
        by("chat_member", field="id", title="member", parameter="member"),
        ("created_at", TimeRangeFilter),
    )
    search_fields = ("name",)
    search_help_text = "A part of the name, or the id"
    actions: Any = ("archive_chosen",)
    actions_detail = ("unarchive", "archive")
    change_form_outer_after_template = "core/admin/links.html"
    fieldsets = (
        (None, {"fields": ("shown_name", "topic", "kind", "shown_state", "shown_maker", "id")}),
        ("Rules", {"fields": ("join_rule", "history", "slow_mode_seconds", "retention_days")}),
        ("Numbers", {"fields": ("member_count", "shown_messages", "last_message_at")}),
        ("Dates", {"fields": ("created_at", "updated_at", "archived_at", "deleted_at")}),
    )
    readonly_fields = ("shown_name", "shown_state", "shown_maker", "shown_messages")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All that is shown."""
        return (*self.readonly_fields, "id")

    def find(self, text: str) -> list[UUID]:
        """By a part of the name."""
        return find_rooms(text)

    def allowed(self, request: HttpRequest, thing: Room) -> set[str]:
        """What its state allows."""
        if thing.deleted_at is not None:
            return set()
        return {"unarchive" if thing.archived_at is not None else "archive"}

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The room, with ways to what is in it and its history."""
        context = {"show_history": True, **(extra_context or {})}
        if object_id and (room := self.get_object(request, object_id)) is not None:
            context["links"] = directory.links("chat_room", room.pk)
        return super().changeform_view(request, object_id, form_url, context)

    @display(description="room")
    def shown_name(self, room: Room) -> str:
        """Its name; a direct one has none."""
        return str(room)

    @display(description="messages")
    def shown_messages(self, room: Room) -> int:
        """How many were ever written in it, answers in threads apart."""
        return room.last_number

    @display(description="state", label=_STATES)
    def shown_state(self, room: Room) -> str:
        """How it stands."""
        if room.deleted_at is not None:
            return "deleted"
        return "archived" if room.archived_at is not None else "open"

    @display(description="made by")
    def shown_maker(self, room: Room) -> Any:
        """Who made it."""
        return self.named_link(room, "created_by_id")

    @admin.action(description="Archive: nothing changes in them any more")
    def archive_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask, then put the chosen ones away."""
        asked = Confirmation(title="Archive", question="Put these rooms away? Nobody writes in them any more.", button="Archive")
        return self.ask_of_chosen(request, queryset, asked, lambda room: _archive(request, room), "{} archived.")

    @button(description="Archive", icon="archive", variant=ActionVariant.DANGER, permissions=["view"])
    def archive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then put it away."""
        asked = Confirmation(title="Archive", question="Put this room away? Nobody writes in it any more.", button="Archive")
        return self.ask(request, object_id, asked, lambda room: _archive(request, room), "The room is archived.")

    @button(description="Take out again", icon="unarchive", permissions=["view"])
    def unarchive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then take it out again."""
        asked = Confirmation(
            title="Take out", question="Let its members write in this room again?", button="Take out", danger=False
        )
        return self.ask(request, object_id, asked, lambda room: _unarchive(request, room), "The room is open again.")


def find_rooms(text: str) -> list[UUID]:
    """Rooms whose name has this in it."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    # Django's icontains asks for upper case, which the index does not know.
    has_it = RawSQL('"chat_room"."name" ILIKE %s', [f"%{escaped}%"], output_field=BooleanField())
    found = Room.objects.filter(has_it).order_by("-created_at", "-pk")
    return list(found.values_list("pk", flat=True)[: directory.MAX_FOUND])


def _rooms_of(text: str) -> list[UUID]:
    """The rooms that somebody is in."""
    found = Member.objects.filter(user_id__in=directory.find("user", text)).order_by("-joined_at")
    return list(found.values_list("room_id", flat=True)[: directory.MAX_FOUND])


def _names(ids: Collection[UUID]) -> dict[UUID, str]:
    return {room.pk: str(room) for room in Room.objects.filter(pk__in=ids).only("name")}


def _archive(request: HttpRequest, room: Room) -> None:
    actor: Any = request.user
    house.archive_room(room=room, actor=actor, is_archived=True)


def _unarchive(request: HttpRequest, room: Room) -> None:
    actor: Any = request.user
    house.archive_room(room=room, actor=actor, is_archived=False)


directory.register("chat_room", directory.Kind(_names, find_rooms, "admin:chat_room_change"))
# For the filter by member: who types a person means that one's rooms.
directory.register("chat_member", directory.Kind(_names, _rooms_of, "admin:chat_room_change"))
