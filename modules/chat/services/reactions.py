"""Reactions: each person each emoji once, counted on the message."""

import re
import unicodedata

from django.db import transaction

from core.exceptions import Invalid
from events import publish
from modules.chat.events import MessageReaction
from modules.chat.exceptions import TooManyReactions
from modules.chat.models import Member, Message, Reaction
from modules.chat.models.message import MAX_EMOJI
from modules.chat.rights import Action
from modules.chat.services.messages import check_may_change, locked
from modules.chat.streams import room_stream

MAX_DIFFERENT = 20
_CLASSES = {"\u200d": "z", "\ufe0e": "v", "\ufe0f": "v", "\u20e3": "e"}
# A flag; a key; or a sign with its variation, skin and tags, joined with others.
_ONE = re.compile(r"rr|kv?e|bv?s?t*(?:zbv?s?){0,7}")


def checked_emoji(emoji: str) -> str:
    """An emoji as it is kept. Raises Invalid for anything else than one."""
    if not 0 < len(emoji) <= MAX_EMOJI or not _ONE.fullmatch("".join(map(_class_of, emoji))):
        raise Invalid.field("emoji", "One emoji.", "not_an_emoji")
    return emoji


def add_reaction(*, member: Member, message: Message, emoji: str) -> Message:
    """React to a message; twice is once.

    Raises Invalid, RightMissing, RoomArchived, Muted, MessageDeleted, TooManyReactions. Publishes message.reaction.
    """
    checked_emoji(emoji)
    check_may_change(member, Action.REACT, silenced=True)
    with transaction.atomic():
        found = locked(message)
        if Reaction.objects.filter(message=found, user_id=member.user_id, emoji=emoji).exists():
            return found
        if emoji not in found.reactions and len(found.reactions) >= MAX_DIFFERENT:
            raise TooManyReactions
        Reaction.objects.create(message=found, user_id=member.user_id, emoji=emoji)
        _count(found, member, emoji, 1)
    return found


def remove_reaction(*, member: Member, message: Message, emoji: str) -> Message:
    """Take a reaction back; what is not there is no error.

    Raises Invalid, RoomArchived, MessageDeleted. Publishes message.reaction.
    """
    checked_emoji(emoji)
    check_may_change(member, Action.READ)
    with transaction.atomic():
        found = locked(message)
        gone, _ = Reaction.objects.filter(message=found, user_id=member.user_id, emoji=emoji).delete()
        if gone:
            _count(found, member, emoji, -1)
    return found


def _count(message: Message, member: Member, emoji: str, step: int) -> None:
    count = max(0, message.reactions.get(emoji, 0) + step)
    message.reactions = {**message.reactions, emoji: count}
    if not count:
        del message.reactions[emoji]
    message.save(update_fields=["reactions"])
    reaction = MessageReaction(
        message.pk, message.room_id, message.number, message.root_id, member.user_id, emoji, step > 0, count
    )
    publish(reaction, stream=room_stream(message.room_id))


def _class_of(char: str) -> str:
    if char in _CLASSES:
        return _CLASSES[char]
    if char in "0123456789#*":
        return "k"
    if "\U0001f1e6" <= char <= "\U0001f1ff":
        return "r"
    if "\U0001f3fb" <= char <= "\U0001f3ff":
        return "s"
    if "\U000e0020" <= char <= "\U000e007f":
        return "t"
    # Emoji that are newer than Python's tables are in the planes of the others.
    is_sign = unicodedata.category(char) in ("So", "Sm") and not char.isascii()
    return "b" if is_sign or char in "‼⁉〰" or "\U0001f000" <= char <= "\U0001faff" else "x"
