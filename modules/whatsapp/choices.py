"""The words of the module, once."""

from django.db import models

from core.files import FileKind


class Driver(models.TextChoices):
    """What carries messages."""

    SANDBOX = "sandbox", "Sandbox"
    WAHA = "waha", "WAHA"
    CLOUD_API = "cloud_api", "Cloud API"


class Environment(models.TextChoices):
    """Whose calls use a session: those of live keys and of people, or those of test keys, which never leave the house."""

    LIVE = "live", "Live"
    TEST = "test", "Test"


class SessionStatus(models.TextChoices):
    """Where a session stands."""

    DISCONNECTED = "disconnected", "Disconnected"
    CONNECTING = "connecting", "Connecting"
    QR_READY = "qr_ready", "QR code ready"
    CONNECTED = "connected", "Connected"
    ACTION_REQUIRED = "action_required", "Action required"
    FAILED = "failed", "Failed"


class Wish(models.TextChoices):
    """What the owner wants of a session."""

    CONNECTED = "connected", "Connected"
    STOPPED = "stopped", "Stopped"
    LOGGED_OUT = "logged_out", "Logged out"


class Direction(models.TextChoices):
    """Who wrote it."""

    OUTBOUND = "outbound", "Outbound"
    INBOUND = "inbound", "Inbound"


class MessageType(models.TextChoices):
    """What it is."""

    TEXT = "text", "Text"
    IMAGE = "image", "Image"
    VIDEO = "video", "Video"
    AUDIO = "audio", "Audio"
    DOCUMENT = "document", "Document"
    TEMPLATE = "template", "Template"
    OTHER = "other", "Other"


# Those that are sent with a file.
MEDIA_TYPES = tuple(MessageType(kind.value) for kind in FileKind)


class MessageStatus(models.TextChoices):
    """Where a message stands. An inbound one is `received` and stays so."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    UNKNOWN = "unknown", "Unknown"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    READ = "read", "Read"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    RECEIVED = "received", "Received"


_LEFT = (MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.UNKNOWN)
_GIVEN_UP = (MessageStatus.CANCELLED, MessageStatus.FAILED)
# What an acknowledgement may make of a message: forward only, and `failed` may follow `sent`. One that is queued for another try,
# or was given up, has left before: its acknowledgement proves it.
FORWARD = {
    MessageStatus.SENT: _LEFT,
    MessageStatus.DELIVERED: (*_LEFT, *_GIVEN_UP, MessageStatus.SENT),
    MessageStatus.READ: (*_LEFT, *_GIVEN_UP, MessageStatus.SENT, MessageStatus.DELIVERED),
    MessageStatus.FAILED: (MessageStatus.SENDING, MessageStatus.UNKNOWN, MessageStatus.SENT),
}
# Not on its way and not arrived: a person may have it sent again.
RETRYABLE = (MessageStatus.FAILED, MessageStatus.UNKNOWN, MessageStatus.CANCELLED)


class MediaStatus(models.TextChoices):
    """Whether a file is here."""

    PENDING = "pending", "Pending"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"


class BulkStatus(models.TextChoices):
    """Where a bulk stands."""

    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    CANCELLED = "cancelled", "Cancelled"
    FINISHED = "finished", "Finished"


class OptOutSource(models.TextChoices):
    """How somebody opted out."""

    INBOUND = "inbound", "By message"
    API = "api", "By the account"
    ADMIN = "admin", "By an administrator"
