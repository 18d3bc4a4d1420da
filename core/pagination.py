"""Two ways through a list: page numbers for small sets, keyset cursors for what grows without bound.

Numbers out of range and forged cursors get 400 with the parameter's name, never 500.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from django.core.exceptions import ValidationError
from django.core.paginator import InvalidPage, Paginator
from django.db.models import Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request

from core.exceptions import Invalid
from core.responses import ListResponse

if TYPE_CHECKING:
    # rest_framework.views itself imports what settings name here.
    from rest_framework.views import APIView

MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 25
MAX_OFFSET = 1_000_000


def _bounded_int(request: Request, name: str, default: int, highest: int) -> int:
    raw = request.query_params.get(name)
    if raw is None:
        return default
    if not raw.isascii() or not raw.isdecimal() or len(raw) > 9 or not 1 <= int(raw) <= highest:
        raise Invalid.field(name, f"Must be a whole number from 1 to {highest}.", "out_of_range")
    return int(raw)


class PageNumberPagination(BasePagination):
    """`page` and `page_size`; two queries whatever the page."""

    def paginate_queryset(self, queryset: Any, request: Request, view: "APIView | None" = None) -> list[Any]:
        """The rows of the asked page. Raises Invalid."""
        size = _bounded_int(request, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        number = _bounded_int(request, "page", 1, MAX_OFFSET // size)
        try:
            self.page = Paginator(queryset, size).page(number)
        except InvalidPage as error:
            raise Invalid.field("page", "There is no such page.", "out_of_range") from error
        return list(self.page)

    def get_paginated_response(self, data: Sequence[Any]) -> ListResponse:
        """The rows with `meta.pagination`."""
        page = self.page
        return ListResponse(
            data,
            {
                "page": page.number,
                "page_size": page.paginator.per_page,
                "total_pages": page.paginator.num_pages,
                "total": page.paginator.count,
                "has_next": page.has_next(),
            },
        )

    def get_schema_operation_parameters(self, view: "APIView") -> list[dict[str, Any]]:
        """`page` and `page_size`."""
        return [
            _parameter("page", "Page number, from 1.", {"type": "integer", "minimum": 1}),
            _page_size_parameter(),
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The list alone; the envelope is added around it."""
        return {**schema, "x-pagination": "PagePagination"}


class KeysetPagination(BasePagination):
    """`cursor` and `page_size` over `view.keyset`, field names in descending order that end in a unique one.

    A cursor is the position after which (or before which) the page begins: the cost does not depend on how far it lies.
    """

    keyset: ClassVar[tuple[str, ...]] = ("created_at", "id")

    def paginate_queryset(self, queryset: Any, request: Request, view: "APIView | None" = None) -> list[Any]:
        """One page and a look at whether there is another. Raises Invalid."""
        self.fields: tuple[str, ...] = getattr(view, "keyset", self.keyset)
        self.size = _bounded_int(request, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        backward, position = self._position(queryset, request.query_params.get("cursor"))
        if position is not None:
            queryset = queryset.filter(self._beyond(position, backward=backward))
        order = self.fields if backward else [f"-{field}" for field in self.fields]
        rows = list(queryset.order_by(*order)[: self.size + 1])
        more = len(rows) > self.size
        rows = rows[: self.size]
        if backward:
            rows.reverse()
        self.has_next = more if not backward else True
        self.has_previous = more if backward else position is not None
        self.rows = rows
        return rows

    def get_paginated_response(self, data: Sequence[Any]) -> ListResponse:
        """The rows with the cursors of their neighbours; null where there is none."""
        return ListResponse(
            data,
            {
                "page_size": self.size,
                "next_cursor": self._cursor("n", self.rows[-1]) if self.rows and self.has_next else None,
                "previous_cursor": self._cursor("p", self.rows[0]) if self.rows and self.has_previous else None,
            },
        )

    def _cursor(self, direction: str, row: Any) -> str:
        values = [direction, *(getattr(row, field) for field in self.fields)]
        return base64.urlsafe_b64encode(orjson.dumps(values)).rstrip(b"=").decode()

    def _position(self, queryset: QuerySet[Any], cursor: str | None) -> tuple[bool, list[Any] | None]:
        if cursor is None:
            return False, None
        try:
            if len(cursor) > 512:
                raise ValueError("too long")
            direction, *values = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=="))
            if direction not in ("n", "p") or len(values) != len(self.fields) or not all(isinstance(v, str) for v in values):
                raise ValueError("wrong shape")
            meta = queryset.model._meta
            parsed = [meta.get_field(name).to_python(value) for name, value in zip(self.fields, values, strict=True)]
            if any(getattr(value, "tzinfo", True) is None for value in parsed):
                raise ValueError("naive time")
            # PostgreSQL takes fewer offsets than Python; ours are all UTC.
            parsed = [value.astimezone(UTC) if isinstance(value, datetime) else value for value in parsed]
        except (ValueError, TypeError, binascii.Error, ValidationError, OverflowError) as error:
            raise Invalid.field("cursor", "This cursor was not made by this list.", "invalid_cursor") from error
        return direction == "p", parsed

    def _beyond(self, position: list[Any], *, backward: bool) -> Q:
        """(a, b) < (x, y) as a <= x and (a < x or b < y): the first term lets an index and partitions help."""
        strict, loose = ("gt", "gte") if backward else ("lt", "lte")
        *leading, (last, end) = zip(self.fields, position, strict=True)
        beyond = Q(**{f"{last}__{strict}": end})
        for field, value in reversed(leading):
            beyond = Q(**{f"{field}__{loose}": value}) & (Q(**{f"{field}__{strict}": value}) | beyond)
        return beyond

    def get_schema_operation_parameters(self, view: "APIView") -> list[dict[str, Any]]:
        """`cursor` and `page_size`."""
        return [
            _parameter("cursor", "`next_cursor` or `previous_cursor` of another page.", {"type": "string", "maxLength": 512}),
            _page_size_parameter(),
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The list alone; the envelope is added around it."""
        return {**schema, "x-pagination": "CursorPagination"}


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _page_size_parameter() -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE}
    return _parameter("page_size", f"Rows in a page, at most {MAX_PAGE_SIZE}.", schema)
