"""What schemathesis loads in each fuzzing process: who calls, with which ids, and a tally of the answers.

The identity comes from ATELIER_FUZZ_IDENTITY. The fuzzer may end its own access (log out, revoke, switch off): a stale credential
is noticed and replaced by a new one of a new account, made through the services. Ids of real things take the place of most of
the random ones, else everything would be 404; what a request deleted is made anew.
"""

import atexit
import json
import os
import threading
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import django
import schemathesis

django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from analytics.models import UsageStats  # noqa: E402
from api_keys import services as key_services  # noqa: E402
from api_keys.models import APIKey  # noqa: E402
from bench import fuzz_whatsapp  # noqa: E402
from core import registry  # noqa: E402
from users.models import Session, User  # noqa: E402
from users.services import accounts, sessions  # noqa: E402
from webhooks import services as webhook_services  # noqa: E402
from webhooks.choices import DeliveryStatus  # noqa: E402
from webhooks.models import WebhookDelivery, WebhookEndpoint  # noqa: E402

IDENTITY = os.environ["ATELIER_FUZZ_IDENTITY"]
THINGS_EACH = 6
_KINDS = {
    "/api/v1/users/": "user",
    "/api/v1/api-keys/": "key",
    "/api/v1/auth/sessions/": "session",
    "/api/v1/analytics/usage-stats/": "day",
    "/api/v1/webhooks/deliveries/": "delivery",
    "/api/v1/webhooks/": "webhook",
    **fuzz_whatsapp.KINDS,
}
_RECEIVER = "https://hooks.example.com/in"


def _account(*, is_staff: bool = False) -> User:
    name = f"fuzz-{uuid4().hex[:16]}"
    return accounts.create_user(
        actor=None, username=name, email=f"{name}@example.com", password=uuid4().hex, is_staff=is_staff, is_superuser=is_staff
    )


class Caller:
    """The identity's present account and credential."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.header = ""
        if IDENTITY != "anonymous":
            self._renew()

    def owner(self) -> User:
        """Whose things are looked for: the account's, or for nobody an administrator's."""
        own: User | None = getattr(self, "user", None)
        return own or User.objects.filter(is_staff=True).earliest("created_at")

    def notice(self, status: int) -> None:
        """Replace a credential that was refused because it has ended; one that only lacks a right stays."""
        with self._lock:
            if self.header and status in (401, 403) and not self._lives():
                self._renew()

    def _lives(self) -> bool:
        if IDENTITY == "key":
            key: APIKey | None = APIKey.objects.usable().filter(pk=self.key.pk, owner__is_active=True).first()
            return key is not None and key.scopes == self.key.scopes and not key.allowed_networks
        return Session.objects.active().filter(pk=self.session.pk, user__is_active=True).exists()

    def _renew(self) -> None:
        self.user = _account(is_staff=IDENTITY == "admin")
        if IDENTITY == "key":
            scopes = sorted(set(registry.scopes()) - registry.admin_scopes())
            made = key_services.create_key(owner=self.user, actor=self.user, name="fuzz", scopes=scopes)
            self.key, self.header = made.key, f"ApiKey {made.raw}"
        else:
            result = sessions.open_session(user=self.user)
            self.session, self.header = result.session, f"Bearer {result.tokens.access}"


class Things:
    """Ids of real things the identity may see."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._lock = threading.Lock()
        self._ids = {kind: [self._make(kind) for _ in range(THINGS_EACH)] for kind in dict.fromkeys(_KINDS.values())}

    def pick(self, kind: str, chance: int) -> str:
        """One of them."""
        with self._lock:
            return self._ids[kind][chance % THINGS_EACH]

    def replace(self, kind: str, gone: str) -> None:
        """Make another one for one that was deleted."""
        with self._lock:
            if gone in self._ids[kind]:
                self._ids[kind][self._ids[kind].index(gone)] = self._make(kind)

    def _make(self, kind: str) -> str:
        owner = self._caller.owner()
        if kind == "user":
            return str(_account().pk)
        if kind == "key":
            return str(key_services.create_key(owner=owner, actor=owner, name="spare", scopes=["account:read"]).key.pk)
        if kind == "session":
            return str(sessions.open_session(user=owner).session.pk)
        if kind in ("webhook", "delivery"):
            return self._make_webhook(owner, finished=kind == "delivery")
        if kind in fuzz_whatsapp.KINDS.values():
            return fuzz_whatsapp.make(kind, owner)
        day: date = timezone.now().date() - timedelta(days=UsageStats.objects.filter(user=owner).count() + 1)
        return str(UsageStats.objects.create(user=owner, date=day, api_requests=1).pk)

    def _make_webhook(self, owner: User, *, finished: bool) -> str:
        """An endpoint, or a delivery of one that has failed."""
        if WebhookEndpoint.objects.filter(owner=owner).count() >= webhook_services.MAX_ENDPOINTS - 5:
            WebhookEndpoint.objects.filter(owner=owner).latest("created_at").delete()
        made = webhook_services.create_endpoint(owner=owner, actor=owner, url=_RECEIVER, event_types=["*"])
        if not finished:
            return str(made.endpoint.pk)
        delivery = webhook_services.send_test(endpoint=made.endpoint, actor=owner)
        WebhookDelivery.objects.filter(pk=delivery.pk).update(status=DeliveryStatus.FAILED, finished_at=timezone.now())
        return str(delivery.pk)


CALLER = Caller()
THINGS = Things(CALLER)
GATEWAYS = fuzz_whatsapp.Gateways((_account(), _account()))
connection.close()
ANSWERS: Counter[tuple[str, str, int]] = Counter()


def _kind(path: str) -> str | None:
    return next((kind for prefix, kind in _KINDS.items() if path.startswith(prefix)), None)


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """A real id in place of three random ones of four."""
    operation = context.operation
    kind, path_parameters = _kind(operation.path), GATEWAYS.place(operation.method.upper(), operation.path, path_parameters)
    try:
        chance = UUID(str(path_parameters["id"])).int
    except (KeyError, TypeError, ValueError):
        return path_parameters
    if kind is None or chance % 4 == 0:
        return path_parameters
    return {**path_parameters, "id": THINGS.pick(kind, chance // 4)}


@schemathesis.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """The caller's own stream in place of most others."""
    if context.operation.path != "/api/v1/events/" or not query or not CALLER.header:
        return query
    return {**query, "stream": f"user:{CALLER.user.pk}", "wait": 0} if len(str(query.get("stream"))) % 4 else query


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """A receiver that might exist, events, numbers and files that do, in place of most random ones."""
    if isinstance(body, dict) and CALLER.header:
        body = fuzz_whatsapp.body(context.operation.path, body, THINGS.pick("file", len(body)))
    if not context.operation.path.startswith("/api/v1/webhooks/") or not isinstance(body, dict) or "url" not in body:
        return body
    return {**body, "url": _RECEIVER, "event_types": ["user.*"]} if len(str(body["url"])) % 4 else body


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:  # noqa: ARG001 - their names are the hook's
    """Call as the identity, or as a gateway."""
    GATEWAYS.sign(case, kwargs)
    if CALLER.header:
        fuzz_whatsapp.prepare(case.operation.path, CALLER.user)
        case.headers = {**(case.headers or {}), "Authorization": CALLER.header}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:  # noqa: ARG001
    """Count the answer, keep the credential alive and the things there."""
    ANSWERS[case.method.upper(), case.operation.path, response.status_code] += 1
    try:
        CALLER.notice(response.status_code)
        gone = case.method.upper() == "DELETE" or case.operation.path in fuzz_whatsapp.USED_UP
        if gone and 200 <= response.status_code < 300 and (kind := _kind(case.operation.path)):
            THINGS.replace(kind, str((case.path_parameters or {}).get("id")))
    finally:
        # Schemathesis comes with a new thread now and then; each would keep a connection of the pool.
        connection.close()


@atexit.register
def _write_answers() -> None:
    rows = [[*key, count] for key, count in sorted(ANSWERS.items())]
    Path(os.environ["ATELIER_FUZZ_ANSWERS"]).write_text(json.dumps(rows), encoding="utf-8")
