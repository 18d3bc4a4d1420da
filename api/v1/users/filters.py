"""Filters of the list of accounts."""

from django_filters import rest_framework as filters

from users.models import User


class UserFilter(filters.FilterSet):
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = User
        fields = ("is_active", "is_staff", "is_guest")
