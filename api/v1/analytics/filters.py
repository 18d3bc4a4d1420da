"""Filters of the request log and of usage statistics."""

import ipaddress
from typing import Any

from django_filters import rest_framework as filters

from analytics.models import APILog, UsageStats
from core.exceptions import Invalid


class APILogFilter(filters.FilterSet):
    user = filters.UUIDFilter(field_name="user_id")
    api_key = filters.UUIDFilter(field_name="api_key_id")
    endpoint = filters.CharFilter(max_length=200)
    method = filters.CharFilter(max_length=8)
    status_code = filters.NumberFilter(min_value=100, max_value=599, decimal_places=0)
    status_class = filters.ChoiceFilter(choices=[(str(n), f"{n}xx") for n in range(1, 6)], method="by_class")
    ip_address = filters.CharFilter(method="by_address", max_length=45)
    request_id = filters.CharFilter(method="by_request_id", max_length=64)
    start = filters.IsoDateTimeFilter(field_name="timestamp", lookup_expr="gte")
    end = filters.IsoDateTimeFilter(field_name="timestamp", lookup_expr="lt")

    class Meta:
        model = APILog
        fields = ("module",)

    def by_class(self, queryset: Any, name: str, value: str) -> Any:
        """200 to 299 for 2 and so on."""
        return queryset.filter(status_code__gte=int(value) * 100, status_code__lt=int(value) * 100 + 100)

    def by_request_id(self, queryset: Any, name: str, value: str) -> Any:
        """The request with an id."""
        return queryset.with_request_id(value)

    def by_address(self, queryset: Any, name: str, value: str) -> Any:
        """One address. Raises Invalid."""
        try:
            address = ipaddress.ip_address(value)
        except ValueError as error:
            raise Invalid.field("ip_address", "Not an IP address.", "invalid") from error
        if getattr(address, "scope_id", None):
            # PostgreSQL's inet knows no zones.
            raise Invalid.field("ip_address", "Leave the zone out.", "invalid")
        return queryset.filter(ip_address=str(address))


class UsageStatsFilter(filters.FilterSet):
    user = filters.UUIDFilter(field_name="user_id")
    date_from = filters.DateFilter(field_name="date", lookup_expr="gte")
    date_to = filters.DateFilter(field_name="date", lookup_expr="lte")

    class Meta:
        model = UsageStats
        fields = ("date",)
