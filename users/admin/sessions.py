"""Sign-ins of the API: to look at and to end. Tokens are not stored, so there is none to show."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.enums import ActionVariant

from core.admin_pages import AdministratorAdmin, Confirmation, directory
from core.admin_pages.decorators import button, display
from core.admin_pages.filters import AddressFilter, by
from users.choices import RevocationReason
from users.models import Session
from users.services import sessions


class SessionStateFilter(DropdownFilter):
    """Active or ended."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [("active", "Active"), ("revoked", "Revoked"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The sessions in the chosen one."""
        match self.value():
            case "active":
                return queryset.active()
            case "revoked":
                return queryset.filter(revoked_at__isnull=False)
            case "expired":
                return queryset.filter(revoked_at__isnull=True, expires_at__lte=timezone.now())
        return queryset


@admin.register(Session)
class SessionAdmin(AdministratorAdmin):
    """Sessions."""

    icon = "devices"
    menu_order = 1
    list_display = ("shown_user", "device", "address", "created_at", "last_used_at", "expires_at", "shown_state")
    list_filter = (
        SessionStateFilter,
        by("user", field="user_id", title="user", parameter="user"),
        AddressFilter,
        ("revoked_reason", ChoicesDropdownFilter),
    )
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email", "user_agent")
    search_help_text = "Username, email or device"
    fields = (
        "user",
        "user_agent",
        "address",
        "created_at",
        "last_used_at",
        "rotated_at",
        "expires_at",
        "absolute_expires_at",
        "revoked_at",
        "revoked_reason",
    )
    readonly_fields = fields
    actions = ("revoke_chosen",)
    actions_detail = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A session comes from signing in."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ended sessions go by themselves."""
        return False

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Nothing to save."""
        hidden = {"show_save": False, "show_save_and_continue": False}
        return super().changeform_view(request, object_id, form_url, {**hidden, **(extra_context or {})})

    @display(description="user", ordering="user__username")
    def shown_user(self, session: Session) -> str:
        """Whose it is."""
        return session.user.username

    @display(description="device", ordering="user_agent")
    def device(self, session: Session) -> str:
        """As it called itself."""
        return session.user_agent[:80] or "unknown"

    @display(description="state", label={"active": "success", "expired": "warning", "revoked": "danger"})
    def shown_state(self, session: Session) -> str:
        """Active, expired or revoked."""
        if session.revoked_at is not None:
            return "revoked"
        return "active" if session.is_active else "expired"

    @admin.action(description="End the chosen sessions")
    def revoke_chosen(self, request: HttpRequest, queryset: Any) -> None:
        """End them at once."""
        self.apply(request, queryset, lambda one: self._end(request, one), "{} sessions ended.")

    @button(description="End session", icon="block", variant=ActionVariant.DANGER, permissions=["change"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then end it."""
        question = "End this session? Its tokens are refused at once."
        asked = Confirmation(title="End session", question=question, button="End session")
        return self.ask(request, object_id, asked, lambda one: self._end(request, one), "The session was ended.")

    def called(self, thing: Session) -> str:
        """With its user."""
        return f"{thing} of {thing.user.username}"

    def _end(self, request: HttpRequest, session: Session) -> None:
        actor: Any = request.user
        sessions.revoke_session(session=session, actor=actor, reason=RevocationReason.ADMIN)


def _sessions_of(user_id: UUID) -> directory.Link:
    return directory.Link("Sessions", f"{reverse('admin:users_session_changelist')}?user={user_id}", "devices")


directory.register_link("user", _sessions_of)
