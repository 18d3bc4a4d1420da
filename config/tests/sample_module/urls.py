"""The module's one view under /api/v1/."""

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.views import APIView
from config.tests.sample_module.tasks import CALLS
from core.redis import client


class EchoSerializer(serializers.Serializer[Any]):
    calls = serializers.IntegerField(min_value=0)


class EchoesView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": "echoes:read"}

    @extend_schema(summary="Count the calls", responses=EchoSerializer)
    def get(self, request: Request) -> Response:
        """How often the worker has called."""
        return Response({"calls": int(client().get(CALLS) or 0)})  # type: ignore[arg-type]


urlpatterns = [path("echoes/", EchoesView.as_view(), name="echo-list")]
