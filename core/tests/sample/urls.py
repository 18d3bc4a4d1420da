"""The sample module's routes under /api/v1/."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class SamplesView(APIView):
    @extend_schema(summary="List samples", responses={200: None})
    def get(self, request: Request) -> Response:
        return Response([])


urlpatterns = [path("samples/", SamplesView.as_view(), name="sample-list")]
