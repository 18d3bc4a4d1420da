"""Access that ends, ends at once: also for access tokens already out and known to the process, in well under a second.

With real commits, the real announcement of PostgreSQL and the real listening thread.
"""

import pytest
from django.db import connection, transaction

from core.principals import CHANNEL, principal_cache
from users.services import accounts, passwords, sessions
from users.tests.factories import PASSWORD, make_user
from users.tests.support import reset_token, soon

pytestmark = pytest.mark.django_db(transaction=True)
ME = "/api/v1/auth/me/"
NEW = "another fine password"


@pytest.fixture
def signed_in(api, user):
    """A session whose access token is cached here, and the caller that uses it."""
    result = sessions.open_session(user=user)
    caller = type(api)()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {result.tokens.access}")
    assert caller.get(ME).status_code == 200
    soon(listening)
    assert caller.get(ME).status_code == 200
    assert len(principal_cache()) == 1
    return caller, result


def listening() -> bool:
    """Whether this process's listener has begun to listen."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query IN (%s, 'SELECT 1')",
            [f"LISTEN {CHANNEL}"],
        )
        return cursor.fetchone()[0] > 0


def refused(caller):
    return lambda: caller.get(ME).status_code == 401


def deactivate(user, session, caller):
    accounts.deactivate_user(user=user, actor=None)


def delete(user, session, caller):
    accounts.delete_user(user=user, actor=make_user(is_staff=True))


def deactivate_by_update(user, session, caller):
    accounts.update_user(user=user, actor=make_user(is_staff=True), is_active=False)


def change_password(user, session, caller):
    passwords.change_password(user=user, current=PASSWORD, new=NEW)


def reset_password(user, session, caller):
    passwords.ask_for_reset(email=user.email)
    passwords.confirm_reset(uid=user.pk, token=reset_token(), new=NEW)


def revoke_session(user, session, caller):
    sessions.revoke_session(session=session, actor=user)


def revoke_others(user, session, caller):
    keep = sessions.open_session(user=user).session.pk
    assert sessions.revoke_others(user=user, keep=keep) == 1


def sign_out(user, session, caller):
    assert caller.post("/api/v1/auth/logout/").status_code == 204


@pytest.mark.parametrize(
    "act",
    [deactivate, deactivate_by_update, delete, change_password, reset_password, revoke_session, revoke_others, sign_out],
    ids=lambda act: act.__name__,
)
def test_it_ends_within_a_second(signed_in, user, act):
    caller, result = signed_in
    act(user, result.session, caller)
    soon(refused(caller), within=1.0)
    assert caller.get(ME).json()["error"]["code"] in {"invalid_token", "not_authenticated"}


def test_a_spent_refresh_token_used_again_ends_it_too(signed_in, settings):
    caller, result = signed_in
    settings.REFRESH_GRACE_SECONDS = 0
    sessions.refresh_session(token=result.tokens.refresh)
    response = caller.post("/api/v1/auth/refresh/", {"refresh": result.tokens.refresh}, HTTP_AUTHORIZATION="")
    assert response.status_code == 401
    caller.post("/api/v1/auth/refresh/", {"refresh": result.tokens.refresh})
    soon(refused(caller), within=1.0)


def test_an_administrator_who_is_one_no_more_is_refused_within_a_second(api):
    chief, second = make_user(is_staff=True), make_user(is_staff=True)
    caller = api.as_user(second)
    assert caller.get("/api/v1/users/").status_code == 200
    soon(listening)
    assert caller.get("/api/v1/users/").status_code == 200
    accounts.update_user(user=second, actor=chief, is_staff=False)
    soon(lambda: caller.get("/api/v1/users/").status_code == 403, within=1.0)


def test_what_ends_for_one_goes_on_for_the_others(api, signed_in, user, other):
    bystander = api.as_user(other)
    assert bystander.get(ME).status_code == 200
    caller, _ = signed_in
    accounts.deactivate_user(user=user, actor=None)
    soon(refused(caller), within=1.0)
    assert bystander.get(ME).status_code == 200


def test_a_change_that_is_rolled_back_ends_nothing(signed_in, user):
    caller, _ = signed_in
    with transaction.atomic():
        accounts.deactivate_user(user=user, actor=None)
        transaction.set_rollback(True)
    principal_cache().clear()
    assert caller.get(ME).status_code == 200
