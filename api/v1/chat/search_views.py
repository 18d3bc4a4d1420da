"""Searching."""

from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.chat import message_serializers as shapes
from api.v1.chat.message_views import READ
from api.v1.chat.showing import show_messages
from api.views import GenericViewSet
from core.pagination import KeysetPagination
from modules.chat import searching
from modules.chat.models import Message
from modules.chat.searching import Search


class SearchViewSet(ListModelMixin, GenericViewSet):
    """What was found."""

    queryset = Message.objects.none()
    serializer_class = shapes.ChatFoundSerializer
    pagination_class = KeysetPagination
    keyset = ("id",)
    filter_backends = ()
    scopes: ClassVar[dict[str, str]] = {"GET": READ}

    @extend_schema(summary="Search messages", parameters=[shapes.ChatSearchQuerySerializer])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The messages with all of the words, in the rooms that one is in, the newest first, by cursor.

        The last word is found by how it begins, words in quotes where they stand together. `mode=like` finds any part of a text,
        of at least three letters or digits in a row. Upper and lower case are the same. `snippet.matches` are the places to
        highlight.
        """
        query = shapes.ChatSearchQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        data, user_id = query.validated_data, self.principal.user_id
        asked = Search(
            data["q"],
            mode=data["mode"],
            room_id=data.get("room"),
            sender_id=data.get("sender"),
            since=data.get("since"),
            until=data.get("until"),
            has=data.get("has", ""),
        )
        with transaction.atomic():
            rows = self.paginate_queryset(searching.search(user_id, asked)) or []
        found = [
            {"message": message, "snippet": {"text": snippet.text, "matches": snippet.matches}}
            for message, snippet in zip(
                show_messages(user_id, rows), (searching.snippet(asked, row.text) for row in rows), strict=True
            )
        ]
        return self.get_paginated_response(found)
