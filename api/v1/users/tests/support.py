"""Everybody who may not administer accounts, and what each is told."""

from api_keys.tests.factories import make_key
from users.models import User
from users.tests.support import error_of

URL = "/api/v1/users/"


def refused_callers(api, needed):
    """(caller, refusal) of everybody but an administrator and its key with the scope `needed`."""
    person = User.objects.get(username="owner")
    chief = User.objects.get(username="chief")
    others = {"users:read", "users:write", "account:read", "account:write"} - {needed}
    return [
        (type(api)(), (401, "not_authenticated")),
        (api.as_user(person), (403, "admin_required")),
        (api.as_user(User.objects.get(username="visitor")), (403, "admin_required")),
        (api.as_key(make_key(person).raw), (403, "insufficient_scope")),
        (api.as_key(make_key(chief, scopes=sorted(others)).raw), (403, "insufficient_scope")),
    ]


def state():
    """Every account as it is in the database."""
    return list(User.objects.order_by("pk").values())


def assert_refused_and_unchanged(api, needed, call):
    """Nobody else may; and nothing changes. `call` takes a caller and answers its response."""
    callers = refused_callers(api, needed)
    before = state()
    for caller, refusal in callers:
        assert error_of(call(caller)) == refusal
    assert state() == before
