"""Routes of /api/v1/analytics/."""

from django.urls import path

from api.v1.analytics import views

urlpatterns = [
    path("analytics/usage-stats/", views.UsageStatsViewSet.as_view({"get": "list"}), name="usage-stats-list"),
    path("analytics/usage-stats/<uuid:pk>/", views.UsageStatsViewSet.as_view({"get": "retrieve"}), name="usage-stats-detail"),
    path("analytics/api-logs/", views.APILogViewSet.as_view({"get": "list"}), name="api-log-list"),
    path("analytics/api-logs/export/", views.APILogViewSet.as_view({"get": "export"}), name="api-log-export"),
    path("analytics/summary/", views.SummaryView.as_view(), name="analytics-summary"),
    path("analytics/timeseries/", views.TimeseriesView.as_view(), name="analytics-timeseries"),
]
