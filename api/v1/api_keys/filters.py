"""Filters of the list of keys."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters

from api_keys.models import APIKey

_STATES = [("active", "Active"), ("inactive", "Inactive"), ("expired", "Expired"), ("revoked", "Revoked")]


class APIKeyFilter(filters.FilterSet):
    owner = filters.UUIDFilter(field_name="owner_id")
    status = filters.ChoiceFilter(choices=_STATES, method="by_status")
    scope = filters.CharFilter(field_name="scopes", lookup_expr="contains", method="by_scope", max_length=64)

    class Meta:
        model = APIKey
        fields = ("environment",)

    def by_status(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """As APIKey.status, in SQL."""
        expired = Q(expires_at__lte=timezone.now())
        alive = queryset.filter(revoked_at__isnull=True)
        if value == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        if value == "expired":
            return alive.filter(expired)
        return alive.exclude(expired).filter(is_active=value == "active")

    def by_scope(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keys that have the scope."""
        return queryset.filter(scopes__contains=[value])
