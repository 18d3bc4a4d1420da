"""What administrators of the house do, who are in no room."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core import audit
from core.exceptions import NotAllowed
from modules.chat.joining import locked
from modules.chat.models import IncomingWebhook, InviteLink, Room
from modules.chat.services.rooms import put_away
from users.models import User


def archive_room(*, room: Room, actor: User, is_archived: bool) -> None:
    """Put a room away, or take it out again. Twice is harmless. Raises NotAllowed, RoomNotFound. Publishes room.updated."""
    _check(actor)
    with transaction.atomic():
        put_away(locked(room.pk), actor, is_archived=is_archived)


def deactivate_webhook(*, webhook: IncomingWebhook, actor: User) -> None:
    """Stop an incoming webhook. Twice is harmless. Raises NotAllowed."""
    _check(actor)
    with transaction.atomic():
        if IncomingWebhook.objects.filter(pk=webhook.pk, is_active=True).update(is_active=False):
            _note("incoming_webhook_updated", "chat_incoming_webhook", webhook.pk, webhook.name, actor, is_active=[True, False])


def revoke_link(*, link: InviteLink, actor: User) -> None:
    """End an invite link. Twice is harmless. Raises NotAllowed."""
    _check(actor)
    with transaction.atomic():
        if InviteLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()):
            _note("link_revoked", "chat_invite_link", link.pk, str(link), actor)


def _check(actor: User) -> None:
    if not actor.is_staff:
        raise NotAllowed("Only administrators may do this.", code="admin_required")


def _note(action: str, target_type: str, target_id: UUID, label: str, actor: User, **changes: Any) -> None:
    audit.record(f"chat.{action}", actor=actor, target_type=target_type, target_id=target_id, target_label=label, changes=changes)
