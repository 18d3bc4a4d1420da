"""Sessions as drivers see them."""

from django.conf import settings

from modules.whatsapp.gateways.base import Link
from modules.whatsapp.models import WhatsAppSession


def hook_url(session: WhatsAppSession) -> str:
    """Where the session's gateway is to call."""
    base = settings.WHATSAPP_HOOK_URL or settings.PUBLIC_URL
    return f"{base.rstrip('/')}/api/v1/whatsapp/hooks/{session.driver}/{session.pk}/"


def link_of(session: WhatsAppSession) -> Link:
    """What its driver needs to know of a session."""
    return Link(
        name=session.gateway_name,
        secrets=session.secrets,
        options=session.options,
        status=session.status,
        status_changed_at=session.status_changed_at,
        hook_url=hook_url(session),
        pairing_number=session.pairing_number,
    )
