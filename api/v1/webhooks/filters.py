"""Filters of the lists of endpoints and deliveries."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from webhooks.models import WebhookDelivery, WebhookEndpoint
from webhooks.selectors import patterns_of


class WebhookFilter(filters.FilterSet):
    is_active = filters.BooleanFilter()
    event_type = filters.CharFilter(method="by_event_type", max_length=64, label="Those that get this type of event.")

    class Meta:
        model = WebhookEndpoint
        fields = ("audience", "disabled_reason")

    def by_event_type(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Also by prefix and `*`."""
        return queryset.filter(event_types__overlap=patterns_of(value))


class WebhookDeliveryFilter(filters.FilterSet):
    event_type = filters.CharFilter(max_length=64)
    start = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    end = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = WebhookDelivery
        fields = ("status", "is_test")
