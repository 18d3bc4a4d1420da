"""List filters that say what is wrong instead of ignoring it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django_filters.rest_framework import BooleanFilter, DjangoFilterBackend, FilterSet
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request

from core.exceptions import Invalid

if TYPE_CHECKING:
    # rest_framework.views itself imports what settings name here.
    from rest_framework.views import APIView

MAX_SEARCH_LENGTH = 200
_TRUTH = frozenset(["", "true", "false", "1", "0"])


class StrictFilterBackend(DjangoFilterBackend):
    """django-filter; a value that does not parse is 400 with the parameter's name."""

    raise_exception = True

    def get_filterset(self, request: Request, queryset: QuerySet[Any], view: "APIView") -> FilterSet | None:
        """The view's filters. Raises Invalid for a truth value that is none: Django's own field takes it for "unknown"."""
        filterset: FilterSet | None = super().get_filterset(request, queryset, view)
        for name, item in filterset.filters.items() if filterset is not None else ():
            if isinstance(item, BooleanFilter) and request.query_params.get(name, "").lower() not in _TRUTH:
                raise Invalid.field(name, "Must be true or false.", "invalid")
        return filterset


class BoundedSearchFilter(SearchFilter):
    """`search` over the view's `search_fields`, bounded in length."""

    search_description = f"Words to look for, at most {MAX_SEARCH_LENGTH} characters."

    def get_search_terms(self, request: Request) -> list[str]:
        """The words. Raises Invalid on text that is too long or holds NUL."""
        text = request.query_params.get(self.search_param, "")
        if len(text) > MAX_SEARCH_LENGTH:
            raise Invalid.field("search", f"At most {MAX_SEARCH_LENGTH} characters.", "too_long")
        if "\x00" in text:
            raise Invalid.field("search", "Null characters are not allowed.", "null_characters_not_allowed")
        return super().get_search_terms(request)


class StrictOrderingFilter(OrderingFilter):
    """`ordering` by the view's declared `ordering_fields` only; unknown names are 400."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: "APIView") -> Sequence[str] | None:
        """The order asked for, or the view's own. Raises Invalid."""
        asked = request.query_params.get(self.ordering_param)
        if not asked:
            default: Sequence[str] | None = self.get_default_ordering(view)
            return default
        fields = [field.strip() for field in asked.split(",")]
        allowed = getattr(view, "ordering_fields", None) or ()
        for field in fields:
            if field.removeprefix("-") not in allowed:
                names = ", ".join(allowed) or "nothing"
                raise Invalid.field("ordering", f"This list can be ordered by: {names}.", "unknown_field")
        # Equal and missing values would otherwise wander between pages.
        return [*fields, "-id"]
