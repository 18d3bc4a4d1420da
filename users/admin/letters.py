"""Letters to accounts: which wait, which are out, which were given up. Their text and tokens exist only while sending."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from core.admin_pages import ReadOnlyAdmin
from core.admin_pages.decorators import display
from core.admin_pages.filters import by
from core.admin_pages.state import Reading, register_section
from users.mailing import MAX_ATTEMPTS
from users.models import OutgoingMail

_SENT, _WAITING, _GIVEN_UP = (
    Q(sent_at__isnull=False),
    Q(sent_at__isnull=True),
    Q(sent_at__isnull=True, attempts__gte=MAX_ATTEMPTS),
)


class LetterStateFilter(DropdownFilter):
    """Sent, waiting, given up."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [("waiting", "Waiting"), ("sent", "Sent"), ("given_up", "Given up")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The letters in the chosen one."""
        match self.value():
            case "sent":
                return queryset.filter(_SENT)
            case "waiting":
                return queryset.filter(_WAITING, attempts__lt=MAX_ATTEMPTS)
            case "given_up":
                return queryset.filter(_GIVEN_UP)
        return queryset


@admin.register(OutgoingMail)
class OutgoingMailAdmin(ReadOnlyAdmin):
    """Letters."""

    icon = "mail"
    menu_order = 2
    list_display = ("created_at", "kind", "to", "shown_user", "shown_state", "attempts", "next_attempt_at", "sent_at")
    list_filter = (
        LetterStateFilter,
        ("kind", ChoicesDropdownFilter),
        by("user", field="user_id", title="user", parameter="user"),
    )
    list_select_related = ("user",)
    search_fields = ("to", "user__username")
    search_help_text = "Address or username"
    date_hierarchy = "created_at"
    fields = ("kind", "to", "user", "created_at", "sent_at", "attempts", "next_attempt_at")

    @display(description="user", ordering="user__username", empty_value="-")
    def shown_user(self, letter: OutgoingMail) -> str | None:
        """Whose account it is about, if any."""
        return letter.user.username if letter.user else None

    @display(description="state", label={"sent": "success", "waiting": "warning", "given up": "danger"})
    def shown_state(self, letter: OutgoingMail) -> str:
        """Sent, waiting or given up."""
        if letter.sent_at is not None:
            return "sent"
        return "given up" if letter.attempts >= MAX_ATTEMPTS else "waiting"


def letter_readings() -> list[Reading]:
    """What waits to be sent, for the state page."""
    given_up = OutgoingMail.objects.filter(_GIVEN_UP).count()
    waiting = OutgoingMail.objects.filter(_WAITING).count() - given_up
    return [
        Reading("Letters waiting", f"{waiting:,}", "Tried again with growing pauses.", "warning" if waiting > 100 else ""),
        Reading("Letters given up", f"{given_up:,}", f"After {MAX_ATTEMPTS} attempts.", "warning" if given_up else ""),
    ]


register_section("Letters", letter_readings, order=3)
