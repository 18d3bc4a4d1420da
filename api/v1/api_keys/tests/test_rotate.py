"""POST /api/v1/api-keys/{id}/rotate/"""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.api_keys.tests.support import detail
from api_keys import services
from api_keys.models import APIKey
from api_keys.tests.factories import make_key

pytestmark = pytest.mark.django_db
ME = "/api/v1/auth/me/"


@pytest.fixture
def made(user):
    return make_key(user)


def rotate(client, made, **body):
    return client.post(detail(made.key, "rotate/"), body)


class TestWhoMayNot:
    @pytest.fixture(autouse=True)
    def _nothing_is_made(self, made):
        yield
        assert not APIKey.objects.exclude(replaced_by=None).exists()

    def test_an_anonymous_caller(self, api, made):
        assert_anonymous(rotate(api, made))

    def test_an_outsider_is_told_nothing(self, as_other, made):
        assert error(rotate(as_other, made)) == (404, "not_found")

    def test_a_guest(self, as_guest, made):
        assert error(rotate(as_guest, made)) == (403, "account_required")

    def test_a_key_without_the_scope(self, as_bare_key, as_reading_key, made):
        assert_lacks_scope(rotate(as_bare_key, made), "api_keys:write")
        assert_lacks_scope(rotate(as_reading_key, made), "api_keys:write")

    def test_a_key_that_may_do_less(self, api, user, made):
        calling = api.as_key(make_key(user, scopes=["api_keys:write"]).raw)
        assert error(rotate(calling, made)) == (403, "scope_not_grantable")

    def test_a_test_key_a_live_one(self, api, user, made):
        assert error(rotate(api.as_key(make_key(user, environment="test").raw), made)) == (403, "environment_not_grantable")

    @pytest.mark.parametrize("grace", [-1, 30 * 86_400 + 1, "long", None, 1.5, 10**30])
    def test_with_a_grace_out_of_bounds(self, as_user, made, grace):
        assert wrong_fields(rotate(as_user, made, grace_seconds=grace))[0][0] == "grace_seconds"

    def test_a_revoked_or_inactive_one(self, as_user, user, made):
        services.update_key(key=made.key, actor=user, is_active=False)
        assert error(rotate(as_user, made)) == (409, "api_key_not_active")
        services.revoke_key(key=made.key, actor=user)
        assert error(rotate(as_user, made)) == (409, "api_key_revoked")


def test_the_new_key_works_now_and_the_old_one_until_the_grace_is_over(api, as_user, made):
    response = rotate(as_user, made, grace_seconds=60)
    assert response.status_code == 201
    data = response.json()["data"]
    assert data["id"] != str(made.key.pk)
    assert response.headers["Location"] == f"/api/v1/api-keys/{data['id']}/"
    assert response.headers["Cache-Control"] == "no-store"
    for raw in (data["key"], made.raw):
        assert api.as_key(raw).get(ME).status_code == 200
    old = as_user.get(detail(made.key)).json()["data"]
    assert old["replaced_by"] == data["id"]
    assert parse_datetime(old["expires_at"]) == pytest.approx(timezone.now() + timedelta(seconds=60), abs=timedelta(seconds=5))


def test_without_grace_the_old_key_is_refused_at_once(api, as_user, made):
    rotate(as_user, made, grace_seconds=0)
    assert error(api.as_key(made.raw).get(ME)) == (401, "api_key_expired")


def test_a_day_is_the_grace_when_none_is_given_and_never_longer_than_the_keys_own_life(as_user, user, made):
    rotate(as_user, made)
    assert APIKey.objects.get(pk=made.key.pk).expires_at > timezone.now() + timedelta(hours=23)
    ending = make_key(user, expires_at=timezone.now() + timedelta(hours=1))
    rotate(as_user, ending)
    assert APIKey.objects.get(pk=ending.key.pk).expires_at == ending.key.expires_at


def test_an_administrator_rotates_anybodys_and_the_owner_stays(as_admin, user, made):
    assert rotate(as_admin, made).json()["data"]["owner"] == str(user.pk)


def test_a_key_may_rotate_itself(api, made):
    assert api.as_key(made.raw).post(detail(made.key, "rotate/"), {}).status_code == 201


def test_an_idempotent_repeat_answers_the_same_successor(as_user, made):
    answers = [
        as_user.post(detail(made.key, "rotate/"), {"grace_seconds": 60}, headers={"Idempotency-Key": "once"}).json()
        for _ in range(2)
    ]
    assert answers[0]["data"]["key"] == answers[1]["data"]["key"]
    assert APIKey.objects.count() == 2
