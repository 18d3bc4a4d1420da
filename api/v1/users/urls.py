"""Routes of /api/v1/users/."""

from typing import Any

from django.urls import path

from api.v1.users.views import UserViewSet

_DETAIL: Any = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("users/", UserViewSet.as_view({"get": "list", "post": "create"}), name="user-list"),
    path("users/<uuid:pk>/", UserViewSet.as_view(_DETAIL), name="user-detail"),
    path("users/<uuid:pk>/activate/", UserViewSet.as_view({"post": "activate"}), name="user-activate"),
    path("users/<uuid:pk>/deactivate/", UserViewSet.as_view({"post": "deactivate"}), name="user-deactivate"),
]
