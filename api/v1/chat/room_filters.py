"""Filters of the lists of rooms and members."""

from typing import Any

from django.contrib.postgres.lookups import TrigramWordSimilar
from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.lookups import PostgresOperatorLookup
from django_filters import rest_framework as filters

from modules.chat.choices import Role, RoomKind
from modules.chat.models import Member, Room

MAX_SEARCH = 100


class ILike(PostgresOperatorLookup):
    """Contains, whatever the case, as the trigram index knows it (Django's own compares UPPER of both)."""

    lookup_name = "ilike"
    postgres_operator = "ILIKE"


def contains(field: str, text: str) -> Q:
    """Whether a field has the text in it."""
    escaped = text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return Q(ILike(F(field), Value(f"%{escaped}%", output_field=TextField())))


class RoomFilter(filters.FilterSet):
    """Of one's own rooms, by one's places in them."""

    kind = filters.ChoiceFilter(field_name="room__kind", choices=RoomKind.choices)
    archived = filters.BooleanFilter(field_name="room__archived_at", lookup_expr="isnull", exclude=True)
    favourite = filters.BooleanFilter(field_name="is_favourite")
    search = filters.CharFilter(
        method="by_name", max_length=MAX_SEARCH, label="In the room's name; of a direct one in the other person's."
    )

    class Meta:
        model = Member
        fields: tuple[str, ...] = ()

    def by_name(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """By name."""
        others = Member.objects.filter(room_id=OuterRef("room_id")).exclude(user_id=OuterRef("user_id"))
        direct = Q(room__kind=RoomKind.DIRECT) & Q(Exists(others.filter(_named(value))))
        return queryset.filter(contains("room__name", value) | direct)


class DiscoverFilter(filters.FilterSet):
    """Of rooms that may be found."""

    search = filters.CharFilter(method="by_name", max_length=MAX_SEARCH, label="In the name, or words like it.")

    class Meta:
        model = Room
        fields: tuple[str, ...] = ()

    def by_name(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """By name, also misspelt."""
        similar = Q(TrigramWordSimilar(F("name"), Value(value, output_field=TextField())))
        return queryset.filter(contains("name", value) | similar)


class MemberFilter(filters.FilterSet):
    """Of a room's members."""

    role = filters.ChoiceFilter(choices=Role.choices)
    search = filters.CharFilter(method="by_name", max_length=MAX_SEARCH, label="In the username or the name shown.")

    class Meta:
        model = Member
        fields: tuple[str, ...] = ()

    def by_name(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """By name."""
        return queryset.filter(_named(value))


def _named(text: str) -> Q:
    return contains("user__username", text) | contains("user__profile__display_name", text)
