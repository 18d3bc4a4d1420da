"""Routes of /api/v1/api-keys/."""

from typing import Any

from django.urls import path

from api.v1.api_keys.usage_views import KeyUsageView
from api.v1.api_keys.views import APIKeyViewSet, ScopesView, VerifyView

_DETAIL: Any = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("api-keys/", APIKeyViewSet.as_view({"get": "list", "post": "create"}), name="api-key-list"),
    path("api-keys/scopes/", ScopesView.as_view(), name="api-key-scopes"),
    path("api-keys/verify/", VerifyView.as_view(), name="api-key-verify"),
    path("api-keys/<uuid:pk>/", APIKeyViewSet.as_view(_DETAIL), name="api-key-detail"),
    path("api-keys/<uuid:pk>/rotate/", APIKeyViewSet.as_view({"post": "rotate"}), name="api-key-rotate"),
    path("api-keys/<uuid:pk>/usage/", KeyUsageView.as_view(), name="api-key-usage"),
]
