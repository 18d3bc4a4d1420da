"""What an endpoint may be set to."""

from collections.abc import Iterable

from django.conf import settings

from core.exceptions import Invalid
from core.outgoing import AddressRefused, check_url
from core.principals import Principal
from users.models import User
from webhooks import signing
from webhooks.choices import Audience
from webhooks.exceptions import PlatformNeedsSession, PlatformNotAllowed
from webhooks.models import MAX_URL, WebhookEndpoint
from webhooks.selectors import matches_something

MAX_EVENT_TYPES = 50


def checked_url(url: str) -> str:
    """The URL. Raises Invalid unless it is https to a place that we would call; http where the settings allow that very host."""
    if len(url) > MAX_URL:
        raise Invalid.field("url", f"At most {MAX_URL} characters.", "too_long")
    try:
        scheme, host, port = check_url(url)
    except AddressRefused as error:
        raise Invalid.field("url", error.message, "address_refused") from error
    if scheme != "https" and not settings.DEBUG and f"{host}:{port}" not in settings.OUTGOING_ALLOWED_PRIVATE:
        raise Invalid.field("url", "Must begin with https://.", "https_required")
    return url


def checked_event_types(names: Iterable[str]) -> list[str]:
    """The names and prefixes, sorted, each once. Raises Invalid for none, too many, or one that no event of the catalogue has."""
    found = sorted(set(names))
    if not found:
        raise Invalid.field("event_types", "Name at least one.", "empty")
    if len(found) > MAX_EVENT_TYPES:
        raise Invalid.field("event_types", f"At most {MAX_EVENT_TYPES}.", "max_length")
    for name in found:
        if not matches_something(name):
            raise Invalid.field("event_types", f"There is no event type {name!r}.", "unknown_event_type")
    return found


def checked_secret(text: str | None) -> bytes:
    """The secret that is asked for, or a new one. Raises Invalid."""
    if text is None:
        return signing.new_secret()
    try:
        return signing.parse_secret(text)
    except ValueError as error:
        message = f"`{signing.PREFIX}` and the base64 of {signing.MIN_BYTES} to {signing.MAX_BYTES} bytes."
        raise Invalid.field("secret", message, "invalid_secret") from error


def check_audience(audience: str, *, owner: User, actor: User, granting: Principal | None) -> None:
    """Raises PlatformNotAllowed, PlatformNeedsSession unless they may have the events of everybody sent somewhere."""
    if audience != Audience.PLATFORM:
        return
    if not (owner.is_staff and actor.is_staff):
        raise PlatformNotAllowed
    _refuse_keys(granting)


def check_may_read(endpoint: WebhookEndpoint, *, granting: Principal) -> None:
    """Raises PlatformNeedsSession where a key would read the events of everybody in the log of what was sent."""
    if endpoint.audience == Audience.PLATFORM:
        _refuse_keys(granting)


def _refuse_keys(granting: Principal | None) -> None:
    if granting is not None and granting.kind == "api_key":
        raise PlatformNeedsSession
