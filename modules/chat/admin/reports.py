"""What people reported: the open ones first, to be resolved or dismissed."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from core.admin_pages import Confirmation, KeysetAdmin, directory
from core.admin_pages.decorators import button, display
from core.admin_pages.filters import TimeRangeFilter, by
from modules.chat.choices import ReportStatus
from modules.chat.models import Report
from modules.chat.services import reports

_COLOURS = {"open": "danger", "resolved": "success", "dismissed": "info"}


class StatusFilter(DropdownFilter):
    """The open ones, unless others are asked for."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All, or those that were handled."""
        return [("all", "All"), *((status.value, status.label) for status in ReportStatus)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The reports that stand so; a searched one is found however it stands."""
        chosen = self.value() or ("all" if request.GET.get("q") else ReportStatus.OPEN)
        return queryset if chosen == "all" else queryset.filter(status=chosen)


@admin.register(Report)
class ReportAdmin(KeysetAdmin):
    """Reports."""

    icon = "flag"
    menu_order = 3
    named: ClassVar[dict[str, str]] = {"room_id": "chat_room", "reporter_id": "user", "handled_by_id": "user"}
    list_display = ("created_at", "reason", "shown_room", "shown_reporter", "note", "shown_status")
    list_filter = (
        StatusFilter,
        ("reason", ChoicesDropdownFilter),
        by("chat_room", field="room_id", title="room", parameter="room"),
        ("created_at", TimeRangeFilter),
    )
    search_fields = ("id",)
    search_help_text = "The id"
    actions: Any = ("resolve_chosen", "dismiss_chosen")
    actions_detail = ("dismiss", "resolve")
    fields = (
        "created_at",
        "reason",
        "note",
        "text",
        "shown_message",
        "shown_room",
        "shown_reporter",
        "shown_status",
        "shown_handler",
        "handled_at",
    )
    readonly_fields = ("shown_message", "shown_room", "shown_reporter", "shown_status", "shown_handler")

    def allowed(self, request: HttpRequest, thing: Report) -> set[str]:
        """An open one can be closed."""
        return {"resolve", "dismiss"} if thing.status == ReportStatus.OPEN else set()

    @display(description="room")
    def shown_room(self, report: Report) -> Any:
        """Where it happened."""
        return self.named_link(report, "room_id")

    @display(description="reported by")
    def shown_reporter(self, report: Report) -> Any:
        """Who reported it."""
        return self.named_link(report, "reporter_id")

    @display(description="handled by")
    def shown_handler(self, report: Report) -> Any:
        """Who closed it."""
        return self.named_link(report, "handled_by_id")

    @display(description="message")
    def shown_message(self, report: Report) -> Any:
        """The message as it is now; its text then is above."""
        return directory.show("chat_message", report.message_id, str(report.message_id))

    @display(description="status", label=_COLOURS)
    def shown_status(self, report: Report) -> str:
        """Where it stands."""
        return report.status

    @admin.action(description="Resolve: something was done about them")
    def resolve_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask, then close the chosen ones as resolved."""
        return self._of_chosen(request, queryset, ReportStatus.RESOLVED)

    @admin.action(description="Dismiss: nothing is to be done about them")
    def dismiss_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask, then close the chosen ones as dismissed."""
        return self._of_chosen(request, queryset, ReportStatus.DISMISSED)

    @button(description="Resolve", icon="task_alt", permissions=["view"])
    def resolve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then close it as resolved."""
        return self._of_one(request, object_id, ReportStatus.RESOLVED)

    @button(description="Dismiss", icon="close", permissions=["view"])
    def dismiss(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then close it as dismissed."""
        return self._of_one(request, object_id, ReportStatus.DISMISSED)

    def _of_chosen(self, request: HttpRequest, queryset: Any, status: ReportStatus) -> HttpResponse | None:
        done = f"{{}} {status.label.lower()}."
        return self.ask_of_chosen(request, queryset, _asked(status), lambda one: _handle(request, one, status), done)

    def _of_one(self, request: HttpRequest, object_id: str, status: ReportStatus) -> HttpResponse:
        done = f"The report is {status.label.lower()}."
        return self.ask(request, object_id, _asked(status), lambda one: _handle(request, one, status), done)


def _asked(status: ReportStatus) -> Confirmation:
    verb = "Resolve" if status == ReportStatus.RESOLVED else "Dismiss"
    question = "Close as resolved: something was done?" if verb == "Resolve" else "Close as dismissed: nothing is to be done?"
    return Confirmation(title=verb, question=question, button=verb, danger=False)


def _handle(request: HttpRequest, report: Report, status: ReportStatus) -> None:
    actor: Any = request.user
    reports.handle_report(report=report, actor=actor, status=status)
