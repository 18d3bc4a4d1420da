"""Everybody's endpoints: to look at, to switch, to test. Where they lead is their owners' business."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.enums import ActionVariant

from core.admin_pages import Confirmation, ReadOnlyAdmin, directory
from core.admin_pages.decorators import button, display
from core.admin_pages.filters import by
from webhooks import services
from webhooks.choices import DisabledReason
from webhooks.models import WebhookEndpoint

# Of a URL, where it stands in a list.
MAX_SHOWN = 34


class EndpointStateFilter(DropdownFilter):
    """On, or off and why."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [("active", "Active"), *DisabledReason.choices]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The endpoints in the chosen one."""
        if self.value() == "active":
            return queryset.filter(is_active=True)
        return queryset.filter(disabled_reason=self.value()) if self.value() else queryset


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    """Endpoints."""

    icon = "webhook"
    noun = "endpoint"
    list_display = ("short_url", "shown_owner", "shown_state", "shown_types", "shown_audience", "created_at")
    list_filter = (
        EndpointStateFilter,
        ("audience", ChoicesDropdownFilter),
        by("user", field="owner_id", title="owner", parameter="owner"),
    )
    list_select_related = ("owner",)
    search_fields = ("url", "description", "owner__username", "owner__email")
    search_help_text = "URL, description or owner"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    actions: Any = ("enable_chosen", "disable_chosen")
    actions_detail = ("enable", "disable", "test")
    fields = (
        "shown_url",
        "shown_owner",
        "description",
        "shown_state",
        "shown_types",
        "shown_audience",
        "previous_secret_expires_at",
        "created_at",
        "updated_at",
        "disabled_at",
        "shown_deliveries",
    )
    readonly_fields = ("shown_url", "shown_owner", "shown_state", "shown_types", "shown_audience", "shown_deliveries")

    def allowed(self, request: HttpRequest, thing: WebhookEndpoint) -> set[str]:
        """What its state allows."""
        return {"disable", "test"} if thing.is_active else {"enable"}

    @display(description="URL", ordering="url")
    def short_url(self, endpoint: WebhookEndpoint) -> str:
        """Its beginning, as lists show it."""
        return _short(endpoint)

    @display(description="URL")
    def shown_url(self, endpoint: WebhookEndpoint) -> str:
        """Without its query, which may hold a credential."""
        return endpoint.shown_url

    @display(description="owner", ordering="owner__username")
    def shown_owner(self, endpoint: WebhookEndpoint) -> Any:
        """Whose it is."""
        return directory.show("user", endpoint.owner_id, endpoint.owner.get_username())

    @display(description="state", label={"active": "success", "switched off": "info", "gone": "danger", "failing": "danger"})
    def shown_state(self, endpoint: WebhookEndpoint) -> str:
        """Active, or why it is not."""
        if endpoint.is_active:
            return "active"
        return "switched off" if endpoint.disabled_reason == DisabledReason.BY_OWNER else endpoint.disabled_reason

    @display(description="events")
    def shown_types(self, endpoint: WebhookEndpoint) -> str:
        """What it gets."""
        return ", ".join(endpoint.event_types)

    @display(description="audience")
    def shown_audience(self, endpoint: WebhookEndpoint) -> str:
        """Whose events, in a word."""
        return endpoint.audience

    @display(description="deliveries")
    def shown_deliveries(self, endpoint: WebhookEndpoint) -> Any:
        """The list of them."""
        address = reverse("admin:webhooks_webhookdelivery_changelist")
        return format_html('<a class="text-primary-600 hover:underline" href="{}?webhook={}">Show</a>', address, endpoint.pk)

    @admin.action(description="Switch on")
    def enable_chosen(self, request: HttpRequest, queryset: Any) -> None:
        """Switch the chosen ones on."""
        self.apply(request, queryset, self.acting(request, services.enable_endpoint), "{} switched on.")

    @admin.action(description="Switch off")
    def disable_chosen(self, request: HttpRequest, queryset: Any) -> None:
        """Switch the chosen ones off."""
        self.apply(request, queryset, self.acting(request, services.disable_endpoint), "{} switched off.")

    @button(description="Switch on", icon="play_arrow", permissions=["view"])
    def enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then switch it on."""
        question = "Send events to this endpoint again?"
        asked = Confirmation(title="Switch webhook on", question=question, button="Switch on")
        return self.ask(request, object_id, asked, self.acting(request, services.enable_endpoint), "The endpoint is on.")

    @button(description="Switch off", icon="block", variant=ActionVariant.DANGER, permissions=["view"])
    def disable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then switch it off."""
        question = "Send nothing more and cancel what waits?"
        asked = Confirmation(title="Switch webhook off", question=question, button="Switch off")
        return self.ask(request, object_id, asked, self.acting(request, services.disable_endpoint), "The endpoint is off.")

    @button(description="Send a test", icon="send", permissions=["view"])
    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then queue a test delivery."""
        question = "Send a delivery of type webhook.test to this endpoint?"
        asked = Confirmation(title="Send a test", question=question, button="Send")
        return self.ask(request, object_id, asked, self.acting(request, services.send_test), "The test is on its way.")

    def called(self, thing: WebhookEndpoint) -> str:
        """With its owner."""
        return f"{thing} of {thing.owner.get_username()}"


def _short(endpoint: WebhookEndpoint) -> str:
    text = endpoint.shown_url
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _names(ids: Collection[UUID]) -> dict[UUID, str]:
    return {one.pk: _short(one) for one in WebhookEndpoint.objects.filter(pk__in=ids).only("url")}


def _find(text: str) -> list[UUID]:
    """By a part of the URL."""
    meant = WebhookEndpoint.objects.filter(url__icontains=text).order_by("-created_at")
    return list(meant.values_list("pk", flat=True)[: directory.MAX_FOUND])


def _endpoints_of(user_id: UUID) -> directory.Link:
    return directory.Link("Webhooks", f"{reverse('admin:webhooks_webhookendpoint_changelist')}?owner={user_id}", "webhook")


directory.register("webhook", directory.Kind(_names, _find, "admin:webhooks_webhookendpoint_change"))
directory.register_link("user", _endpoints_of)
