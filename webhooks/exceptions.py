"""What can be refused here, each with its stable code."""

from core.exceptions import Conflict, NotAllowed


class TooManyWebhooks(Conflict):
    """The owner has as many endpoints as one may have."""

    code = "too_many_webhooks"
    default_message = "This account has the most webhook endpoints it may have; delete one first."


class WebhookDisabled(Conflict):
    """Nothing is sent to an endpoint that is switched off."""

    code = "webhook_disabled"
    default_message = "This endpoint is switched off; enable it first."


class DeliveryPending(Conflict):
    """A delivery that is still under way cannot be replayed."""

    code = "delivery_pending"
    default_message = "This delivery is still under way."


class PlatformNotAllowed(NotAllowed):
    """The events of everybody are for administrators."""

    code = "admin_required"
    default_message = "Only administrators may listen to the whole platform."


class PlatformNeedsSession(NotAllowed):
    """A key could not read all of these events: it may not have them sent somewhere, nor read what was sent."""

    code = "session_required"
    default_message = "What listens to the whole platform, and what was sent there, is for signed-in people, not for API keys."
