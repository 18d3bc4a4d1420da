"""Filters of the lists about messages."""

from django_filters import rest_framework as filters

from modules.chat.models import Report


class ReportFilter(filters.FilterSet):
    class Meta:
        model = Report
        fields = ("status",)
