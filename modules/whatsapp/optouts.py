"""Who is not to be written to. What waits for somebody who opts out is taken back."""

from django.utils import timezone

from events import publish
from modules.whatsapp import events, telling
from modules.whatsapp.choices import MessageStatus, OptOutSource
from modules.whatsapp.models import Contact, Message
from modules.whatsapp.outcomes import finish_bulks, give_units_back

CODE = "recipient_opted_out"
MAX_CANCELLED = 1000


def opt_out(*, contact: Contact, source: OptOutSource) -> None:
    """Write to somebody no more, in the caller's transaction. Twice is harmless."""
    if contact.opted_out_at is not None:
        return
    contact.opted_out_at, contact.opt_out_source = timezone.now(), source
    contact.save(update_fields=["opted_out_at", "opt_out_source", "updated_at"])
    waiting = Message.objects.filter(session_id=contact.session_id, recipient=contact.phone_number, status=MessageStatus.QUEUED)
    # What somebody else holds, and what is beyond, is not sent either (modules.whatsapp.attempting).
    cancel(list(waiting.select_for_update(no_key=True, of=("self",), skip_locked=True).order_by("pk")[:MAX_CANCELLED]), code=CODE)
    publish(
        events.ContactOptedOut(contact.phone_number, source.value, contact.session.is_sandbox),  # type: ignore[arg-type]  # one of its choices
        stream=f"user:{contact.session.user_id}",
    )


def opt_in(*, contact: Contact) -> None:
    """Take somebody off the list, in the caller's transaction. Twice is harmless."""
    contact.opted_out_at, contact.opt_out_source = None, ""
    contact.save(update_fields=["opted_out_at", "opt_out_source", "updated_at"])


def cancel(messages: list[Message], *, code: str = "") -> None:
    """Take back queued messages that the caller has locked, with their units, and tell of it."""
    now = timezone.now()
    for message in messages:
        message.status, message.error_code, message.finished_at = MessageStatus.CANCELLED, code, now
    keys = [message.pk for message in messages]
    Message.objects.filter(pk__in=keys).update(status=MessageStatus.CANCELLED, error_code=code, finished_at=now)
    give_units_back(messages)
    finish_bulks({message.bulk_id for message in messages if message.bulk_id is not None})
    for message in messages:
        telling.message_changed(message, now)
