"""Swagger UI and ReDoc from local files only: the browser is told to fetch nothing from anywhere else; the socket's document."""

from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.asyncapi import document

# ReDoc's bundle would load a logo from its maker's host. Both pages have inline scripts and styles; ReDoc searches in a worker.
POLICY = (
    "default-src 'self'; img-src 'self' data:; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "worker-src 'self' blob:; frame-ancestors 'none'"
)


class LocalOnly(APIView):
    """Adds the policy to a page."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """The page with its policy."""
        page: Response = super().finalize_response(request, response, *args, **kwargs)
        page["Content-Security-Policy"] = POLICY
        return page


class SwaggerView(LocalOnly, SpectacularSwaggerView):
    """Swagger UI."""


class RedocView(LocalOnly, SpectacularRedocView):
    """ReDoc, in the reader's own fonts."""

    template_name = "api/redoc.html"


class AsyncAPIView(APIView):
    """The socket's description, as AsyncAPI 3.0 in JSON."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request) -> HttpResponse:
        """The document for the host that was asked; without the envelope, as its readers expect."""
        made = document(host=request.get_host(), secure=request.is_secure())
        return HttpResponse(orjson.dumps(made, option=orjson.OPT_INDENT_2), content_type="application/json")
