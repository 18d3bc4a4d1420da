"""Everybody's files, by what is known of them. What is in them is their rooms' business: nothing is downloaded here."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from core.admin_pages import KeysetAdmin, directory
from core.admin_pages.decorators import display
from core.admin_pages.filters import TimeRangeFilter, by
from modules.chat.models import ChatFile


class SentFilter(DropdownFilter):
    """Sent, or waiting for a message."""

    title = "sent"
    parameter_name = "sent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Both."""
        return [("yes", "Sent"), ("no", "Not sent")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The files that are so."""
        return queryset.filter(message__isnull=self.value() == "no") if self.value() in ("yes", "no") else queryset


@admin.register(ChatFile)
class ChatFileAdmin(KeysetAdmin):
    """Files."""

    icon = "attach_file"
    menu_order = 4
    keyset = ("id",)
    named: ClassVar[dict[str, str]] = {"owner_id": "user", "room_id": "chat_room"}
    list_display = ("created_at", "shown_owner", "shown_room", "filename", "mime_type", "shown_size", "shown_sent")
    list_filter = (
        SentFilter,
        ("kind", ChoicesDropdownFilter),
        by("user", field="owner_id", title="owner", parameter="owner"),
        by("chat_room", field="room_id", title="room", parameter="room"),
        ("created_at", TimeRangeFilter),
    )
    fields = (
        "shown_owner",
        "shown_room",
        "shown_message",
        "filename",
        "kind",
        "mime_type",
        "shown_size",
        "width",
        "height",
        "created_at",
    )
    readonly_fields = ("shown_owner", "shown_room", "shown_message", "shown_size")

    @display(description="owner")
    def shown_owner(self, file: ChatFile) -> Any:
        """Who uploaded it."""
        return self.named_link(file, "owner_id")

    @display(description="room")
    def shown_room(self, file: ChatFile) -> Any:
        """Where it was sent."""
        return self.named_link(file, "room_id")

    @display(description="message")
    def shown_message(self, file: ChatFile) -> Any:
        """What it went with."""
        return directory.show("chat_message", file.message_id, str(file.message_id))

    @display(description="size")
    def shown_size(self, file: ChatFile) -> str:
        """As people say it."""
        return filesizeformat(file.size)

    @display(description="sent", boolean=True)
    def shown_sent(self, file: ChatFile) -> bool:
        """Whether a message has it."""
        return file.message_id is not None
