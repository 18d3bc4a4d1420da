"""Messages that came in: kept once, with their sender as a contact, and a wish to be left alone obeyed at once."""

from datetime import datetime

from django.core.exceptions import ValidationError

from core.validators import normalize_phone_number
from events import publish
from modules.whatsapp import bell, events
from modules.whatsapp.choices import MEDIA_TYPES, Direction, MediaStatus, MessageStatus, MessageType, OptOutSource
from modules.whatsapp.gateways.base import Incoming
from modules.whatsapp.models import Contact, InboundEvent, Media, Message, WhatsAppSession
from modules.whatsapp.optouts import opt_in, opt_out

MAX_CONTENT = 65_536
# Whole messages that mean: no more, or: again.
STOP_WORDS = frozenset(["stop", "stopp", "stopall", "unsubscribe", "abmelden", "arret", "arrêt", "baja", "cancelar suscripción"])
START_WORDS = frozenset(["start", "unstop", "subscribe"])


def receive(event: InboundEvent, word: Incoming, now: datetime) -> None:
    """Keep a message that came in. Twice is harmless."""
    session = WhatsAppSession.objects.get(pk=event.session_id)
    if Message.objects.filter(session=session, provider_id=word.provider_id).exists():
        return
    # The clock of a phone may be wrong; what came in was sent before now.
    at = min(word.at or now, now)
    contact = _contact(session, word, at)
    content = word.content.replace("\x00", "")[:MAX_CONTENT]
    message = Message.objects.create(
        user_id=session.user_id,
        session=session,
        direction=Direction.INBOUND,
        status=MessageStatus.RECEIVED,
        recipient=contact.phone_number,
        message_type=word.kind,
        content=content,
        media=_media(session, word),
        provider_id=word.provider_id,
        reply_to=word.reply_to,
        is_sandbox=session.is_sandbox,
        created_at=now,
        sent_at=at,
    )
    received = events.MessageReceived(
        message.pk,
        contact.phone_number,
        word.kind.value,  # type: ignore[arg-type]  # one of its choices
        word.file is not None,
        at,
        session.is_sandbox,
    )
    publish(received, stream=f"user:{session.user_id}")
    wish = content.strip().casefold()
    if wish in STOP_WORDS:
        opt_out(contact=contact, source=OptOutSource.INBOUND)
    elif wish in START_WORDS and contact.opt_out_source == OptOutSource.INBOUND:
        # Who was put on the list by somebody else stays there.
        opt_in(contact=contact)


def _contact(session: WhatsAppSession, word: Incoming, at: datetime) -> Contact:
    """The sender, by number, or by the gateway's id where that is all there is or the number is known from before."""
    try:
        number = normalize_phone_number(word.sender)
    except ValidationError:
        number = word.sender[:64]
        known = Contact.objects.filter(session=session, chat_id=word.chat_id).order_by("pk").first() if word.chat_id else None
        number = number if known is None else known.phone_number
    contact: Contact
    contact, _ = Contact.objects.select_for_update(no_key=True, of=("self",)).get_or_create(
        session=session, phone_number=number, defaults={"chat_id": word.chat_id}
    )
    contact.last_inbound_at = max(filter(None, (contact.last_inbound_at, at)))
    contact.name = word.name[:100] or contact.name
    contact.chat_id = word.chat_id or contact.chat_id
    contact.save()
    return contact


def _media(session: WhatsAppSession, word: Incoming) -> Media | None:
    """A file that is to be fetched from the gateway."""
    if word.file is None:
        return None
    bell.FILES.ring_after_commit()
    media: Media = Media.objects.create(
        user_id=session.user_id,
        session=session,
        kind=word.kind if word.kind in MEDIA_TYPES else MessageType.DOCUMENT,
        status=MediaStatus.PENDING,
        source_url=word.file.reference,
        filename=word.file.filename,
        mime_type=word.file.mime_type,
    )
    return media
