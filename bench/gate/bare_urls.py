"""One answer, behind nothing, behind stock simplejwt, and behind stock djangorestframework-api-key."""

from typing import Any

from django.urls import path
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_api_key.permissions import HasAPIKey
from rest_framework_simplejwt.authentication import JWTAuthentication

from bench.gate.answer import ANSWER


class BareView(APIView):
    """A DRF view that checks nothing."""

    authentication_classes: Any = ()
    permission_classes: Any = (AllowAny,)

    def get(self, request: Request) -> Response:
        """The answer."""
        return Response(ANSWER)


class SimpleJWTView(BareView):
    """Stock simplejwt: a user query per request."""

    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated,)


class StockKeyView(BareView):
    """Stock djangorestframework-api-key."""

    permission_classes = (HasAPIKey,)


urlpatterns = [
    path("bare/", BareView.as_view()),
    path("simplejwt/", SimpleJWTView.as_view()),
    path("drf-api-key/", StockKeyView.as_view()),
]
