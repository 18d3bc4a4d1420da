"""The log as a list that stays fast on any number of events: see core.admin_pages.keyset."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import DropdownFilter

from core.admin_pages import KeysetAdmin, directory
from core.admin_pages.decorators import display
from core.admin_pages.filters import TimeRangeFilter
from core.admin_pages.values import written_json
from events import catalogue
from events.models import Event

# An event's id is made in the same breath as its time, by the same clock; this much apart they can be at most.
ID_SLACK = timedelta(seconds=10)


def with_id(queryset: Any, text: str) -> Any:
    """The event with an id (UUIDv7, which tells its time, so that one partition is asked); None when the text is no id."""
    try:
        key = UUID(text)
        made = datetime.fromtimestamp((key.int >> 80) / 1000, UTC)
        return queryset.filter(created_at__gte=made - ID_SLACK, created_at__lte=made + ID_SLACK, id=key)
    except (ValueError, OverflowError):
        return None


class TypeFilter(DropdownFilter):
    """By type."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The catalogue."""
        return [(kind.name, kind.name) for kind in catalogue.event_types()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The events of it."""
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(KeysetAdmin):
    """Events."""

    icon = "bolt"
    keyset = ("created_at", "id")
    list_display = ("shown_moment", "type", "shown_stream", "seq")
    list_filter = (TypeFilter, ("created_at", TimeRangeFilter))
    search_fields = ("stream",)
    search_help_text = "Stream (kind:id) or event ID, exactly"
    fields = ("shown_moment", "id", "type", "shown_stream", "seq", "shown_payload")
    readonly_fields = ("shown_moment", "shown_stream", "shown_payload")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The events of a stream, or the one with an id: what an index finds."""
        if not (text := search_term.strip().replace("\0", "")):
            return queryset, False
        found = with_id(queryset, text)
        return (queryset.filter(stream=text) if found is None else found), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Event | None:
        """One event."""
        found = with_id(Event.objects.all(), object_id)
        event: Event | None = None if found is None else found.first()
        return event

    @display(description="time (UTC)")
    def shown_moment(self, event: Event) -> str:
        """When, to the millisecond."""
        return f"{event.created_at:%Y-%m-%d %H:%M:%S}.{event.created_at.microsecond // 1000:03d}"

    @display(description="stream")
    def shown_stream(self, event: Event) -> Any:
        """The stream, leading to its events."""
        return format_html(
            '<a class="font-mono text-xs text-primary-600 hover:underline dark:text-primary-500" href="{}">{}</a>',
            events_of(event.stream),
            event.stream,
        )

    @display(description="payload")
    def shown_payload(self, event: Event) -> Any:
        """What subscribers get as `data`."""
        return written_json(event.payload)


def events_of(stream: str) -> str:
    """The address of the list of a stream's events."""
    return f"{reverse('admin:events_event_changelist')}?q={stream}"


directory.register_link("user", lambda key: directory.Link("Events", events_of(f"user:{key}"), "bolt"))
