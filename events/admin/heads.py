"""The heads of streams: where each stands. There may be one for every user and room, so they are never counted past a bound."""

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.html import format_html

from core.admin_pages import ReadOnlyAdmin
from core.admin_pages.decorators import display
from events import streams
from events.admin.log import events_of
from events.models import Stream

MAX_COUNTED = 1000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to MAX_COUNTED: who looks for a stream beyond that searches for it."""

    @cached_property
    def count(self) -> int:
        """How many, at most the bound."""
        found: Any = self.object_list
        return int(found.order_by()[:MAX_COUNTED].count())


@admin.register(Stream)
class StreamAdmin(ReadOnlyAdmin):
    """Streams."""

    icon = "stream"
    menu_order = 1
    paginator = CappedPaginator
    sortable_by = ()
    ordering = ("key",)
    list_display = ("key", "seq", "epoch", "shown_events")
    search_fields = ("key",)
    search_help_text = f"A stream's name or its beginning; at most {MAX_COUNTED} are listed"
    fields = ("key", "seq", "epoch", "shown_kind", "shown_events")
    readonly_fields = ("shown_kind", "shown_events")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The streams whose name begins so, which the key's index finds."""
        text = search_term.strip().replace("\0", "")
        return (queryset.filter(key__startswith=text) if text else queryset), False

    @display(description="kind")
    def shown_kind(self, stream: Stream) -> str:
        """What its kind is about."""
        kind = streams.stream_kinds().get(stream.key.partition(":")[0])
        return kind.description if kind else "Of a module that is switched off."

    @display(description="events")
    def shown_events(self, stream: Stream) -> Any:
        """The list of its events."""
        return format_html('<a class="text-primary-600 hover:underline" href="{}">Show</a>', events_of(stream.key))
