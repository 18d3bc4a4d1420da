"""Everybody's messages, to look at. The list is paged by position and never counted; what a message says is on its own page."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from core.admin_pages import KeysetAdmin, ReadOnlyInline, directory
from core.admin_pages.decorators import display
from core.admin_pages.filters import TimeRangeFilter, by
from core.admin_pages.values import written_json
from modules.whatsapp import selectors
from modules.whatsapp.admin.timeline import timeline
from modules.whatsapp.models import Message, MessageAttempt

_COLOURS = {
    "queued": "info",
    "sending": "info",
    "unknown": "warning",
    "sent": "success",
    "delivered": "success",
    "read": "success",
    "failed": "danger",
    "cancelled": "warning",
}
_IDS = ("client_reference", "provider_id", "client_message_id", "reply_to")


class AttemptInline(ReadOnlyInline):
    """What the attempts that did not go well met with."""

    model = MessageAttempt
    verbose_name_plural = "attempts that did not go well"
    fields = ("number", "started_at", "duration_ms", "error_code", "error_message")
    readonly_fields = fields


@admin.register(Message)
class MessageAdmin(KeysetAdmin):
    """Messages."""

    icon = "chat"
    menu_order = 1
    named: ClassVar[dict[str, str]] = {"user_id": "user", "session_id": "whatsapp_session", "bulk_id": "whatsapp_bulk"}
    deferred = ("content", "template")
    list_display = (
        "created_at",
        "shown_user",
        "direction",
        "recipient",
        "message_type",
        "shown_status",
        "shown_error",
        "attempts",
        "shown_sandbox",
    )
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ("message_type", ChoicesDropdownFilter),
        ("is_sandbox", BooleanRadioFilter),
        by("user", field="user_id", title="user", parameter="user"),
        by("whatsapp_session", field="session_id", title="session", parameter="session"),
        by("whatsapp_bulk", field="bulk_id", title="bulk", parameter="bulk"),
        ("created_at", TimeRangeFilter),
    )
    search_fields = ("recipient",)
    search_help_text = "Recipient, id, client reference or the gateway's id, whole"
    inlines = (AttemptInline,)
    change_form_outer_before_template = "whatsapp/admin/timeline.html"
    readonly_fields = (
        "shown_user",
        "shown_session",
        "shown_bulk",
        "shown_status",
        "shown_media",
        "shown_template",
        "shown_sandbox",
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is empty is left out."""
        ids = [name for name in _IDS if getattr(obj, name, "")]
        text = [name for name in ("content",) if getattr(obj, name, "")]
        what = [name for name in ("template", "media") if getattr(obj, f"{name}_id" if name == "media" else name, None)]
        who = ["shown_user", "shown_session", *(["shown_bulk"] if getattr(obj, "bulk_id", None) else [])]
        return [
            (None, {"fields": ("direction", "recipient", "message_type", *text, *(f"shown_{name}" for name in what))}),
            ("Where it stands", {"fields": ("shown_status", "error_code", "error_message", "attempts", "expires_at")}),
            ("Whose it is", {"fields": (*who, "driver", "shown_sandbox", "quota_day")}),
            ("Names", {"fields": ("id", *ids)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All of them."""
        return (*self.readonly_fields, "id")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Attempts, where one did not go well."""
        return self.inlines if obj is not None and obj.attempt_log.exists() else ()

    def find(self, text: str) -> list[UUID]:
        """By a number or a reference."""
        return selectors.find_messages(text)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The message beneath its timeline."""
        message = self.get_object(request, object_id) if object_id else None
        context = {"steps": timeline(message)} if message is not None else {}
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    @display(description="user")
    def shown_user(self, message: Message) -> Any:
        """Whose it is."""
        return self.named_link(message, "user_id")

    @display(description="session")
    def shown_session(self, message: Message) -> Any:
        """By which it goes or came."""
        return self.named_link(message, "session_id")

    @display(description="bulk")
    def shown_bulk(self, message: Message) -> Any:
        """Of which it is a part."""
        return self.named_link(message, "bulk_id")

    @display(description="status", label=_COLOURS)
    def shown_status(self, message: Message) -> str:
        """Where it stands."""
        return message.status

    @display(description="error", empty_value="-")
    def shown_error(self, message: Message) -> str | None:
        """In a word or two; the page of one says more."""
        return message.error_code.replace("_", " ") or None

    @display(description="file")
    def shown_media(self, message: Message) -> Any:
        """What goes with it."""
        return directory.show("whatsapp_file", message.media_id, str(message.media) if message.media else None)

    @display(description="template")
    def shown_template(self, message: Message) -> SafeString:
        """Its name and parameters."""
        return written_json(message.template)

    @display(description="sandbox", boolean=True)
    def shown_sandbox(self, message: Message) -> bool:
        """Whether it never left the house."""
        return message.is_sandbox


def _messages_of(parameter: str) -> Any:
    def make(key: UUID) -> directory.Link:
        address = reverse("admin:whatsapp_message_changelist")
        title = "WhatsApp messages" if parameter == "user" else "Messages"
        return directory.Link(title, f"{address}?{parameter}={key}", "chat")

    return make


directory.register_link("user", _messages_of("user"))
directory.register_link("whatsapp_session", _messages_of("session"))
directory.register_link("whatsapp_bulk", _messages_of("bulk"))
