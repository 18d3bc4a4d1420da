"""Links that let in whoever has them."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from core import crypto
from core.exceptions import NotFound
from modules.chat.exceptions import AlreadyMember, LinkUnusable, TooManyLinks
from modules.chat.joining import acting, enter, living, role_for
from modules.chat.models import InviteLink, Member, Room
from modules.chat.rights import Action
from modules.chat.services.noting import note
from users.models import User

MAX_LINKS = 100


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link with its token, which is known now and never again."""

    link: InviteLink
    token: str


def make_link(*, room: Room, actor: User, role: str, expires_in: timedelta | None = None, max_uses: int | None = None) -> NewLink:
    """Make a link that lets people in as `role`. Raises RightMissing, RoomArchived, TooManyLinks."""
    with transaction.atomic():
        found, _ = acting(room.pk, actor, Action.MAKE_LINKS)
        if InviteLink.objects.usable().filter(room=found).count() >= MAX_LINKS:
            raise TooManyLinks
        token = secrets.token_urlsafe(32)
        link: InviteLink = InviteLink.objects.create(
            room=found,
            digest=crypto.sha256(token),
            role=role,
            created_by=actor,
            expires_at=None if expires_in is None else timezone.now() + expires_in,
            max_uses=max_uses,
        )
        until = None if link.expires_at is None else link.expires_at.isoformat()
        note("link_made", found, actor, {"link": str(link.pk), "role": str(role), "until": until, "max_uses": max_uses})
    return NewLink(link, token)


def revoke_link(*, room: Room, actor: User, link_id: UUID) -> None:
    """Make a link useless; twice is harmless. Raises RightMissing, RoomArchived, NotFound."""
    with transaction.atomic():
        found, _ = acting(room.pk, actor, Action.MAKE_LINKS)
        link: InviteLink | None = InviteLink.objects.filter(room=found, pk=link_id).first()
        if link is None:
            raise NotFound("There is no such link.")
        if InviteLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()):
            note("link_revoked", found, actor, {"link": str(link.pk)})


def usable_link(token: str) -> InviteLink:
    """A link that still lets in, with its room. Raises LinkUnusable, whatever is wrong with it."""
    living_rooms = InviteLink.objects.usable().filter(room__deleted_at=None, room__archived_at=None)
    link: InviteLink | None = living_rooms.filter(digest=crypto.sha256(token)).select_related("room").first()
    if link is None:
        raise LinkUnusable
    return link


def join_by_link(*, token: str, actor: User) -> Member:
    """Come in with a link. Raises LinkUnusable and what `enter` does; a refused one does not count as a use."""
    link = usable_link(token)
    with transaction.atomic():
        room = living(link.room_id)
        if Member.objects.filter(room=room, user=actor).exists():
            raise AlreadyMember
        use_link(link)
        return enter(room, actor, role_for(actor, link.role))


def use_link(link: InviteLink) -> None:
    """Count one use, in the caller's transaction: one statement decides, so no link is used more often than it may be.

    Raises LinkUnusable.
    """
    if not InviteLink.objects.usable().filter(pk=link.pk).update(uses=F("uses") + 1):
        raise LinkUnusable
