"""The kernel's part of the admin: the audit trail, the state page, and the pages apps register."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.html import format_html_join

from core import broker, heartbeat, registry
from core.admin_pages import KeysetAdmin, directory
from core.admin_pages.decorators import display
from core.admin_pages.filters import AddressFilter, ExactFilter, TimeRangeFilter, by
from core.admin_pages.navigation import Page, page_urls, register_page
from core.admin_pages.state import Reading, register_section, state_page
from core.models import AuditEntry

MANY_TASKS = 1000
# Being staff is the one permission there is: groups would promise something that nothing asks about.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)


class ActionFilter(ExactFilter):
    """By what was done."""

    title = "action"
    parameter_name = "action"
    field = "action"


class TargetFilter(ExactFilter):
    """By the id of what it was done to."""

    title = "target ID"
    parameter_name = "target"
    field = "target_id"


@admin.register(AuditEntry)
class AuditEntryAdmin(KeysetAdmin):
    """Who did what, when. Nobody can change it, the database included."""

    icon = "policy"
    keyset = ("created_at", "id")
    list_display = ("created_at", "shown_action", "shown_actor", "shown_target", "via", "address")
    list_filter = (
        ActionFilter,
        by("user", field="actor_id", title="actor", parameter="actor"),
        TargetFilter,
        AddressFilter,
        ("created_at", TimeRangeFilter),
    )
    search_fields = ("action",)
    search_help_text = "Action, name or ID"
    fields = (
        "created_at",
        "action",
        "shown_actor",
        "via",
        "target_type",
        "shown_target",
        "target_id",
        "shown_changes",
        "address",
        "request_id",
    )
    readonly_fields = ("address", "shown_actor", "shown_target", "shown_changes")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The entries an administrator may mean: an action's beginning, a target's or actor's name, or an id."""
        if not (text := search_term.strip()):
            return queryset, False
        found = (
            queryset.filter(action__startswith=text.lower())
            | queryset.filter(target_id=text)
            | queryset.filter(request_id=text)
            | queryset.filter(actor_label__iexact=text)
            | queryset.filter(target_label__istartswith=text)
        )
        return found, False

    @display(description="action", label=True)
    def shown_action(self, entry: AuditEntry) -> str:
        """The action."""
        return entry.action

    @display(description="actor")
    def shown_actor(self, entry: AuditEntry) -> Any:
        """Who did it: the name at the time, linked to the account."""
        return directory.show("user", entry.actor_id, entry.actor_label or None) if entry.actor_id else "the system"

    @display(description="target")
    def shown_target(self, entry: AuditEntry) -> Any:
        """What it was done to: the name at the time, linked when it has a page."""
        label = entry.target_label or entry.target_id
        return directory.show(entry.target_type, entry.target_id, label) if directory.knows(entry.target_type) else label

    @display(description="changes")
    def shown_changes(self, entry: AuditEntry) -> Any:
        """Field by field, before and after."""
        if not entry.changes:
            return "-"
        lines = [(name, f"{value[0]} → {value[1]}" if _is_pair(value) else value) for name, value in entry.changes.items()]
        return format_html_join("", "<div><b>{}</b>: {}</div>", lines)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2


def queue_readings() -> list[Reading]:
    """The queue and the worker."""
    waiting, unfinished = broker.depth()
    age = heartbeat.age()
    stale = age is None or age > heartbeat.FRESH_SECONDS
    queue = f"Queue “{settings.CELERY_TASK_DEFAULT_QUEUE}”"
    return [
        Reading("Tasks waiting", f"{waiting:,}", queue, "warning" if waiting > MANY_TASKS else ""),
        Reading("Tasks taken, not finished", f"{unfinished:,}"),
        Reading(
            "Worker last seen",
            "never" if age is None else f"{age:.0f} s ago",
            "No worker, or no beat: nothing periodic happens." if stale else "Beat, broker and worker are alive.",
            "danger" if stale else "success",
        ),
    ]


def periodic_readings() -> list[Reading]:
    """What beat starts."""
    return [
        Reading(name, _every(entry["schedule"]), str(entry["task"])) for name, entry in sorted(registry.beat_schedule().items())
    ]


def _every(schedule: Any) -> str:
    if not isinstance(schedule, int | float):
        return str(schedule)
    return f"every {schedule / 3600:g} h" if schedule >= 3600 else f"every {schedule:g} s"


register_section("Queue and worker", queue_readings)
register_section("Periodic tasks", periodic_readings, order=10)
register_page(Page("state/", "state", state_page, "State of the system", "vital_signs"))
# unfold asks its site for more addresses by this name.
admin.site.extra_urls = page_urls  # type: ignore[attr-defined]
