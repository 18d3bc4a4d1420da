"""POST /api/v1/webhooks/{id}/rotate-secret/"""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.webhooks.tests.support import detail, snapshot
from webhooks import signing
from webhooks.tests.factories import reload

pytestmark = pytest.mark.django_db


def rotate(client, made, **body):
    return client.post(detail(made, "rotate-secret/"), body)


class TestRefused:
    @pytest.fixture(autouse=True)
    def _nothing_changed(self, made):
        before = snapshot(made)
        yield
        assert snapshot(made) == before

    def test_an_anonymous_caller(self, api, made):
        assert_anonymous(rotate(api, made))

    def test_an_outsider(self, as_other, as_admin, made):
        for client in (as_other, as_admin):
            assert error(rotate(client, made)) == (404, "not_found")

    def test_a_key_without_the_scope(self, as_bare_key, as_reading_key, made):
        for client in (as_bare_key, as_reading_key):
            assert_lacks_scope(rotate(client, made), "webhooks:write")

    @pytest.mark.parametrize("grace", [-1, 7 * 86_400 + 1, "long", None])
    def test_a_grace_out_of_bounds(self, as_user, made, grace):
        assert wrong_fields(rotate(as_user, made, grace_seconds=grace))[0][0] == "grace_seconds"

    def test_a_bad_secret(self, as_user, made):
        assert wrong_fields(rotate(as_user, made, secret="whsec_x")) == [("secret", "invalid_secret")]


def test_the_new_secret_is_shown_once_and_the_old_one_signs_on_for_a_day(as_user, made):
    response = rotate(as_user, made)
    assert response.headers["Cache-Control"] == "no-store"
    data = response.json()["data"]
    assert data["secret"] != made.secret
    ends = parse_datetime(data["previous_secret_expires_at"])
    assert ends == pytest.approx(timezone.now() + timedelta(days=1), abs=timedelta(seconds=10))
    keys = [signing.parse_secret(data["secret"]), signing.parse_secret(made.secret)]
    assert reload(made.endpoint).keys(timezone.now()) == keys


def test_without_grace_there_is_the_new_one_alone(as_key, made):
    own = signing.secret_text(b"z" * 40)
    assert rotate(as_key, made, grace_seconds=0, secret=own).json()["data"]["secret"] == own
    assert reload(made.endpoint).keys(timezone.now()) == [b"z" * 40]


def test_an_idempotent_repeat_answers_the_same(as_user, made):
    path, headers = detail(made, "rotate-secret/"), {"Idempotency-Key": "once"}
    answers = [as_user.post(path, {}, headers=headers).json()["data"] for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(reload(made.endpoint).keys(timezone.now())) == 2
