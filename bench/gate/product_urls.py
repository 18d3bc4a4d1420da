"""The product's tree with the benchmark's route: scope, limits and log on, like any view of the product."""

from typing import ClassVar

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from api.views import APIView
from bench.gate.answer import ANSWER
from config.urls import urlpatterns as product


class GatedView(APIView):
    """The same answer behind the request gate."""

    scopes: ClassVar[dict[str, str]] = {"GET": "usage:read"}
    schema = None

    def get(self, request: Request) -> Response:
        """The answer."""
        return Response(ANSWER)


urlpatterns = [path("api/v1/bench/", GatedView.as_view()), *product]
