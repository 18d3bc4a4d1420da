"""Everything under /api/: version 1, the schema and its two viewers, and a JSON 404 for the rest."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from api.documentation import AsyncAPIView, RedocView, SwaggerView
from api.views import UnknownView

urlpatterns = [
    path("v1/", include(("api.v1.urls", "v1"))),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("schema/asyncapi", AsyncAPIView.as_view(), name="asyncapi"),
    path("docs/", SwaggerView.as_view(url_name="schema"), name="docs"),
    path("redoc/", RedocView.as_view(url_name="schema"), name="redoc"),
    re_path(r"^", UnknownView.as_view(), name="unknown"),
]
