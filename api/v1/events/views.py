"""Streams of events over HTTP, for clients without a socket, and tickets for those with one."""

from dataclasses import replace
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api import gate, tickets
from api.v1.events import serializers as shapes
from api.v1.events.reading import Page, Position, read
from api.v1.events.waiting import WAITED, wait_for_news
from api.views import APIView
from core.principals import Principal
from core.responses import MetaResponse
from events import streams

_SOME_ID = "019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11"


class EventListView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": streams.SCOPE}
    meta_schema = "StreamMeta"

    @extend_schema(
        summary="Read a stream of events",
        parameters=[shapes.EventQuerySerializer],
        responses=shapes.EventSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The stream's events after `since`, oldest first.

        Begin without `since`: the answer has no events, but `meta.stream` tells the position (`epoch`, `seq`) to go on from. Then
        ask with `since`, `epoch` and `wait`, and use the `seq` of the last event you got as the next `since`. `more` says
        that the next page is there already. With `recovered` false (another epoch, a position that is not in the stream, or
        events past retention) there are no events: load your state anew and begin at the position told. When `wait` was asked
        for, nothing came and `waited` is false, too many were waiting: pause before you ask again.
        """
        query = shapes.EventQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked, seconds = _position(query.validated_data), query.validated_data["wait"]
        page, waited = self._look(asked), bool(getattr(request._request, "scope", {}).get(WAITED))
        if seconds and asked.since is not None and not page.is_news:
            # Who waits is told of a new epoch, named or not.
            asked = replace(asked, epoch=page.head.epoch)
            heard = wait_for_news(asked.stream, seconds, lambda: self._look_again(asked))
            page, waited = heard or page, heard is not None
        return MetaResponse(page.data(), {"stream": page.meta(), "waited": waited})

    def _look(self, asked: Position) -> Page:
        streams.check_may_follow(self.principal, asked.stream)
        return read(asked, streams.earliest(self.principal, asked.stream) if asked.since is not None else 0)

    def _look_again(self, asked: Position) -> Page:
        """Who waits may have lost the key, the session or the right meanwhile. Raises NotAuthenticated or StreamNotFound."""
        self.request.auth = gate.authenticate(self.request._request)
        return self._look(asked)


class StreamKindsView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": streams.SCOPE}

    @extend_schema(
        summary="List the kinds of stream",
        responses=shapes.StreamKindSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The kinds of stream that the caller can use in this installation; which ones of a kind depends on its rights."""
        kinds = [kind for _, kind in sorted(streams.stream_kinds().items())]
        return Response([_shown(kind, self.principal) for kind in kinds if _can_use(kind, self.principal)])


class TicketView(APIView):
    scopes: ClassVar[dict[str, str]] = {"POST": streams.SCOPE}
    idempotent = False

    @extend_schema(
        summary="Get a ticket for the socket",
        request=None,
        responses={201: shapes.TicketSerializer},
    )
    def post(self, request: Request) -> Response:
        """A ticket that opens `/ws/v1/` once, within 30 seconds, with the caller's rights as they are then.

        For clients that keep their token or key away from the socket's code. It goes into the first frame, never into a URL.
        Answers 503 `tickets_unavailable` while Redis is away.
        """
        data = {"ticket": tickets.issue(self.principal), "expires_in": tickets.LIFE_SECONDS}
        return Response(data, status=201, headers={"Cache-Control": "no-store"})


def _position(data: dict[str, Any]) -> Position:
    return Position(stream=data["stream"], since=data.get("since"), epoch=data.get("epoch"), limit=data["limit"])


def _can_use(kind: streams.StreamKind, principal: Principal) -> bool:
    return principal.scopes is None or kind.scope is None or kind.scope in principal.scopes


def _shown(kind: streams.StreamKind, principal: Principal) -> dict[str, str]:
    identifier = principal.user_text if kind.name == "user" else _SOME_ID
    return {
        "kind": kind.name,
        "description": kind.description,
        "scope": kind.scope or streams.SCOPE,
        "example": f"{kind.name}:{identifier}",
    }
