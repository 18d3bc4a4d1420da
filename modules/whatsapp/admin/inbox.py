"""What gateways told, as they told it, and whether it was worked off."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from core.admin_pages import KeysetAdmin, directory
from core.admin_pages.decorators import display
from core.admin_pages.filters import TimeRangeFilter, by
from core.admin_pages.values import written_json
from modules.whatsapp.models import InboundEvent


class StateFilter(DropdownFilter):
    """Waiting, done or not understood."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [("waiting", "Waiting"), ("done", "Worked off"), ("given_up", "Given up")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The events in the chosen one."""
        match self.value():
            case "waiting":
                return queryset.filter(processed_at__isnull=True)
            case "done":
                return queryset.filter(processed_at__isnull=False, error="")
            case "given_up":
                return queryset.filter(processed_at__isnull=False).exclude(error="")
        return queryset


@admin.register(InboundEvent)
class InboundEventAdmin(KeysetAdmin):
    """Gateway events."""

    icon = "move_to_inbox"
    menu_order = 5
    keyset = ("received_at", "id")
    named: ClassVar[dict[str, str]] = {"session_id": "whatsapp_session"}
    deferred = ("payload",)
    list_display = ("received_at", "shown_session", "driver", "event_id", "shown_state", "tries", "error")
    list_filter = (
        StateFilter,
        ("driver", ChoicesDropdownFilter),
        by("whatsapp_session", field="session_id", title="session", parameter="session"),
        ("received_at", TimeRangeFilter),
    )
    fields = (
        "received_at",
        "shown_session",
        "driver",
        "event_id",
        "shown_state",
        "due_at",
        "processed_at",
        "tries",
        "error",
        "shown_payload",
    )
    readonly_fields = ("shown_session", "shown_state", "shown_payload")

    @display(description="session")
    def shown_session(self, event: InboundEvent) -> Any:
        """Which it is about."""
        return self.named_link(event, "session_id")

    @display(description="state", label={"waiting": "info", "worked off": "success", "given up": "danger"})
    def shown_state(self, event: InboundEvent) -> str:
        """Whether it was worked off."""
        if event.processed_at is None:
            return "waiting"
        return "given up" if event.error else "worked off"

    @display(description="told")
    def shown_payload(self, event: InboundEvent) -> SafeString:
        """Its beginning."""
        return written_json(event.payload)


def _events_of(key: UUID) -> directory.Link:
    address = reverse("admin:whatsapp_inboundevent_changelist")
    return directory.Link("Gateway events", f"{address}?session={key}", "move_to_inbox")


directory.register_link("whatsapp_session", _events_of)
