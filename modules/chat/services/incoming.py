"""Incoming webhooks: addresses that write into a room under a name of their own."""

import hmac
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core import audit, crypto
from core.limits import Policy, parse_policy
from modules.chat import rights, sending
from modules.chat.exceptions import TooManyWebhooks, WebhookNotFound
from modules.chat.joining import living
from modules.chat.models import IncomingWebhook, Member
from modules.chat.rights import Action
from modules.chat.selectors import member_of, place_of
from modules.chat.sending import Draft, Sent
from modules.chat.text import checked_name
from users.models import User

MAX_WEBHOOKS = 20
# Calls in seconds, of one address.
CALLS = "5/5"


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook with its token, which is shown once."""

    webhook: IncomingWebhook
    token: str


def of_room(*, room_id: UUID, user_id: UUID) -> Any:
    """A room's webhooks, the newest first, for who looks after them. Raises RoomNotFound, NotAMember, RightMissing."""
    member = place_of(room_id, user_id)
    rights.check(member.room, member, Action.MANAGE_WEBHOOKS)
    return IncomingWebhook.objects.filter(room_id=room_id)


def find(*, webhook_id: UUID, user_id: UUID) -> IncomingWebhook:
    """One of a room that somebody is in. Raises WebhookNotFound."""
    places = Member.objects.filter(user_id=user_id, room__deleted_at=None)
    webhook: IncomingWebhook | None = IncomingWebhook.objects.filter(pk=webhook_id, room__in=places.values("room_id")).first()
    if webhook is None:
        raise WebhookNotFound
    return webhook


def create(*, room_id: UUID, actor: User, name: str) -> NewWebhook:
    """Make one. Raises RoomNotFound, NotAMember, RightMissing, RoomArchived, TooManyWebhooks, Invalid."""
    place_of(room_id, actor.pk)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        room = living(room_id)
        rights.check(room, member_of(room_id, actor.pk), Action.MANAGE_WEBHOOKS)
        if IncomingWebhook.objects.filter(room=room).count() >= MAX_WEBHOOKS:
            raise TooManyWebhooks
        made = {"name": checked_name(name), "digest": crypto.sha256(token), "created_by": actor}
        webhook: IncomingWebhook = IncomingWebhook.objects.create(room=room, **made)
        _note("created", webhook, actor, {"name": webhook.name})
    return NewWebhook(webhook, token)


def update(*, webhook: IncomingWebhook, actor: User, **changes: Any) -> IncomingWebhook:
    """Change its `name` or `is_active`. Raises RightMissing, RoomArchived, WebhookNotFound, Invalid."""
    with transaction.atomic():
        found = _locked(webhook, actor)
        if "name" in changes:
            changes["name"] = checked_name(changes["name"])
        before = {name: getattr(found, name) for name in changes}
        changed = {name: value for name, value in changes.items() if before[name] != value}
        if changed:
            for name, value in changed.items():
                setattr(found, name, value)
            found.save(update_fields=list(changed))
            _note("updated", found, actor, {name: [before[name], value] for name, value in changed.items()})
    return found


def delete(*, webhook: IncomingWebhook, actor: User) -> None:
    """End it: its address is gone, what it wrote stays. Raises RightMissing, RoomArchived, WebhookNotFound."""
    with transaction.atomic():
        found = _locked(webhook, actor)
        _note("deleted", found, actor, {"name": found.name})
        found.delete()


def called(*, webhook_id: UUID, token: str) -> IncomingWebhook | None:
    """The active webhook whose address was called; None where the token is not its own."""
    webhook: IncomingWebhook | None = IncomingWebhook.objects.filter(pk=webhook_id, is_active=True, room__deleted_at=None).first()
    if webhook is None or not hmac.compare_digest(bytes(webhook.digest), crypto.sha256(token)):
        return None
    return webhook


def post(*, webhook: IncomingWebhook, text: str, username: str = "") -> Sent:
    """Write into its room. Raises WebhookNotFound, RoomNotFound, RoomArchived, TooFast, Invalid. Publishes message.created."""
    author = checked_name(username, field="username") if username.strip() else webhook.name
    with transaction.atomic():
        # The room first, as everywhere.
        room = living(webhook.room_id)
        if not IncomingWebhook.objects.filter(pk=webhook.pk, is_active=True).update(last_used_at=timezone.now()):
            raise WebhookNotFound
        return sending.send_one(Draft(room.pk, None, text, author=author, is_bot=True))


@cache
def call_policy() -> Policy:
    """How often one address may be called."""
    return parse_policy("chat_incoming", CALLS)


def _locked(webhook: IncomingWebhook, actor: User) -> IncomingWebhook:
    room = living(webhook.room_id)
    rights.check(room, member_of(room.pk, actor.pk), Action.MANAGE_WEBHOOKS)
    found: IncomingWebhook | None = IncomingWebhook.objects.select_for_update(no_key=True).filter(pk=webhook.pk).first()
    if found is None:
        raise WebhookNotFound
    return found


def _note(action: str, webhook: IncomingWebhook, actor: User, changes: dict[str, Any]) -> None:
    audit.record(
        f"chat.incoming_webhook_{action}",
        actor=actor,
        target_type="chat_incoming_webhook",
        target_id=webhook.pk,
        target_label=webhook.name,
        changes=changes,
    )
