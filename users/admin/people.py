"""Accounts: every change goes through the services, so that access ends everywhere and the audit trail knows.

Passwords are never shown, nor their digests.
"""

from collections.abc import Collection
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import BooleanRadioFilter, RangeDateFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminPasswordWidget

from core.admin_pages import AdministratorAdmin, Confirmation, directory
from core.admin_pages.base import ServiceForm
from core.admin_pages.decorators import button, display
from users.models import Session, User
from users.services import accounts, passwords

MAX_SHOWN_SESSIONS = 20
_EDITABLE = ("username", "email", "first_name", "last_name", "max_messages_per_day", "is_active", "is_staff", "is_superuser")


class UserForm(ServiceForm):
    """An account, with hints that fit this platform."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hints = {
            "username": "Letters, digits, dot, dash, plus and underscore.",
            "is_active": "Off: every access ends at once, in all processes.",
            "is_staff": "An administrator: sees and manages everything, here and through the API.",
            "is_superuser": "May also make others superusers.",
        }
        for name, hint in hints.items():
            if name in self.fields:
                self.fields[name].help_text = hint
        if "is_staff" in self.fields:
            self.fields["is_staff"].label = "Administrator"


class NewUserForm(UserForm):
    """An account to be made; the rules for passwords are the service's."""

    password = forms.CharField(
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="8 to 128 characters. The person can change it, or ask for a reset letter.",
    )


@admin.register(User)
class UserAdmin(AdministratorAdmin):
    """Accounts."""

    icon = "group"
    noun = "user"
    form = UserForm
    list_display = ("username", "email", "shown_state", "shown_role", "max_messages_per_day", "last_login", "created_at")
    list_filter = (
        ("is_active", BooleanRadioFilter),
        ("is_staff", BooleanRadioFilter),
        ("is_guest", BooleanRadioFilter),
        ("created_at", RangeDateFilter),
    )
    search_fields = ("username", "email", "first_name", "last_name")
    search_help_text = "Name or email"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    actions = ("activate_chosen", "deactivate_chosen", "send_reset_to_chosen")
    actions_detail = ("send_reset", "activate", "deactivate")
    change_form_outer_after_template = "users/admin/about_user.html"
    readonly_fields = (
        "email_verified_at",
        "is_guest",
        "guest_resource",
        "guest_expires_at",
        "last_login",
        "created_at",
        "updated_at",
        "tokens_valid_after",
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "password", "first_name", "last_name", "max_messages_per_day", "is_staff")}),
    )
    _rights: ClassVar[tuple[str, ...]] = ("is_active", "is_staff")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Only a superuser makes superusers."""
        if obj is None:
            return self.add_fieldsets
        user: Any = request.user
        rights = (*self._rights, "is_superuser") if user.is_superuser else self._rights
        guest = [("Guest", {"fields": ("is_guest", "guest_resource", "guest_expires_at")})] if obj.is_guest else []
        dates = ("email_verified_at", "last_login", "created_at", "updated_at", "tokens_valid_after")
        return [
            (None, {"fields": ("username", "email", ("first_name", "last_name"), "max_messages_per_day")}),
            ("Access", {"fields": rights}),
            *guest,
            ("Dates", {"fields": dates}),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """A password is asked for once, when the account is made."""
        if obj is None:
            kwargs["form"] = NewUserForm
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001
        """Make or change it through the services."""
        actor: Any = request.user
        fields = {name: form.cleaned_data[name] for name in _EDITABLE if name in form.cleaned_data}
        if change:
            fields = {name: value for name, value in fields.items() if name in form.changed_data}
            # The form has already changed its own copy: the service compares with what is stored.
            accounts.update_user(user=User.objects.get(pk=obj.pk), actor=actor, **fields)
        else:
            made = accounts.create_user(actor=actor, password=form.cleaned_data["password"], **fields)
            obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Remove it through the service."""
        actor: Any = request.user
        accounts.delete_user(user=obj, actor=actor)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What goes with an account, in words: its sessions and keys may be too many to list."""
        told = [f"{user}, with its profile, sessions, API keys and usage by day" for user in objs]
        return told, {"accounts": len(told)}, set(), []

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The form, with what belongs to the account beneath."""
        context = extra_context or {}
        user = self.get_object(request, object_id) if object_id else None
        if user is not None:
            active = Session.objects.active().filter(user=user)
            context = {**context, "links": directory.links("user", user.pk), "sessions": active[:MAX_SHOWN_SESSIONS]}
        return super().changeform_view(request, object_id, form_url, context)

    def allowed(self, request: HttpRequest, thing: User) -> set[str]:
        """Activate what is inactive, deactivate what is active, send letters to those who have an address."""
        if not thing.is_active:
            return {"activate"}
        own = {"deactivate"} if thing.pk != request.user.pk else set()
        return own | ({"send_reset"} if thing.email and not thing.is_guest else set())

    @display(
        description="state", label={"active": "success", "inactive": "danger", "unverified": "warning", "guest over": "warning"}
    )
    def shown_state(self, user: User) -> str:
        """Whether it can sign in."""
        if not user.is_active:
            return "inactive"
        if user.is_guest:
            return "guest over" if user.is_expired_guest else "active"
        return "active" if user.email_verified_at else "unverified"

    @display(description="role", label={"administrator": "info"})
    def shown_role(self, user: User) -> str:
        """Administrator, guest or user."""
        if user.is_staff:
            return "administrator"
        return "guest" if user.is_guest else "user"

    @admin.action(description="Activate")
    def activate_chosen(self, request: HttpRequest, queryset: Any) -> None:
        """Let them in again."""
        self.apply(request, queryset, self.acting(request, accounts.activate_user), "{} accounts activated.")

    @admin.action(description="Deactivate: end all access at once")
    def deactivate_chosen(self, request: HttpRequest, queryset: Any) -> None:
        """End their access."""
        self.apply(request, queryset, self.acting(request, accounts.deactivate_user), "{} accounts deactivated.")

    @admin.action(description="Send a password reset letter")
    def send_reset_to_chosen(self, request: HttpRequest, queryset: Any) -> None:
        """Write to them."""
        self.apply(request, queryset, self.acting(request, passwords.send_reset), "{} letters are on their way.")

    @button(description="Send reset letter", icon="mail", permissions=["change"])
    def send_reset(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then send it."""
        question = "Send a letter with a link to choose a new password? It works for one hour."
        asked = Confirmation(title="Send a reset letter", question=question, button="Send letter", danger=False)
        return self.ask(request, object_id, asked, self.acting(request, passwords.send_reset), "The letter is on its way.")

    @button(description="Activate", icon="person_check", permissions=["change"])
    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then let it in again."""
        question = "Let this account in again? Its API keys work again; its old sessions stay ended."
        asked = Confirmation(title="Activate account", question=question, button="Activate", danger=False)
        return self.ask(request, object_id, asked, self.acting(request, accounts.activate_user), "The account is active.")

    @button(description="Deactivate", icon="person_off", variant=ActionVariant.DANGER, permissions=["change"])
    def deactivate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then end its access."""
        question = "End this account's access at once? Its sessions end, its API keys and tokens are refused everywhere."
        asked = Confirmation(title="Deactivate account", question=question, button="Deactivate")
        return self.ask(
            request, object_id, asked, self.acting(request, accounts.deactivate_user), "The account has no access any more."
        )


def _names(ids: Collection[UUID]) -> dict[UUID, str]:
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))


def _find(text: str) -> list[UUID]:
    """By the whole of a name or address, or the beginning of a name."""
    meant = User.objects.filter(Q(username__lower=text.lower()) | Q(email__lower=text.lower()) | Q(username__istartswith=text))
    return list(meant.order_by("username").values_list("pk", flat=True)[: directory.MAX_FOUND])


directory.register("user", directory.Kind(_names, _find, "admin:users_user_change"))
