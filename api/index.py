"""The entrance of version 1: where the documentation is, and which modules this installation has."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.views import APIView
from core.registry import domain_apps


class IndexSerializer(serializers.Serializer[Any]):
    version = serializers.CharField()
    modules = serializers.ListField(child=serializers.CharField())
    schema = serializers.CharField()
    swagger = serializers.CharField()
    redoc = serializers.CharField()


class IndexView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(summary="Version 1", operation_id="index", tags=["index"], responses=IndexSerializer)
    def get(self, request: Request) -> Response:
        """Where to read on."""
        modules = sorted(config.label for config in domain_apps() if config.urlconf)
        return Response(
            {"version": "v1", "modules": modules, "schema": "/api/schema/", "swagger": "/api/docs/", "redoc": "/api/redoc/"}
        )
