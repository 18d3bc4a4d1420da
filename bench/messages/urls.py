"""The product's tree with the bare view: keyed like any other, it inserts one row and answers with it."""

from typing import Any, ClassVar

from django.db import transaction
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from api.views import APIView
from bench.messages.rows import Row
from config.urls import urlpatterns as product


class BareView(APIView):
    """Nothing is checked but the key."""

    scopes: ClassVar[dict[str, str]] = {"POST": "whatsapp:send"}
    schema = None

    def post(self, request: Request) -> Response:
        """One row by the ORM, in a transaction."""
        data: Any = request.data
        with transaction.atomic():
            row = Row.objects.create(user_id=self.principal.user_id, recipient=data["recipient"], content=data["content"])
        shown = {"id": str(row.pk), "recipient": row.recipient, "content": row.content, "status": row.status}
        return Response({**shown, "created_at": row.created_at}, status=202)


urlpatterns = [path("api/v1/bench/rows/", BareView.as_view()), *product]
