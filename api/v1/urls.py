"""Version 1: the patterns of every installed domain app, then those of the platform's own auth endpoints."""

from importlib import import_module

from django.urls import include, path

from api.index import IndexView
from api.segments import SegmentResolver
from core.registry import domain_apps

urlpatterns = [
    path("", IndexView.as_view(), name="index"),
    path("auth/", include("api.v1.auth.urls")),
    SegmentResolver(
        [pattern for config in domain_apps() if config.urlconf for pattern in import_module(config.urlconf).urlpatterns]
    ),
]
