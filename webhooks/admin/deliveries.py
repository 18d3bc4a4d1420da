"""Everybody's deliveries and their attempts, to look at and to replay. The list is paged by position and never counted."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, TextFilter

from core.admin_pages import Confirmation, KeysetAdmin, ReadOnlyInline
from core.admin_pages.decorators import button, display
from core.admin_pages.filters import TimeRangeFilter, by
from core.admin_pages.values import written
from webhooks import services
from webhooks.choices import DeliveryStatus
from webhooks.models import WebhookAttempt, WebhookDelivery

MAX_SHOWN = 2000
_COLOURS = {"succeeded": "success", "pending": "info", "failed": "danger", "cancelled": "warning"}


class EventTypeFilter(TextFilter):
    """By the event's type, whole."""

    title = "event type"
    parameter_name = "event_type"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The deliveries of that type."""
        return queryset.filter(event_type=self.value()) if self.value() else queryset


class AttemptInline(ReadOnlyInline):
    """What the attempts met with."""

    model = WebhookAttempt
    fields = ("number", "started_at", "duration_ms", "status_code", "error", "response_head")
    readonly_fields = fields


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(KeysetAdmin):
    """Deliveries."""

    icon = "outbox"
    noun = "delivery"
    menu_order = 1
    keyset = ("created_at", "id")
    named: ClassVar[dict[str, str]] = {"endpoint_id": "webhook"}
    deferred = ("body",)
    list_display = (
        "created_at",
        "event_type",
        "shown_endpoint",
        "shown_status",
        "attempts",
        "last_status_code",
        "shown_error",
        "shown_next",
    )
    list_filter = (
        ("status", ChoicesDropdownFilter),
        EventTypeFilter,
        by("webhook", field="endpoint_id", title="webhook", parameter="webhook"),
        ("created_at", TimeRangeFilter),
    )
    search_fields = ("event_id",)
    search_help_text = "Id of the event or of the delivery, whole; `webhook-id` will do"
    actions: Any = ("replay_chosen",)
    actions_detail = ("replay",)
    inlines = (AttemptInline,)
    fields = (
        "shown_endpoint",
        "event_type",
        "event_id",
        "shown_status",
        "attempts",
        "created_at",
        "shown_next",
        "finished_at",
        "last_status_code",
        "last_error",
        "shown_body",
    )
    readonly_fields = ("shown_endpoint", "shown_status", "shown_next", "shown_body")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """What an id means."""
        text = search_term.strip()
        if not text:
            return queryset, False
        try:
            key = UUID(text.removeprefix("msg_"))
        except ValueError:
            return queryset.none(), False
        return queryset.filter(Q(pk=key) | Q(event_id=key)), False

    @display(description="webhook")
    def shown_endpoint(self, delivery: WebhookDelivery) -> Any:
        """Where to."""
        return self.named_link(delivery, "endpoint_id")

    @display(description="status", label=_COLOURS)
    def shown_status(self, delivery: WebhookDelivery) -> str:
        """Where it stands."""
        return delivery.status

    @display(description="next attempt", empty_value="-")
    def shown_next(self, delivery: WebhookDelivery) -> str | None:
        """When, while it is pending."""
        return written(delivery.next_attempt_at) if delivery.status == DeliveryStatus.PENDING else None

    @display(description="last error", empty_value="-")
    def shown_error(self, delivery: WebhookDelivery) -> str | None:
        """In a word or two; the page of one says more."""
        return delivery.last_error.replace("_", " ") or None

    @display(description="body")
    def shown_body(self, delivery: WebhookDelivery) -> str:
        """Its beginning."""
        return delivery.body[:MAX_SHOWN] + ("…" if len(delivery.body) > MAX_SHOWN else "")

    @admin.action(description="Replay")
    def replay_chosen(self, request: HttpRequest, queryset: Any) -> None:
        """Send the chosen ones again."""
        chosen = list(queryset)
        self.apply(request, chosen, self.acting(request, services.replay), "{} deliveries queued again.")

    @button(description="Replay", icon="replay", permissions=["view"])
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then send it again."""
        question = "Send this again, with the same id and body?"
        asked = Confirmation(title="Replay delivery", question=question, button="Replay", danger=False)
        return self.ask(request, object_id, asked, self.acting(request, services.replay), "The delivery is queued again.")
