"""Filters of the list of keys."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from core import registry


class StatusFilter(DropdownFilter):
    """As the key itself names its state."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [("active", "Active"), ("inactive", "Switched off"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The keys in the chosen one."""
        now = timezone.now()
        expired = Q(expires_at__lte=now)
        match self.value():
            case "active":
                return queryset.usable(now)
            case "inactive":
                return queryset.filter(revoked_at__isnull=True, is_active=False).exclude(expired)
            case "expired":
                return queryset.filter(expired, revoked_at__isnull=True)
            case "revoked":
                return queryset.filter(revoked_at__isnull=False)
        return queryset


class ScopeFilter(DropdownFilter):
    """Keys that may do a thing."""

    title = "scope"
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every declared scope."""
        return [(scope, scope) for scope in sorted(registry.scopes())]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The keys that have it."""
        return queryset.filter(scopes__contains=[self.value()]) if self.value() else queryset
