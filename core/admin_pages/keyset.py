"""Lists over tables of any size: newest first, a page begins where the last one ended, and nothing is ever counted.

A page that takes longer than STATEMENT_MS (a filter that no index helps, over all of the table) is given up and says so.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.db import OperationalError, connection, transaction
from django.db.models import Q
from django.http import HttpRequest
from psycopg.errors import QueryCanceled
from unfold.views import ChangeList

from core.admin_pages import directory
from core.admin_pages.base import ReadOnlyAdmin

STATEMENT_MS = 3000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KeysetPaginator(Paginator):  # type: ignore[type-arg]
    """One page, already read."""

    template_name = "core/admin/keyset_pagination.html"


def encode(direction: str, moment: datetime, key: UUID) -> str:
    """A position: `n` for what comes after it, `p` for what comes before it."""
    return f"{direction}.{(moment - _EPOCH) // timedelta(microseconds=1)}.{key.hex}"


def decode(text: str) -> tuple[str, datetime, UUID] | None:
    """The position, None for anything that is not one: the first page is shown then."""
    try:
        direction, moment, key = text.split(".")
        if direction not in ("n", "p") or len(moment) > 17:
            return None
        return direction, _EPOCH + timedelta(microseconds=int(moment)), UUID(hex=key)
    except (ValueError, OverflowError):
        return None


class KeysetChangeList(ChangeList):
    """A page by position. Two queries: the rows (one more than shown), and the names of what they hold by id."""

    older: str | None = None
    newer: str | None = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        """Without what only the page of one shows."""
        return super().get_queryset(request, exclude_parameters).defer(*self.model_admin.deferred)

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[str]:
        """Newest first, always."""
        return [f"-{field}" for field in self.model_admin.keyset]

    def get_results(self, request: HttpRequest) -> None:
        """Read one page."""
        position = decode(request.GET.get(PAGE_VAR, ""))
        backward = position is not None and position[0] == "p"
        try:
            rows = self._read(position, backward=backward)
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
            rows = []
            messages.warning(request, "This would take too long: choose a shorter time or one more filter.")
        more, rows = len(rows) > self.list_per_page, rows[: self.list_per_page]
        if backward:
            rows.reverse()
        self._point(rows, has_newer=more if backward else position is not None, has_older=backward or more)
        self.model_admin.name_rows(rows)
        self.result_list = rows
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count, self.show_admin_actions = False, bool(rows)
        self.can_show_all = self.multi_page = False
        self.paginator = KeysetPaginator(rows, self.list_per_page)

    def _read(self, position: tuple[str, datetime, UUID] | None, *, backward: bool) -> list[Any]:
        keyset = self.model_admin.keyset
        queryset = self.queryset
        if position is not None:
            queryset = queryset.filter(_beyond(keyset, position, strict="gt" if backward else "lt"))
        if backward:
            queryset = queryset.order_by(*keyset)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
            rows = list(queryset[: self.list_per_page + 1])
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
        return rows

    def _point(self, rows: Sequence[Any], *, has_newer: bool, has_older: bool) -> None:
        if not rows:
            return
        *moments, key_field = self.model_admin.keyset

        def at(direction: str, row: Any) -> str:
            moment = getattr(row, moments[0]) if moments else _EPOCH
            return str(self.get_query_string({PAGE_VAR: encode(direction, moment, getattr(row, key_field))}))

        self.newer = at("p", rows[0]) if has_newer else None
        self.older = at("n", rows[-1]) if has_older else None

    @property
    def newest(self) -> str:
        """The first page with the same filters."""
        return str(self.get_query_string(remove=[PAGE_VAR]))


def _beyond(keyset: Sequence[str], position: tuple[str, datetime, UUID], *, strict: str) -> Q:
    *moments, key_field = keyset
    beyond = Q(**{f"{key_field}__{strict}": position[2]})
    if not moments:
        return beyond
    # The first term alone lets the index and the partitions help.
    moment = moments[0]
    return Q(**{f"{moment}__{strict}e": position[1]}) & (Q(**{f"{moment}__{strict}": position[1]}) | beyond)


class KeysetAdmin(ReadOnlyAdmin):
    """A read-only list by (moment, id), or by (id,) alone where no index has a moment: UUIDv7 is in order of making.

    `named` says which of its fields are ids, and of what kind; `deferred` which are for the page of one.
    """

    keyset: ClassVar[tuple[str, ...]] = ("created_at", "id")
    named: ClassVar[dict[str, str]] = {}
    deferred: ClassVar[tuple[str, ...]] = ()
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Pages by position."""
        return KeysetChangeList

    def find(self, text: str) -> Collection[UUID]:
        """The rows that a searched text means, besides the one with that id: only what an index finds."""
        return ()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By an id, or by what the list can find."""
        text = search_term.strip()
        if not text:
            return queryset, False
        try:
            keys = [UUID(text)]
        except ValueError:
            keys = []
        return queryset.filter(pk__in=[*keys, *self.find(text)]), False

    def name_rows(self, rows: Sequence[Any]) -> None:
        """Look up the names of a page's ids: one query a kind, whatever the rows."""
        for field, kind in self.named.items():
            found = directory.names(kind, [getattr(row, field) for row in rows])
            for row in rows:
                row.__dict__.setdefault("_names", {})[field] = found.get(getattr(row, field))

    def named_link(self, row: Any, field: str) -> Any:
        """A link to what a field holds by id."""
        if "_names" not in row.__dict__:
            self.name_rows([row])
        return directory.show(self.named[field], getattr(row, field), row.__dict__["_names"][field])
