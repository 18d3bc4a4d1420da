"""What webhooks can tell of their state, for the state page."""

from datetime import timedelta

from django.utils import timezone

from core.admin_pages.state import Reading, register_section
from events.models import PendingEvent
from webhooks.choices import DeliveryStatus, DisabledReason
from webhooks.models import WebhookDelivery, WebhookEndpoint

BEHIND = timedelta(minutes=1)
MAX_COUNTED = 10_000


def webhook_readings() -> list[Reading]:
    """What waits for the relay, what is due, and which endpoints are off. Counted up to a bound: a backlog is no small table."""
    now = timezone.now()
    waiting = PendingEvent.objects.all()[:MAX_COUNTED].count()
    late = PendingEvent.objects.filter(created_at__lt=now - BEHIND).exists()
    overdue = WebhookDelivery.objects.filter(
        endpoint__in=WebhookEndpoint.objects.sending(), status=DeliveryStatus.PENDING, next_attempt_at__lt=now - BEHIND
    )[:MAX_COUNTED].count()
    off = WebhookEndpoint.objects.filter(disabled_reason__in=(DisabledReason.GONE, DisabledReason.FAILING)).count()
    return [
        Reading("Events not relayed", f"{waiting:,}", "Does `manage.py relay` run?" if late else "", "danger" if late else ""),
        Reading("Deliveries overdue", f"{overdue:,}", "Due for over a minute.", "warning" if overdue else ""),
        Reading("Endpoints switched off", f"{off:,}", "Because their receivers are gone or kept failing.", ""),
    ]


register_section("Webhooks", webhook_readings, order=4)
