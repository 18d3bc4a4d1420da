"""Fixed sets of values."""

from django.db import models


class Audience(models.TextChoices):
    """Whose events an endpoint gets."""

    OWN = "own", "The owner's: those of streams the owner follows"
    PLATFORM = "platform", "Everybody's (administrators only)"


class DisabledReason(models.TextChoices):
    """Why an endpoint is switched off."""

    BY_OWNER = "by_owner", "Switched off by a person"
    GONE = "gone", "The receiver answered 410 Gone"
    FAILING = "failing", "A delivery failed to its last attempt"


class DeliveryStatus(models.TextChoices):
    """Where a delivery stands."""

    PENDING = "pending", "Pending"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class AttemptError(models.TextChoices):
    """Why an attempt was no success."""

    BAD_STATUS = "bad_status", "Answered with another status than 2xx"
    TIMED_OUT = "timed_out", "No answer in time"
    UNREACHABLE = "unreachable", "No usable answer: not resolved, refused, broken off"
    ADDRESS_REFUSED = "address_refused", "The address is not one we may call"
    SECRET_UNREADABLE = "secret_unreadable", "The secret cannot be decrypted any more"
