"""Filters of lists: by somebody or something a person names, by an address, by a time range."""

import ipaddress
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter, TextFilter

from core.admin_pages import directory


class DirectoryFilter(TextFilter):
    """By a thing of the directory: its id, or what its app understands. Nothing found shows nothing."""

    kind = ""
    field = ""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The rows of what was named."""
        if not (text := (self.value() or "").strip()):
            return queryset
        return queryset.filter(**{f"{self.field}__in": directory.find(self.kind, text)})


def by(kind: str, *, field: str, title: str, parameter: str) -> type[DirectoryFilter]:
    """A filter by a kind, over a field that holds its ids."""
    attributes = {"kind": kind, "field": field, "title": title, "parameter_name": parameter}
    return type(f"By{kind.title().replace('_', '')}{parameter.title()}", (DirectoryFilter,), attributes)


class AddressFilter(TextFilter):
    """By an IP address, whole."""

    title = "address"
    parameter_name = "address"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The rows from that address."""
        if not (text := (self.value() or "").strip()):
            return queryset
        try:
            return queryset.filter(ip_address=str(ipaddress.ip_address(text)))
        except ValueError:
            messages.warning(request, f"{text!r} is not an IP address.")
            return queryset.none()


class ExactFilter(TextFilter):
    """By the exact value of a field."""

    field = ""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The rows with that value."""
        text = (self.value() or "").strip()
        return queryset.filter(**{self.field: text}) if text else queryset


class TimeRangeFilter(RangeDateTimeFilter):
    """From and to, in UTC; a day without a time is taken whole."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The rows in the range; what is not a time is said and left out."""
        for edge, lookup, default in (("from", "gte", "00:00:00"), ("to", "lte", "23:59:59.999999")):
            day = str(self.used_parameters.get(f"{self.parameter_name}_{edge}_0") or "").strip()
            if not day:
                continue
            clock = str(self.used_parameters.get(f"{self.parameter_name}_{edge}_1") or "").strip() or default
            try:
                moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)
            except ValueError:
                messages.warning(request, f"“{day} {clock}” is not a time: use 2030-12-31 and 23:59.")
                continue
            queryset = queryset.filter(**{f"{self.parameter_name}__{lookup}": moment})
        return queryset
