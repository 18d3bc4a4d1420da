"""The request log as a list that stays fast on any number of rows: see core.admin_pages.keyset."""

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from unfold.contrib.filters.admin import DropdownFilter

from analytics import selectors
from analytics.models import ID_SLACK, APILog
from core.admin_pages import KeysetAdmin, directory
from core.admin_pages.decorators import display
from core.admin_pages.filters import AddressFilter, TimeRangeFilter, by

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "OTHER")
_STATUS = {"2": (200, 299), "3": (300, 399), "4": (400, 499), "5": (500, 599), "failed": (400, 599)}


class EndpointFilter(DropdownFilter):
    """By route template; the choices are the routes called lately, read from the rollups."""

    title = "endpoint"
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The routes of the last week."""
        return [(route, route) for route in selectors.recent_endpoints()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The requests to it."""
        return queryset.filter(endpoint=self.value()) if self.value() else queryset


class MethodFilter(DropdownFilter):
    """By HTTP method."""

    title = "method"
    parameter_name = "method"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The methods the log knows."""
        return [(method, method) for method in METHODS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The requests with it."""
        return queryset.filter(method=self.value()) if self.value() else queryset


class StatusFilter(DropdownFilter):
    """By class of status."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Classes, and everything that failed."""
        return [("failed", "Failed (4xx and 5xx)"), *((digit, f"{digit}xx") for digit in "2345")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The requests answered so; a range, so that the index on failures helps."""
        bounds = _STATUS.get(self.value() or "")
        return queryset.filter(status_code__gte=bounds[0], status_code__lte=bounds[1]) if bounds else queryset


@admin.register(APILog)
class APILogAdmin(KeysetAdmin):
    """Requests."""

    icon = "receipt_long"
    keyset = ("timestamp", "id")
    named: ClassVar[dict[str, str]] = {"user_id": "user", "api_key_id": "api_key"}
    list_display = (
        "shown_moment",
        "method",
        "endpoint",
        "shown_status",
        "shown_time",
        "shown_user",
        "shown_key",
        "address",
    )
    list_filter = (
        by("user", field="user_id", title="user", parameter="user"),
        by("api_key", field="api_key_id", title="API key", parameter="key"),
        EndpointFilter,
        MethodFilter,
        StatusFilter,
        AddressFilter,
        ("timestamp", TimeRangeFilter),
    )
    search_fields = ("request_id",)
    search_help_text = "Request ID, exactly"
    fields = (
        "shown_moment",
        "request_id",
        "method",
        "endpoint",
        "module",
        "status_code",
        "shown_time",
        "bytes_in",
        "bytes_out",
        "shown_user",
        "shown_key",
        "address",
    )
    readonly_fields = ("shown_moment", "address", "shown_time", "shown_user", "shown_key")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The request with an id: the one thing an index finds in free text."""
        text = search_term.strip()
        return (queryset.with_request_id(text) if text else queryset), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> APILog | None:
        """One row. Its id (UUIDv7) tells when it was made, so that one partition is asked, by its key."""
        try:
            key = UUID(object_id)
            made = datetime.fromtimestamp((key.int >> 80) / 1000, UTC)
        except (ValueError, OverflowError):
            return None
        row: APILog | None = APILog.objects.filter(timestamp__gte=made - ID_SLACK, timestamp__lte=made + ID_SLACK, id=key).first()
        return row

    @display(description="time (UTC)")
    def shown_moment(self, row: APILog) -> str:
        """When, to the millisecond."""
        return f"{row.timestamp:%Y-%m-%d %H:%M:%S}.{row.timestamp.microsecond // 1000:03d}"

    @display(description="status", label={"2xx": "success", "3xx": "info", "4xx": "warning", "5xx": "danger"})
    def shown_status(self, row: APILog) -> tuple[str, int]:
        """The status, in its class's colour."""
        return f"{row.status_code // 100}xx", row.status_code

    @display(description="took")
    def shown_time(self, row: APILog) -> str:
        """How long it took."""
        return f"{row.duration_us / 1000:,.1f} ms"

    @display(description="user")
    def shown_user(self, row: APILog) -> Any:
        """Who called."""
        return self.named_link(row, "user_id")

    @display(description="API key")
    def shown_key(self, row: APILog) -> Any:
        """With which key."""
        return self.named_link(row, "api_key_id")


def _requests_of(parameter: str) -> Any:
    def make(key: UUID) -> directory.Link:
        return directory.Link("Requests", f"{reverse('admin:analytics_apilog_changelist')}?{parameter}={key}", "receipt_long")

    return make


directory.register_link("user", _requests_of("user"))
directory.register_link("api_key", _requests_of("key"))
