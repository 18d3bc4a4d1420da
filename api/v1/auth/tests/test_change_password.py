"""POST /api/v1/auth/change-password/"""

import pytest

from core.principals import principal_cache
from users.models import OutgoingMail, Session
from users.services import sessions
from users.tests.factories import PASSWORD
from users.tests.support import error_of, fields_of, subjects

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/change-password/"
NEW = "another fine password"


def change(caller, current=PASSWORD, new=NEW):
    return caller.post(URL, {"current_password": current, "new_password": new})


def unchanged(user) -> bool:
    user.refresh_from_db()
    return user.check_password(PASSWORD)


def test_the_new_password_works_and_the_old_one_does_not(api, as_user, user):
    response = change(as_user)
    assert response.status_code == 200
    assert set(response.json()["data"]) == {"access", "refresh", "expires_in", "session_id", "user"}
    login = "/api/v1/auth/login/"
    assert api.post(login, {"username": "owner", "password": PASSWORD}).status_code == 401
    assert api.post(login, {"username": "owner", "password": NEW}).status_code == 200


def test_every_session_ends_but_the_fresh_one_of_the_answer(api, user):
    elsewhere, here = sessions.open_session(user=user).tokens, sessions.open_session(user=user).tokens
    caller = api
    data = caller.post(
        URL, {"current_password": PASSWORD, "new_password": NEW}, HTTP_AUTHORIZATION=f"Bearer {here.access}"
    ).json()["data"]
    principal_cache().clear()
    me = "/api/v1/auth/me/"
    for access in (elsewhere.access, here.access):
        assert caller.get(me, HTTP_AUTHORIZATION=f"Bearer {access}").status_code == 401
    assert caller.get(me, HTTP_AUTHORIZATION=f"Bearer {data['access']}").status_code == 200
    for refresh in (elsewhere.refresh, here.refresh):
        assert caller.post("/api/v1/auth/refresh/", {"refresh": refresh}).status_code == 401
    assert caller.post("/api/v1/auth/refresh/", {"refresh": data["refresh"]}).status_code == 200


def test_the_person_is_told_by_letter(as_user, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        change(as_user)
    assert subjects() == ["Your password was changed"]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"current_password": "wrong", "new_password": NEW}, {"current_password": "wrong_password"}),
        ({"current_password": PASSWORD, "new_password": "short"}, {"new_password": "password_too_short"}),
        ({"current_password": PASSWORD, "new_password": "iloveyou"}, {"new_password": "password_too_common"}),
        ({"current_password": PASSWORD, "new_password": "x" * 129}, {"new_password": "max_length"}),
        ({"current_password": PASSWORD}, {"new_password": "required"}),
        ({"new_password": NEW}, {"current_password": "required"}),
    ],
)
def test_a_refused_change_names_the_field_and_changes_nothing(as_user, user, body, wrong):
    assert fields_of(as_user.post(URL, body)) == wrong
    assert unchanged(user)
    assert Session.objects.active().count() == 1
    assert not OutgoingMail.objects.exists()


def test_guessing_the_current_password_with_a_stolen_session_is_limited(as_user, user):
    codes = [change(as_user, f"guess {number}").status_code for number in range(6)]
    assert codes == [400] * 5 + [429]
    response = change(as_user)
    assert error_of(response) == (429, "login_throttled")
    assert int(response["Retry-After"]) >= 1
    assert unchanged(user)


def test_nobody_guests_and_keys_may_not(api, user, as_guest, as_key):
    assert error_of(change(api)) == (401, "not_authenticated")
    assert error_of(change(as_guest)) == (403, "account_required")
    assert error_of(change(as_key)) == (403, "session_required")
    assert unchanged(user)
