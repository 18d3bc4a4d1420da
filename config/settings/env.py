"""The one reader of the environment.

Every variable is parsed once, typed, with its default beside it. Errors are collected and raised together by
`seal()`, naming each variable, so a wrong deployment fails at start and says all that is wrong.
"""

from environs import Env

env = Env(eager=False)


def parse_keyring(name: str, default: str | None = None) -> dict[str, str]:
    """Parse `id:secret,id:secret` into an ordered mapping; the first entry is the current one.

    Raises ImproperlyConfigured naming the variable when it is missing, empty, or an entry is malformed or under 32 characters.
    """
    from django.core.exceptions import ImproperlyConfigured

    reader = Env()
    raw = reader.str(name, default) if default is not None else reader.str(name)
    ring: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in (raw or "").split(","))):
        key_id, separator, secret = entry.partition(":")
        if not separator or not key_id.isalnum():
            raise ImproperlyConfigured(f"{name}: each entry must be id:secret with an alphanumeric id.")
        if len(secret) < 32:
            raise ImproperlyConfigured(f"{name}: the secret of entry {key_id!r} is shorter than 32 characters.")
        if key_id in ring:
            raise ImproperlyConfigured(f"{name}: the id {key_id!r} stands twice.")
        ring[key_id] = secret
    if not ring:
        raise ImproperlyConfigured(f"{name}: at least one id:secret entry is required.")
    return ring
