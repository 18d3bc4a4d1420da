"""API keys for tests."""

from typing import Any

from api_keys import services
from api_keys.services import NewKey
from core import registry
from users.models import User


def make_key(owner: User, **fields: Any) -> NewKey:
    """A key of `owner`, with every scope but the administrators' unless others are named."""
    fields.setdefault("name", "test key")
    fields.setdefault("scopes", sorted(set(registry.scopes()) - registry.admin_scopes()))
    return services.create_key(owner=owner, actor=fields.pop("actor", owner), **fields)
