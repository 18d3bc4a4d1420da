"""Messages that came in: kept once, with their sender as a contact, and a wish to be left alone obeyed at once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError

from core.validators import normalize_phone_number
from events import publish
from modules.whatsapp import bell, events
from modules.whatsapp.choices import MEDIA_TYPES, Direction, MediaStatus, MessageStatus, MessageType, OptOutSource
from modules.whatsapp.gateways.base import Incoming
from modules.whatsapp.models import Contact, Media, Message, WhatsAppSession
from modules.whatsapp.optouts import opt_in, opt_out

MAX_CONTENT = 65_536
# Whole messages that mean: no more, or: again.
STOP_WORDS = frozenset(["stop", "stopp", "stopall", "unsubscribe", "abmelden", "arret", "arrêt", "baja", "cancelar suscripción"])
START_WORDS = frozenset(["start", "unstop", "subscribe"])


class Receiver:
    """Takes a batch of messages to one session. The contacts of all of them are made and locked first, in one order."""

    def __init__(self, session_id: UUID, words: Sequence[Incoming]) -> None:
        self.session: WhatsAppSession = WhatsAppSession.objects.get(pk=session_id)
        known = Message.objects.filter(session=self.session, provider_id__in=[word.provider_id for word in words])
        self._kept = set(known.values_list("provider_id", flat=True))
        self._numbers = self._resolve(words)
        numbers = sorted(set(self._numbers.values()))
        Contact.objects.bulk_create(
            [Contact(session=self.session, phone_number=number) for number in numbers], ignore_conflicts=True
        )
        rows = Contact.objects.filter(session=self.session, phone_number__in=numbers)
        locked = rows.select_for_update(no_key=True, of=("self",)).order_by("phone_number")
        self._contacts: dict[str, Contact] = {row.phone_number: row for row in locked}

    def receive(self, word: Incoming, now: datetime) -> None:
        """Keep a message that came in. Twice is harmless."""
        if word.provider_id in self._kept:
            return
        self._kept.add(word.provider_id)
        session = self.session
        # The clock of a phone may be wrong; what came in was sent before now.
        at = min(word.at or now, now)
        contact = self._contact(word, at)
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
            driver=session.driver,
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

    def _resolve(self, words: Sequence[Incoming]) -> dict[str, str]:
        """Each sender's contact: by the gateway's id where that is known, else by number; at last by the id itself."""
        chats = {word.chat_id for word in words} - {""}
        known = Contact.objects.filter(session=self.session, chat_id__in=chats).order_by("-pk")
        by_chat = dict(known.values_list("chat_id", "phone_number"))
        return {word.sender: by_chat.get(word.chat_id) or _number(word.sender) for word in words}

    def _contact(self, word: Incoming, at: datetime) -> Contact:
        contact = self._contacts[self._numbers[word.sender]]
        contact.last_inbound_at = max(filter(None, (contact.last_inbound_at, at)))
        contact.name = word.name[:100] or contact.name
        contact.chat_id = word.chat_id or contact.chat_id
        contact.save()
        return contact


def _number(sender: str) -> str:
    try:
        return normalize_phone_number(sender)
    except ValidationError:
        return sender[:64]


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
