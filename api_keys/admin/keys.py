"""The list of keys and their pages: making, changing, rotating and revoking through the services."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.enums import ActionVariant

from api_keys import services
from api_keys.admin.filters import ScopeFilter, StatusFilter
from api_keys.admin.forms import KeyForm, RotateForm
from api_keys.models import APIKey
from api_keys.services import NewKey
from core.admin_pages import AdministratorAdmin, Confirmation, confirm, directory
from core.admin_pages.base import reason
from core.admin_pages.decorators import button, display
from core.admin_pages.filters import by
from core.exceptions import DomainError

_CHOSEN = ("name", "scopes", "allowed_networks", "rate_limit", "daily_quota", "expires_at", "metadata")
_NEW_KEY = "_atelier_new_key"


@admin.register(APIKey)
class APIKeyAdmin(AdministratorAdmin):
    """Keys."""

    icon = "key"
    noun = "key"
    form = KeyForm
    list_display = ("name", "shown_key", "owner", "shown_status", "environment", "shown_scopes", "last_used_at", "expires_at")
    list_filter = (
        StatusFilter,
        ("environment", ChoicesDropdownFilter),
        ScopeFilter,
        by("user", field="owner_id", title="owner", parameter="owner"),
    )
    list_select_related = ("owner",)
    search_fields = ("name", "=last_four", "prefix", "owner__username", "owner__email")
    search_help_text = "Name, prefix, last four or owner"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    autocomplete_fields = ("owner",)
    actions = ("revoke_chosen",)
    actions_detail = ("rotate", "revoke")
    change_form_outer_after_template = "core/admin/links.html"
    readonly_fields = (
        "shown_key",
        "shown_status",
        "created_by",
        "created_at",
        "updated_at",
        "revoked_at",
        "last_used_at",
        "last_used_ip",
        "replaced_by",
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key is revoked, not deleted: what it did stays attributable."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A revoked key stays as it was."""
        return super().has_change_permission(request, obj) and not (isinstance(obj, APIKey) and obj.revoked_at is not None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whose it is and where it may act are for good."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "owner", "environment")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is chosen, then what happened."""
        limits = ("Limits", {"fields": ("allowed_networks", ("rate_limit", "daily_quota"), "expires_at")})
        if obj is None:
            return [(None, {"fields": ("name", "owner", "environment", "scopes")}), limits, ("Notes", {"fields": ("metadata",)})]
        past = ("created_by", "created_at", "updated_at", "last_used_at", "last_used_ip", "revoked_at", "replaced_by")
        return [
            (None, {"fields": ("name", "shown_key", "shown_status", "owner", "environment", "is_active", "scopes")}),
            limits,
            ("Notes", {"fields": ("metadata",)}),
            ("History", {"fields": past}),
        ]

    def save_model(self, request: HttpRequest, obj: APIKey, form: Any, change: bool) -> None:  # noqa: FBT001
        """Make or change it through the services."""
        actor: Any = request.user
        data = form.cleaned_data
        if change:
            names = [name for name in (*_CHOSEN, "is_active") if name in form.changed_data]
            services.update_key(key=obj, actor=actor, **{name: data[name] for name in names})
            return
        chosen = {name: data[name] for name in _CHOSEN if name != "name"}
        made = services.create_key(owner=data["owner"], actor=actor, name=data["name"], environment=data["environment"], **chosen)
        obj.__dict__.update(made.key.__dict__)
        setattr(request, _NEW_KEY, made)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The one answer that holds the raw key."""
        return self._show_new_key(request, getattr(request, _NEW_KEY))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The form, with ways to the key's usage."""
        context = {**(extra_context or {}), "show_save_and_add_another": False, "show_save_and_continue": object_id is not None}
        if object_id and (key := self.get_object(request, object_id)) is not None:
            context["links"] = directory.links("api_key", key.pk)
        return super().changeform_view(request, object_id, form_url, context)

    def allowed(self, request: HttpRequest, thing: APIKey) -> set[str]:
        """Only an active key can be rotated, only one that is not revoked can be revoked."""
        if thing.revoked_at is not None:
            return set()
        return {"rotate", "revoke"} if thing.status == "active" else {"revoke"}

    @display(description="key")
    def shown_key(self, key: APIKey) -> str:
        """Its beginning and last four."""
        return format_html('<span class="font-mono whitespace-nowrap">{}</span>', key.masked)

    @display(description="status", label={"active": "success", "inactive": "warning", "expired": "warning", "revoked": "danger"})
    def shown_status(self, key: APIKey) -> str:
        """Active, inactive, expired or revoked."""
        return key.status

    @display(description="scopes")
    def shown_scopes(self, key: APIKey) -> str:
        """The first few."""
        return ", ".join(key.scopes[:3]) + (f" and {len(key.scopes) - 3} more" if len(key.scopes) > 3 else "") or "none"

    @admin.action(description="Revoke for good")
    def revoke_chosen(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask, then revoke the chosen keys."""
        question = "Revoke these keys for good? They are refused everywhere within a second."
        asked = Confirmation(title="Revoke API keys", question=question, button="Revoke")
        return self.ask_of_chosen(
            request,
            queryset.select_related("owner"),
            asked,
            self.acting(request, services.revoke_key),
            "{} keys revoked.",
        )

    @button(description="Rotate", icon="autorenew", permissions=["change"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the grace, then show the successor once."""
        key = self.get_object(request, object_id)
        if key is None:
            return self.gone(request, object_id)
        form = RotateForm(request.POST or None)
        actor: Any = request.user
        if request.method == "POST" and form.is_valid():
            try:
                return self._show_new_key(request, services.rotate_key(key=key, actor=actor, grace=form.period()))
            except DomainError as error:
                form.add_error(None, reason(error))
        asked = Confirmation(
            title="Rotate API key",
            question="Make a new key with the same rights? It is shown once; the old one goes on for as long as you choose.",
            things=[str(key)],
            button="Rotate",
            back=reverse("admin:api_keys_apikey_change", args=[object_id]),
            form=form,
            danger=False,
        )
        return confirm(request, self, asked)

    @button(description="Revoke", icon="block", variant=ActionVariant.DANGER, permissions=["change"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then revoke it."""
        question = "Revoke this key for good? It is refused everywhere within a second."
        asked = Confirmation(title="Revoke API key", question=question, button="Revoke")
        return self.ask(request, object_id, asked, self.acting(request, services.revoke_key), "The key was revoked.")

    def called(self, thing: APIKey) -> str:
        """With its owner."""
        return f"{thing} of {thing.owner.username}"

    def _show_new_key(self, request: HttpRequest, made: NewKey) -> HttpResponse:
        """The raw key, in this answer and nowhere else: not in a message, not in the session, not in any cache."""
        page = reverse("admin:api_keys_apikey_change", args=[made.key.pk])
        context = {**admin.site.each_context(request), "title": "Your new API key", "made": made, "page": page, "opts": self.opts}
        return TemplateResponse(request, "api_keys/admin/new_key.html", context, headers={"Cache-Control": "no-store"})


def _names(ids: Collection[UUID]) -> dict[UUID, str]:
    return {key.pk: str(key) for key in APIKey.objects.filter(pk__in=ids).only("name", "prefix", "last_four")}


def _find(text: str) -> list[UUID]:
    """By a beginning of the name or prefix, or the last four."""
    meant = APIKey.objects.filter(Q(name__istartswith=text) | Q(prefix__startswith=text) | Q(last_four=text))
    return list(meant.order_by("-created_at").values_list("pk", flat=True)[: directory.MAX_FOUND])


def _keys_of(user_id: UUID) -> directory.Link:
    return directory.Link("API keys", f"{reverse('admin:api_keys_apikey_changelist')}?owner={user_id}", "key")


directory.register("api_key", directory.Kind(_names, _find, "admin:api_keys_apikey_change"))
directory.register_link("user", _keys_of)
