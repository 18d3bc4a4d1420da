"""Everybody's sessions: where each stands and why, its code to scan, and the kill switch. What a driver knows is never shown."""

import base64
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.enums import ActionVariant

from core.admin_pages import Confirmation, ReadOnlyAdmin, directory
from core.admin_pages.decorators import button, display
from core.admin_pages.filters import by
from core.admin_pages.values import written
from modules.whatsapp.admin.forms import PaceForm
from modules.whatsapp.choices import SessionStatus, Wish
from modules.whatsapp.codes import png
from modules.whatsapp.gateways import gateway
from modules.whatsapp.models import WhatsAppSession
from modules.whatsapp.selectors import numbers_meant
from modules.whatsapp.services import sessions

_COLOURS = {
    "connected": "success",
    "connecting": "info",
    "QR code ready": "info",
    "action required": "warning",
    "failed": "danger",
    "suspended": "danger",
}
# While somebody waits for a code to be scanned the page looks again, in seconds.
REFRESH = {SessionStatus.CONNECTING: 3, SessionStatus.QR_READY: 5}


@admin.register(WhatsAppSession)
class WhatsAppSessionAdmin(ReadOnlyAdmin):
    """Sessions."""

    icon = "smartphone"
    noun = "session"
    list_display = (
        "shown_number",
        "shown_user",
        "environment",
        "driver",
        "shown_status",
        "shown_reason",
        "shown_pause",
        "last_active_at",
    )
    list_filter = (
        ("driver", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("environment", ChoicesDropdownFilter),
        ("is_suspended", BooleanRadioFilter),
        by("user", field="user_id", title="user", parameter="user"),
    )
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email", "phone_number", "display_name")
    search_help_text = "User or number"
    ordering = ("-created_at", "-id")
    actions: Any = ("suspend_chosen", "release_chosen")
    actions_detail = ("restart", "set_pace", "release", "log_out", "suspend")
    change_form_outer_after_template = "core/admin/links.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without what no page shows."""
        return super().get_queryset(request).defer("credentials", "routing_id")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The code while there is one, where it stands, how fast it sends."""
        code = [name for name in ("qr", "pairing") if obj is not None and getattr(obj, f"{name}_code")]
        standing = ("shown_status", "status_reason", "status_detail", "status_changed_at", "shown_wish", "shown_care")
        who = ("shown_user", "environment", "driver", "phone_number", "display_name", "connected_at", "last_active_at")
        return [
            *([("To be connected", {"fields": [f"shown_{name}" for name in code]})] if code else []),
            ("Where it stands", {"fields": standing}),
            ("Whose it is", {"fields": who}),
            ("Sending", {"fields": ("shown_pace", "shown_pause", "pause_reason")}),
            ("Dates", {"fields": ("created_at", "updated_at")}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All that is shown."""
        return [field for _, options in self.get_fieldsets(request, obj) for field in options["fields"]]

    def allowed(self, request: HttpRequest, thing: WhatsAppSession) -> set[str]:
        """What its state allows."""
        meant = {"set_pace", "release" if thing.is_suspended else "suspend"}
        meant |= {"log_out"} if thing.wish != Wish.LOGGED_OUT else set()
        return meant | ({"restart"} if thing.wish == Wish.CONNECTED and not thing.is_suspended else set())

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The session, with ways to what belongs to it; it changes under one's eyes while it is being connected."""
        session = self.get_object(request, object_id) if object_id else None
        if session is None:
            return super().changeform_view(request, object_id, form_url, extra_context)
        context = {"links": directory.links("whatsapp_session", session.pk), "show_history": True, **(extra_context or {})}
        response = super().changeform_view(request, object_id, form_url, context)
        if session.status in REFRESH and session.wish == Wish.CONNECTED:
            response["Refresh"] = str(REFRESH[session.status])
        return response

    def called(self, thing: WhatsAppSession) -> str:
        """With its user."""
        return f"{_name(thing)} of {thing.user.get_username()}, {thing.get_driver_display()}"

    @display(description="number", ordering="phone_number")
    def shown_number(self, session: WhatsAppSession) -> str:
        """Its number, once it is known."""
        return _name(session)

    @display(description="user", ordering="user__username")
    def shown_user(self, session: WhatsAppSession) -> Any:
        """Whose it is."""
        return directory.show("user", session.user_id, session.user.get_username())

    @display(description="status", ordering="status", label=_COLOURS)
    def shown_status(self, session: WhatsAppSession) -> str:
        """Where it stands."""
        if session.is_suspended:
            return "suspended"
        return "QR code ready" if session.status == SessionStatus.QR_READY else session.get_status_display().lower()

    @display(description="reason", empty_value="-")
    def shown_reason(self, session: WhatsAppSession) -> str | None:
        """In a word or two; the page of one says more."""
        return session.status_reason.replace("_", " ") or None

    @display(description="paused until", empty_value="-")
    def shown_pause(self, session: WhatsAppSession) -> str | None:
        """When it goes on, while it rests."""
        return written(session.paused_until) if session.paused_until and session.paused_until > timezone.now() else None

    @display(description="QR code")
    def shown_qr(self, session: WhatsAppSession) -> Any:
        """The picture, as WhatsApp's linked devices scan it."""
        picture = base64.b64encode(png(session.qr_code)).decode()
        source = f"data:image/png;base64,{picture}"
        return format_html('<img class="atelier-code" src="{}" alt="QR code to scan with the phone">', source)

    @display(description="pairing code")
    def shown_pairing(self, session: WhatsAppSession) -> Any:
        """What is typed on the phone."""
        return format_html('<span class="font-mono">{}</span> for {}', session.pairing_code, session.pairing_number)

    @display(description="owner wants it")
    def shown_wish(self, session: WhatsAppSession) -> str:
        """What the keeper brings it to."""
        return session.get_wish_display().lower()

    @display(description="looked after again", empty_value="-")
    def shown_care(self, session: WhatsAppSession) -> str | None:
        """When, and how often in a row that failed."""
        if session.care_due_at is None:
            return None
        failed = f", after {session.care_failures} failures" if session.care_failures else ""
        return f"{written(session.care_due_at)}{failed}"

    @display(description="pace")
    def shown_pace(self, session: WhatsAppSession) -> str:
        """Its own, or what suits the driver."""
        pace = gateway(session.driver).pace
        rate = pace.per_second if session.messages_per_second is None else session.messages_per_second
        burst = pace.burst if session.burst is None else session.burst
        own = session.messages_per_second is not None or session.burst is not None
        speed = f"{rate:g} a second, {burst} at once" if rate > 0 else "as fast as it can"
        return f"{speed} ({'set for this session' if own else 'what suits the driver'})"

    @admin.action(description="Suspend: the kill switch")
    def suspend_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask, then stop the chosen ones."""
        question = "Stop these sessions? Nothing is sent from now on, and their owners cannot connect."
        asked = Confirmation(title="Suspend sessions", question=question, button="Suspend")
        return self.ask_of_chosen(
            request, queryset, asked, self.acting(request, sessions.suspend_session), "{} sessions suspended."
        )

    @admin.action(description="Release")
    def release_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask, then let the chosen ones go on."""
        question = "Let these sessions go on? What waits is sent then."
        asked = Confirmation(title="Release sessions", question=question, button="Release", danger=False)
        return self.ask_of_chosen(
            request, queryset, asked, self.acting(request, sessions.release_session), "{} sessions released."
        )

    @button(description="Restart", icon="restart_alt", permissions=["view"])
    def restart(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then bring it down and up again."""
        question = "Bring this session down and up again? The phone stays linked; a pause ends."
        asked = Confirmation(title="Restart session", question=question, button="Restart", danger=False)
        return self.ask(request, object_id, asked, self.acting(request, sessions.restart_session), "The session starts again.")

    @button(description="Set pace", icon="speed", permissions=["view"])
    def set_pace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how fast, then set it."""
        session = self.get_object(request, object_id)
        if session is None:
            return self.gone(request, object_id)
        actor: Any = request.user
        form = PaceForm(request.POST if request.method == "POST" else None, session)
        question = "How fast may this session send? Numbers are banned for writing too fast."
        asked = Confirmation(title="Set pace", question=question, button="Set", form=form, danger=False)
        return self.ask(
            request,
            object_id,
            asked,
            lambda one: sessions.set_pace(session=one, actor=actor, **form.cleaned_data),
            "The pace is set.",
        )

    @button(description="Release", icon="play_arrow", permissions=["view"])
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then let it go on."""
        question = "Let this session go on? It connects again if its owner wants that, and what waits is sent."
        asked = Confirmation(title="Release session", question=question, button="Release", danger=False)
        return self.ask(request, object_id, asked, self.acting(request, sessions.release_session), "The session is released.")

    @button(description="Log out", icon="link_off", variant=ActionVariant.DANGER, permissions=["view"])
    def log_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then disconnect it and unlink the phone."""
        question = (
            "Disconnect this session and unlink its phone? A new code must be scanned to connect again; what is queued waits."
        )
        asked = Confirmation(title="Log out session", question=question, button="Log out")
        return self.ask(request, object_id, asked, self.acting(request, sessions.close_session), "The session is logged out.")

    @button(description="Suspend", icon="block", variant=ActionVariant.DANGER, permissions=["view"])
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then stop it."""
        question = "Stop this session? Nothing is sent from now on, and its owner cannot connect."
        asked = Confirmation(title="Suspend session", question=question, button="Suspend")
        return self.ask(request, object_id, asked, self.acting(request, sessions.suspend_session), "The session is suspended.")


def _name(session: WhatsAppSession) -> str:
    return session.phone_number or "no number yet"


def _names(ids: Collection[UUID]) -> dict[UUID, str]:
    return {one.pk: _name(one) for one in WhatsAppSession.objects.filter(pk__in=ids).only("phone_number")}


def _find(text: str) -> list[UUID]:
    """By its number."""
    meant = WhatsAppSession.objects.filter(phone_number__in=numbers_meant(text)).order_by("-created_at")
    return list(meant.values_list("pk", flat=True)[: directory.MAX_FOUND])


def _sessions_of(user_id: UUID) -> directory.Link:
    address = reverse("admin:whatsapp_whatsappsession_changelist")
    return directory.Link("WhatsApp sessions", f"{address}?user={user_id}", "smartphone")


directory.register("whatsapp_session", directory.Kind(_names, _find, "admin:whatsapp_whatsappsession_change"))
directory.register_link("user", _sessions_of)
