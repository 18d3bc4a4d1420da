"""Everybody's bulks: how far each is, and to be paused, resumed and taken back."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.enums import ActionVariant

from core.admin_pages import Confirmation, KeysetAdmin, directory
from core.admin_pages.decorators import button, display
from core.admin_pages.filters import TimeRangeFilter, by
from modules.whatsapp import selectors
from modules.whatsapp.choices import BulkStatus, MessageStatus
from modules.whatsapp.models import Bulk
from modules.whatsapp.services import bulks

MAX_SHOWN = 50
_COLOURS = {"running": "info", "paused": "warning", "cancelled": "warning", "finished": "success"}
_ALLOWED = {BulkStatus.RUNNING: {"pause", "cancel"}, BulkStatus.PAUSED: {"resume", "cancel"}}
_WAITING = (MessageStatus.QUEUED, MessageStatus.SENDING)


@admin.register(Bulk)
class BulkAdmin(KeysetAdmin):
    """Bulks."""

    icon = "campaign"
    menu_order = 2
    noun = "bulk"
    keyset = ("id",)
    named: ClassVar[dict[str, str]] = {"user_id": "user", "session_id": "whatsapp_session"}
    deferred = ("rejected",)
    list_display = (
        "created_at",
        "shown_user",
        "shown_name",
        "shown_status",
        "shown_progress",
        "accepted",
        "rejected_count",
        "finished_at",
    )
    list_filter = (
        ("status", ChoicesDropdownFilter),
        by("user", field="user_id", title="user", parameter="user"),
        ("created_at", TimeRangeFilter),
    )
    actions_detail = ("pause", "resume", "cancel")
    change_form_outer_after_template = "core/admin/links.html"
    fields = (
        "shown_status",
        "shown_progress",
        "shown_counts",
        "shown_user",
        "shown_session",
        "name",
        "accepted",
        "rejected_count",
        "shown_rejected",
        "created_at",
        "updated_at",
        "finished_at",
    )
    readonly_fields = ("shown_status", "shown_progress", "shown_counts", "shown_user", "shown_session", "shown_rejected")

    def name_rows(self, rows: Sequence[Any]) -> None:
        """Their names, and how far they are: one query for all of a page."""
        super().name_rows(rows)
        found = selectors.progress_of([row.pk for row in rows])
        for row in rows:
            row.counts = found[row.pk]

    def allowed(self, request: HttpRequest, thing: Bulk) -> set[str]:
        """What its state allows."""
        return _ALLOWED.get(BulkStatus(thing.status), set())

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The bulk, with the way to its messages and its history."""
        context = {"show_history": True, **(extra_context or {})}
        if object_id and (bulk := self.get_object(request, object_id)) is not None:
            context["links"] = directory.links("whatsapp_bulk", bulk.pk)
        return super().changeform_view(request, object_id, form_url, context)

    @display(description="user")
    def shown_user(self, bulk: Bulk) -> Any:
        """Whose it is."""
        return self.named_link(bulk, "user_id")

    @display(description="session")
    def shown_session(self, bulk: Bulk) -> Any:
        """By which it goes."""
        return self.named_link(bulk, "session_id")

    @display(description="name", empty_value="-")
    def shown_name(self, bulk: Bulk) -> str | None:
        """What its owner calls it."""
        return bulk.name or None

    @display(description="status", label=_COLOURS)
    def shown_status(self, bulk: Bulk) -> str:
        """Where it stands."""
        return bulk.status

    @display(description="progress")
    def shown_progress(self, bulk: Bulk) -> Any:
        """The share of its messages that wait no more."""
        counts = self._counts(bulk)
        total = sum(counts.values())
        done = total - sum(counts.get(status, 0) for status in _WAITING)
        bar = '<progress class="atelier-progress" max="{}" value="{}"></progress> {} of {}'
        return format_html(bar, max(total, 1), done, f"{done:,}", f"{total:,}")

    @display(description="messages")
    def shown_counts(self, bulk: Bulk) -> str:
        """How many stand where."""
        counts = self._counts(bulk)
        return ", ".join(f"{counts[status]:,} {status}" for status in MessageStatus.values if counts.get(status)) or "none"

    @display(description="refused")
    def shown_rejected(self, bulk: Bulk) -> Any:
        """The first of them."""
        shown = [(one["index"], one["recipient"], one["message"]) for one in bulk.rejected[:MAX_SHOWN]]
        more = len(bulk.rejected) - len(shown)
        listed = format_html_join("", "<li>{}: {}: {}</li>", shown)
        return format_html("<ul>{}</ul>{}", listed, f"and {more:,} more" if more else "") if shown else "nobody"

    @button(description="Pause", icon="pause", permissions=["view"])
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then take it off the queue."""
        question = "Send nothing more of this bulk for now? What is under way arrives."
        asked = Confirmation(title="Pause bulk", question=question, button="Pause", danger=False)
        return self.ask(request, object_id, asked, self.acting(request, bulks.pause), "The bulk is paused.")

    @button(description="Resume", icon="play_arrow", permissions=["view"])
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then put it on the queue again."""
        asked = Confirmation(title="Resume bulk", question="Send what is left of this bulk?", button="Resume", danger=False)
        return self.ask(request, object_id, asked, self.acting(request, bulks.resume), "The bulk goes on.")

    @button(description="Cancel", icon="cancel", variant=ActionVariant.DANGER, permissions=["view"])
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then take back what is queued."""
        question = "Take back all of this bulk that is still queued? Its owner's quota gets those messages back."
        asked = Confirmation(title="Cancel bulk", question=question, button="Cancel the bulk")
        return self.ask(request, object_id, asked, self.acting(request, bulks.cancel), "The bulk is cancelled.")

    def _counts(self, bulk: Any) -> Mapping[str, int]:
        if not hasattr(bulk, "counts"):
            bulk.counts = selectors.progress_of([bulk.pk])[bulk.pk]
        found: Mapping[str, int] = bulk.counts
        return found


def _names(ids: Collection[UUID]) -> dict[UUID, str]:
    return {one.pk: str(one) for one in Bulk.objects.filter(pk__in=ids).only("name")}


def _find(text: str) -> list[UUID]:
    """By the whole of its name."""
    return list(Bulk.objects.filter(name=text).order_by("-created_at").values_list("pk", flat=True)[: directory.MAX_FOUND])


def _bulks_of(user_id: UUID) -> directory.Link:
    return directory.Link("WhatsApp bulks", f"{reverse('admin:whatsapp_bulk_changelist')}?user={user_id}", "campaign")


directory.register("whatsapp_bulk", directory.Kind(_names, _find, "admin:whatsapp_bulk_change"))
directory.register_link("user", _bulks_of)
