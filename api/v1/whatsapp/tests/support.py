"""Short words for the tests of the WhatsApp endpoints."""

import io
from typing import Any

from django.apps import apps
from PIL import Image

from analytics.models import UsageStats
from core.models import AuditEntry

SESSIONS = "/api/v1/sessions/"
MESSAGES = "/api/v1/messages/"
BULKS = "/api/v1/messages/bulks/"
MEDIA = "/api/v1/messages/media/"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


def everything() -> dict[str, Any]:
    """All rows of the module, what was counted and what was noted for auditors."""
    models = [*apps.get_app_config("whatsapp").get_models(), UsageStats, AuditEntry]
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def sent_today(user: Any) -> int:
    """How many messages count against the person's quota, over all days."""
    return sum(UsageStats.objects.filter(user=user).values_list("messages_sent", flat=True))


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), **options: Any) -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **options)
    return out.getvalue()


def ids(response: Any) -> list[str]:
    """The ids a list shows, in order."""
    assert response.status_code == 200, response.json()
    return [row["id"] for row in response.json()["data"]]
