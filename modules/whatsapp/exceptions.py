"""What can be refused here, each with its stable code."""

from core.exceptions import Conflict, NotAllowed, NotFound, Unavailable


class SessionMissing(Conflict):
    """There is no session to send with."""

    code = "session_not_connected"
    default_message = "There is no WhatsApp session; open one with POST /api/v1/sessions/init/."


class SessionSuspended(NotAllowed):
    """An administrator has switched the session off."""

    code = "session_suspended"
    default_message = "An administrator has suspended this WhatsApp session."


class SessionConnected(Conflict):
    """What asks for a session that is not connected."""

    code = "session_connected"
    default_message = "The session is connected already; disconnect it first."


class CodeNotReady(Conflict):
    """There is no QR code to scan now."""

    code = "qr_not_ready"
    default_message = "There is no QR code to scan yet."


class DriverUnavailable(Conflict):
    """The driver is not configured, or not for this caller."""

    code = "driver_unavailable"
    default_message = "This driver is not available."


class NotSupported(Conflict):
    """The session's driver has no such thing."""

    code = "not_supported_by_driver"
    default_message = "The session's driver cannot do this."


class RecipientOptedOut(Conflict):
    """Who opted out is never written to."""

    code = "recipient_opted_out"
    default_message = "This recipient has opted out of messages from this account."


class WindowClosed(Conflict):
    """More than a day since the recipient wrote: only a template may be sent."""

    code = "conversation_window_closed"
    default_message = (
        "The recipient has not written within the last 24 hours, so WhatsApp's Cloud API takes template messages only: "
        "use POST /api/v1/messages/send-template/, or wait until the recipient writes."
    )


class MessageNotCancellable(Conflict):
    """It is on its way, or arrived."""

    code = "message_not_cancellable"
    default_message = "Only a message that is still queued can be cancelled."


class MessageNotRetryable(Conflict):
    """It is on its way, or arrived."""

    code = "message_not_retryable"
    default_message = "Only a failed, unknown or cancelled message can be sent again."


class MediaGone(Conflict):
    """The file is past its retention, or was refused."""

    code = "media_not_available"
    default_message = "This file is not available any more; upload it again."


class BulkFinished(Conflict):
    """It is over."""

    code = "bulk_finished"
    default_message = "This bulk is finished or cancelled."


class HookRefused(NotAllowed):
    """A gateway's call whose signature does not fit."""

    code = "invalid_signature"
    default_message = "The signature does not fit the body."


class HookUnknown(NotFound):
    """A gateway's call for a session that is not here."""


class GatewayAway(Unavailable):
    """The gateway does not answer."""

    code = "gateway_unavailable"
    default_message = "The WhatsApp gateway does not answer."
