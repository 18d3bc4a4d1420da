"""Everybody's messages, to look at: paged by position and never counted."""

from collections.abc import Callable, Collection
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import Truncator
from unfold.contrib.filters.admin import BooleanRadioFilter, DropdownFilter

from core.admin_pages import KeysetAdmin, ReadOnlyInline, directory
from core.admin_pages.decorators import display
from core.admin_pages.filters import TimeRangeFilter, by
from core.admin_pages.values import written_json
from modules.chat.models import Message, MessageEdit

_FLAGS: dict[str, Callable[[Message], bool]] = {
    "pinned": lambda message: message.pinned_at is not None,
    "edited": lambda message: message.edited_at is not None,
    "deleted": lambda message: message.deleted_at is not None,
    "in a thread": lambda message: message.root_id is not None,
    "files": lambda message: message.file_count > 0,
    "bot": lambda message: message.is_bot,
}


class FlagFilter(DropdownFilter):
    """With files, deleted, edited or pinned."""

    title = "with"
    parameter_name = "flag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The flags."""
        return [("files", "Files"), ("deleted", "Deleted"), ("edited", "Edited"), ("pinned", "Pinned")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The messages that have the chosen one."""
        match self.value():
            case "files":
                return queryset.filter(file_count__gt=0)
            case "deleted" | "edited" | "pinned" as flag:
                return queryset.filter(**{f"{flag}_at__isnull": False})
        return queryset


class EditInline(ReadOnlyInline):
    """What it said before."""

    model = MessageEdit
    verbose_name_plural = "earlier texts"
    fields = ("edited_at", "text")
    readonly_fields = fields


@admin.register(Message)
class MessageAdmin(KeysetAdmin):
    """Messages."""

    icon = "chat_bubble"
    menu_order = 2
    keyset = ("id",)
    named: ClassVar[dict[str, str]] = {"room_id": "chat_room", "sender_id": "user"}
    deferred = ("previews", "reactions", "mentions")
    list_display = ("created_at", "shown_room", "shown_author", "shown_beginning", "shown_flags")
    list_filter = (
        FlagFilter,
        ("is_bot", BooleanRadioFilter),
        by("chat_room", field="room_id", title="room", parameter="room"),
        by("user", field="sender_id", title="sender", parameter="sender"),
        ("created_at", TimeRangeFilter),
    )
    search_fields = ("id",)
    search_help_text = "The id"
    inlines = (EditInline,)
    fieldsets = (
        (None, {"fields": ("shown_author", "text", "shown_flags")}),
        ("Where it is", {"fields": ("shown_room", "number", "shown_root", "shown_answered", "id", "cid")}),
        ("What became of it", {"fields": ("reply_count", "shown_reactions", "shown_previews")}),
        ("Dates", {"fields": ("created_at", "edited_at", "pinned_at", "deleted_at", "last_reply_at")}),
    )
    readonly_fields = (
        "shown_author",
        "shown_flags",
        "shown_room",
        "shown_root",
        "shown_answered",
        "shown_reactions",
        "shown_previews",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All of them."""
        return (*self.readonly_fields, "id")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Earlier texts, where there are some."""
        return self.inlines if obj is not None and obj.edited_at is not None else ()

    @display(description="room")
    def shown_room(self, message: Message) -> Any:
        """Where it is."""
        return self.named_link(message, "room_id")

    @display(description="author")
    def shown_author(self, message: Message) -> Any:
        """Who wrote it, under which name."""
        return message.author or self.named_link(message, "sender_id")

    @display(description="text", empty_value="-")
    def shown_beginning(self, message: Message) -> str | None:
        """Its beginning."""
        return Truncator(" ".join(message.text[:400].split())).chars(80) or None

    @display(description="flags", empty_value="-")
    def shown_flags(self, message: Message) -> str | None:
        """What is special about it."""
        return ", ".join(flag for flag, has in _FLAGS.items() if has(message)) or None

    @display(description="thread of", empty_value="-")
    def shown_root(self, message: Message) -> Any:
        """Whose thread it is in."""
        return directory.show("chat_message", message.root_id, str(message.root_id))

    @display(description="answers", empty_value="-")
    def shown_answered(self, message: Message) -> Any:
        """What it answers."""
        return directory.show("chat_message", message.reply_to_id, str(message.reply_to_id))

    @display(description="reactions")
    def shown_reactions(self, message: Message) -> Any:
        """How many of each."""
        return written_json(message.reactions)

    @display(description="previews")
    def shown_previews(self, message: Message) -> Any:
        """Of its links."""
        return written_json(message.previews)


def _messages_of(parameter: str, title: str) -> Callable[[UUID], directory.Link]:
    def make(key: UUID) -> directory.Link:
        return directory.Link(title, f"{reverse('admin:chat_message_changelist')}?{parameter}={key}", "chat_bubble")

    return make


def _names(ids: Collection[UUID]) -> dict[UUID, str]:
    return {key: str(key) for key in ids}


def _find(text: str) -> list[UUID]:  # noqa: ARG001 - by its id only
    return []


directory.register("chat_message", directory.Kind(_names, _find, "admin:chat_message_change"))
directory.register_link("chat_room", _messages_of("room", "Messages"))
directory.register_link("user", _messages_of("sender", "Chat messages"))
