"""Who is written to and who is not to be: a list with the opt-outs, which an administrator may set and undo."""

from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.enums import ActionVariant

from core.admin_pages import Confirmation, KeysetAdmin, directory
from core.admin_pages.decorators import button, display
from core.admin_pages.filters import by
from modules.whatsapp import selectors
from modules.whatsapp.models import Contact
from modules.whatsapp.services import contacts


class OptOutFilter(DropdownFilter):
    """To be written to or not."""

    title = "opted out"
    parameter_name = "opted_out"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Both."""
        return [("yes", "Opted out"), ("no", "Can be written to")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The contacts that are so."""
        return queryset.filter(opted_out_at__isnull=self.value() == "no") if self.value() in ("yes", "no") else queryset


@admin.register(Contact)
class ContactAdmin(KeysetAdmin):
    """Contacts."""

    icon = "contacts"
    menu_order = 3
    keyset = ("id",)
    named: ClassVar[dict[str, str]] = {"session_id": "whatsapp_session"}
    list_display = ("phone_number", "name", "shown_user", "shown_session", "last_outbound_at", "last_inbound_at", "shown_opt_out")
    list_filter = (
        OptOutFilter,
        ("opt_out_source", ChoicesDropdownFilter),
        by("user", field="session__user_id", title="user", parameter="user"),
        by("whatsapp_session", field="session_id", title="session", parameter="session"),
    )
    list_select_related = ("session__user",)
    search_fields = ("phone_number",)
    search_help_text = "Number or id, whole"
    actions: Any = ("opt_out_chosen", "opt_in_chosen")
    actions_detail = ("opt_in", "opt_out")
    change_form_outer_after_template = "core/admin/links.html"
    fields = (
        "phone_number",
        "name",
        "shown_opt_out",
        "opted_out_at",
        "shown_user",
        "shown_session",
        "chat_id",
        "last_outbound_at",
        "last_inbound_at",
        "created_at",
        "updated_at",
    )
    readonly_fields = ("shown_opt_out", "shown_user", "shown_session")

    def get_queryset(self, request: HttpRequest) -> Any:
        """With whose they are, and without what no page shows."""
        found = super().get_queryset(request).select_related("session__user")
        return found.defer("session__credentials", "session__routing_id", "session__qr_code", "session__options")

    def allowed(self, request: HttpRequest, thing: Contact) -> set[str]:
        """The one that changes something."""
        return {"opt_in" if thing.opted_out_at is not None else "opt_out"}

    def find(self, text: str) -> list[UUID]:
        """By a number."""
        return selectors.find_contacts(text)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The contact, with the way to its messages and its history."""
        context = {"show_history": True, **(extra_context or {})}
        if object_id and (contact := self.get_object(request, object_id)) is not None:
            query = urlencode({"session": contact.session_id, "q": contact.phone_number})
            address = f"{reverse('admin:whatsapp_message_changelist')}?{query}"
            context["links"] = [directory.Link("Messages", address, "chat")]
        return super().changeform_view(request, object_id, form_url, context)

    def called(self, thing: Contact) -> str:
        """With whose contact it is."""
        return f"{thing} of {thing.session.user.get_username()}"

    @display(description="user")
    def shown_user(self, contact: Contact) -> Any:
        """Whose contact it is."""
        return directory.show("user", contact.session.user_id, contact.session.user.get_username())

    @display(description="session")
    def shown_session(self, contact: Contact) -> Any:
        """Of which session."""
        return self.named_link(contact, "session_id")

    @display(
        description="opted out", label={"by message": "warning", "by the account": "warning", "by an administrator": "warning"}
    )
    def shown_opt_out(self, contact: Contact) -> str:
        """How, where they did."""
        return contact.get_opt_out_source_display().lower() if contact.opted_out_at is not None else "no"

    @admin.action(description="Opt out: write to them no more")
    def opt_out_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask, then put the chosen ones on the list."""
        question = "Write to these no more? What waits for them is taken back."
        asked = Confirmation(title="Opt out", question=question, button="Opt out")
        return self.ask_of_chosen(request, queryset, asked, lambda one: _opt_out(request, one), "{} opted out.")

    @admin.action(description="Opt in: they may be written to again")
    def opt_in_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask, then take the chosen ones off the list."""
        question = "Let these be written to again? Be sure that they want it."
        asked = Confirmation(title="Opt in", question=question, button="Opt in")
        return self.ask_of_chosen(request, queryset, asked, lambda one: _opt_in(request, one), "{} opted in.")

    @button(description="Opt in", icon="person_check", permissions=["view"])
    def opt_in(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then take it off the list."""
        question = "Let this number be written to again? Be sure that its owner wants it."
        asked = Confirmation(title="Opt in", question=question, button="Opt in")
        return self.ask(request, object_id, asked, lambda one: _opt_in(request, one), "The number may be written to again.")

    @button(description="Opt out", icon="person_off", variant=ActionVariant.DANGER, permissions=["view"])
    def opt_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then put it on the list."""
        question = "Write to this number no more? What waits for it is taken back."
        asked = Confirmation(title="Opt out", question=question, button="Opt out")
        return self.ask(request, object_id, asked, lambda one: _opt_out(request, one), "The number is written to no more.")


def _opt_out(request: HttpRequest, contact: Contact) -> None:
    actor: Any = request.user
    session = contact.session
    contacts.add_opt_out(user_id=session.user_id, environment=session.environment, recipient=contact.phone_number, actor=actor)


def _opt_in(request: HttpRequest, contact: Contact) -> None:
    actor: Any = request.user
    contacts.remove_opt_out(contact=contact, actor=actor)


def _contacts_of(key: UUID) -> directory.Link:
    return directory.Link("Contacts", f"{reverse('admin:whatsapp_contact_changelist')}?session={key}", "contacts")


directory.register_link("whatsapp_session", _contacts_of)
