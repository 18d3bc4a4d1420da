"""The product's URLs, with views of the tests' own before them: ones that fail, stream, echo and count."""

import threading
import time

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404, HttpResponse, StreamingHttpResponse, UnreadablePostError
from django.urls import include, path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.views import APIView
from config.urls import urlpatterns as product
from core.exceptions import (
    Conflict,
    DomainError,
    FieldError,
    Invalid,
    LimitExceeded,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Unavailable,
    Unprocessable,
    UpstreamFailed,
)
from core.models import AuditEntry
from core.redis import RedisAway

FAILURES = {
    "not-found": NotFound(),
    "conflict": Conflict(),
    "not-allowed": NotAllowed(),
    "invalid": Invalid.field("name", "Wrong.", "wrong"),
    "unprocessable": Unprocessable(),
    "not-authenticated": NotAuthenticated(),
    "limit": LimitExceeded(retry_after=2.1),
    "upstream": UpstreamFailed(),
    "unavailable": Unavailable(),
    "domain": DomainError(details=[FieldError("a.b", "c", "d")]),
    "http404": Http404("secret"),
    "denied": PermissionDenied("secret"),
    "django-invalid": ValidationError({"name": ["Wrong."], "__all__": [ValidationError("Bad.", code="bad")]}),
    "django-invalid-list": ValidationError(["One.", ValidationError("Two.", code="two")]),
    "too-big": RequestDataTooBig("secret"),
    "suspicious": SuspiciousOperation("secret"),
    "unreadable": UnreadablePostError("secret"),
    "data": DataError("secret"),
    "integrity": IntegrityError("secret"),
    "operational": OperationalError("secret"),
    "redis": RedisAway(),
    "bug": RuntimeError("secret"),
    "assertion": AssertionError("secret"),
    "recursion": RecursionError("secret"),
}
running = threading.Event()
proceed = threading.Event()
calls: list[str] = []


class FailView(APIView):
    permission_classes = (AllowAny,)

    def get(self, request: Request, kind: str) -> Response:
        raise FAILURES[kind]


class EchoView(APIView):
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        return Response({"got": request.data})


class ThingView(APIView):
    """Makes a row, and fails as the body says."""

    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        calls.append(request.data.get("name", ""))
        AuditEntry.objects.create(action="thing.made", target_type="thing", target_id=request.data.get("name", ""))
        after = request.data.get("after")
        if after == "crash":
            raise RuntimeError("between the work and the answer")
        if after == "invalid":
            raise Invalid.field("name", "Wrong.", "wrong")
        if after == "refused":
            return Response({"no": True}, status=409)
        if after == "wait":
            running.set()
            assert proceed.wait(10)
        if after == "empty":
            return Response(status=204)
        return Response(
            {"number": len(calls), "secret": "shown-once-" + request.data["name"]},
            status=201,
            headers={"Location": f"/api/v1/test/things/{len(calls)}/", "Cache-Control": "no-store"},
        )


class OnceView(ThingView):
    idempotent = False


class ScopedView(APIView):
    scopes = {"GET": "usage:read"}

    def get(self, request: Request, number: int = 0) -> Response:
        return Response({"number": number})


class StreamView(APIView):
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> StreamingHttpResponse:
        def chunks():
            for _ in range(3):
                yield b"x" * 10
                time.sleep(0.02)

        return StreamingHttpResponse(chunks(), content_type="text/csv")


def html(request, status):
    """A layer below that answers with a page of its own."""
    return HttpResponse("<h1>secret</h1>", status=status)


def broken(request):
    """A plain Django view that raises past DRF."""
    raise RuntimeError("secret")


urlpatterns = [
    path("api/v1/test/fail/<str:kind>/", FailView.as_view()),
    path("api/v1/test/echo/", EchoView.as_view()),
    path("api/v1/test/things/", ThingView.as_view()),
    path("api/v1/test/once/", OnceView.as_view()),
    path("api/v1/test/scoped/<int:number>/", ScopedView.as_view()),
    path("api/v1/test/stream/", StreamView.as_view()),
    path("api/v1/test/html/<int:status>/", html),
    path("api/v1/test/broken/", broken),
    path("", include(product)),
]
