"""Publishing what became of a message."""

from datetime import datetime

from events import publish
from modules.whatsapp import events
from modules.whatsapp.choices import MessageStatus
from modules.whatsapp.models import Bulk, Message, WhatsAppSession


def message_changed(message: Message, at: datetime) -> None:
    """Tell the owner of a message's new status, in the transaction of the change."""
    who = (message.pk, message.recipient, message.client_reference)
    stream = f"user:{message.user_id}"
    match message.status:
        case MessageStatus.SENT:
            publish(events.MessageSent(*who, at, message.is_sandbox), stream=stream)
        case MessageStatus.DELIVERED:
            publish(events.MessageDelivered(*who, at, message.is_sandbox), stream=stream)
        case MessageStatus.READ:
            publish(events.MessageRead(*who, at, message.is_sandbox), stream=stream)
        case MessageStatus.CANCELLED:
            publish(events.MessageCancelled(*who, at, message.is_sandbox), stream=stream)
        case MessageStatus.UNKNOWN:
            publish(events.MessageUnknown(*who, message.error_code, at, message.is_sandbox), stream=stream)
        case MessageStatus.FAILED:
            failed = events.MessageFailed(*who, message.error_code, message.error_message, at, message.is_sandbox)
            publish(failed, stream=stream)


def message_queued(message: Message) -> None:
    """Tell the owner that a message waits for its turn."""
    publish(
        events.MessageQueued(
            message.pk,
            message.recipient,
            message.message_type,  # type: ignore[arg-type]  # one of its choices
            message.client_reference,
            message.send_at,
            message.is_sandbox,
        ),
        stream=f"user:{message.user_id}",
    )


def session_changed(session: WhatsAppSession) -> None:
    """Tell the owner where a session stands now."""
    publish(
        events.SessionChanged(
            session.pk,
            session.status,  # type: ignore[arg-type]  # one of its choices
            session.status_reason,
            session.phone_number,
            session.is_sandbox,
        ),
        stream=f"user:{session.user_id}",
    )


def bulk_changed(bulk: Bulk) -> None:
    """Tell the owner where a bulk stands now."""
    publish(
        events.BulkChanged(bulk.pk, bulk.status, bulk.accepted, bulk.rejected_count, bulk.session.is_sandbox),  # type: ignore[arg-type]  # one of its choices
        stream=f"user:{bulk.user_id}",
    )
