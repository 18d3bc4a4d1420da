"""The request log, usage and the dashboard in the admin: to look at only."""

from django.contrib import admin

from analytics.admin import state
from analytics.admin.log import APILogAdmin
from analytics.admin.usage import UsageStatsAdmin

__all__ = ["APILogAdmin", "UsageStatsAdmin", "state"]

# The page whose context analytics.admin.dashboard makes.
admin.site.index_template = "analytics/admin/dashboard.html"
