"""The sender: takes messages that are due to their gateways. A session that is slow holds its own slots and no others."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from core.bell import Bell
from core.dispatcher import Dispatcher
from modules.whatsapp import bell, claims
from modules.whatsapp.attempting import Outcome, attempt
from modules.whatsapp.claims import Claim
from modules.whatsapp.gateways import gateway
from modules.whatsapp.gateways.base import GatewayError, Verdict
from modules.whatsapp.models import Message
from modules.whatsapp.outcomes import settle

RECOVER_SECONDS = 5.0
RECOVER_BATCH = 200
BUSY_REST_SECONDS = 0.1
IDLE_SECONDS = 10.0


class MessageSender(Dispatcher[Claim, Outcome]):
    """Sends messages, WHATSAPP_CONCURRENCY at a time, and finds those whose sender died."""

    bell: ClassVar[Bell] = bell.MESSAGES
    name = "whatsapp-messages"

    def __init__(self) -> None:
        patience = 2 + max(settings.WHATSAPP_TIMEOUT_SECONDS, settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS)
        super().__init__(size=settings.WHATSAPP_CONCURRENCY, patience=patience)
        self._busy: Counter[UUID] = Counter()
        self._files: set[UUID] = set()
        self._recovered_at = 0.0
        self._idle_from = 0.0

    def rest(self) -> float:
        """Shorter while there is traffic: a session's pace is finer than a second."""
        return BUSY_REST_SECONDS if time.monotonic() < self._idle_from else super().rest()

    def claim(self) -> int:
        """Take what is due, as far as there are slots."""
        if time.monotonic() - self._recovered_at > RECOVER_SECONDS:
            self._recovered_at = time.monotonic()
            recover()
        free = settings.WHATSAPP_CONCURRENCY - self._busy.total()
        if free <= 0:
            return 0
        taken = claims.claim(free, busy=self._busy, files=max(0, claims.FILES_AT_ONCE - len(self._files)))
        if taken:
            self._idle_from = time.monotonic() + IDLE_SECONDS
        self._busy.update(claim.session_id for claim in taken)
        self._files.update(claim.message_id for claim in taken if claim.file)
        return self.start(taken)

    def attempt(self, claim: Claim) -> Outcome:
        """One call of a gateway."""
        return attempt(claim)

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """What became of calls."""
        settle(outcomes)

    def give_back(self, taken: Sequence[Claim]) -> None:
        """They are queued as before."""
        claims.give_back(taken)

    def settled(self, outcome: Outcome) -> None:
        """A slot of its session is free."""
        self._files.discard(outcome.message_id)
        self._busy[outcome.session_id] -= 1
        if not self._busy[outcome.session_id]:
            del self._busy[outcome.session_id]


def recover(limit: int = RECOVER_BATCH) -> int:
    """Settle what a sender that died left: queued again where an id makes that safe, else unknown; how many."""
    now = timezone.now()
    died = Message.objects.filter(status="sending", lease_until__lt=now)
    lost = died.select_related("session").order_by("lease_until")[:limit]
    found = [
        Outcome(
            message_id=message.pk,
            session_id=message.session_id,
            number=message.attempts,
            tries=message.tries,
            is_repeatable=_is_repeatable(message),
            started_at=message.lease_until or now,
            duration_ms=0,
            error=GatewayError(Verdict.AMBIGUOUS, "sender_died", "The process that was sending it ended before it knew."),
        )
        for message in lost
    ]
    if found:
        settle(found)
    return len(found)


def _is_repeatable(message: Message) -> bool:
    """Whether a lost attempt may be made again: it has an id, or was to be given one first and came to nothing before that."""
    if message.client_message_id:
        return message.client_message_id != claims.UNNAMED
    return gateway(message.session.driver).capabilities.client_message_id
