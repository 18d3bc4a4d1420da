"""Filters of the lists."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import rest_framework as filters

from core.exceptions import Invalid
from core.validators import normalize_phone_number
from modules.whatsapp.models import Bulk, Contact, Media, Message


def _by_number(queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
    """A number in international form, also where its plus came as a space or not at all; a gateway's id as it is."""
    text = value.strip()
    text = f"+{text}" if text.isascii() and text.isdecimal() else text
    try:
        return queryset.filter(**{name: normalize_phone_number(text) if text.startswith("+") else text})
    except ValidationError as error:
        raise Invalid.field("recipient", str(error.message), error.code or "invalid_phone") from error


class _Period(filters.FilterSet):
    start = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte", label="From here on.")
    end = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt", label="Up to here.")


class MessageFilter(_Period):
    recipient = filters.CharFilter(method="by_recipient", max_length=64, label="The other party: one conversation.")
    client_reference = filters.CharFilter(max_length=100)
    bulk = filters.UUIDFilter(field_name="bulk_id")

    class Meta:
        model = Message
        fields = ("status", "direction", "message_type")

    def by_recipient(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """One conversation."""
        return _by_number(queryset, "recipient", value)


class BulkFilter(_Period):
    class Meta:
        model = Bulk
        fields = ("status",)


class MediaFilter(_Period):
    class Meta:
        model = Media
        fields = ("kind", "status")


class ContactFilter(filters.FilterSet):
    recipient = filters.CharFilter(method="by_recipient", max_length=64, label="The number.")

    class Meta:
        model = Contact
        fields = ("opt_out_source",)

    def by_recipient(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """One of them."""
        return _by_number(queryset, "phone_number", value)
