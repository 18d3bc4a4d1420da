"""GET and PATCH /api/v1/auth/profile/"""

import pytest

from api_keys.tests.factories import make_key
from users.models import UserProfile
from users.tests.support import error_of, fields_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/profile/"


def values():
    return list(UserProfile.objects.order_by("pk").values())


def test_the_profile_is_shown(as_user, user):
    data = as_user.get(URL).json()["data"]
    assert data["id"] == str(user.pk)
    assert (data["username"], data["time_zone"], data["locale"], data["week_start"]) == ("owner", "UTC", "en", 1)
    assert (data["avatar"], data["social_handles"]) == (None, {})


def test_some_fields_can_be_changed_and_the_rest_stays(as_user, user):
    change = {
        "display_name": "Ada L. 🐙",
        "first_name": "Ada",
        "last_name": "",
        "time_zone": "America/Argentina/Ushuaia",
        "locale": "pt-BR",
        "week_start": 7,
        "social_handles": {"github": "ada", "mastodon": "@ada@example.social"},
    }
    data = as_user.patch(URL, change).json()["data"]
    assert {name: data[name] for name in change} == change
    again = as_user.patch(URL, {"week_start": 6}).json()["data"]
    assert (again["week_start"], again["display_name"], again["locale"]) == (6, "Ada L. 🐙", "pt-BR")
    user.refresh_from_db()
    assert (user.first_name, user.profile.time_zone) == ("Ada", "America/Argentina/Ushuaia")


def test_what_is_not_the_persons_to_change_is_left_alone(as_user, user):
    response = as_user.patch(
        URL, {"username": "root", "id": "x", "avatar": "/etc/passwd", "is_staff": True, "user": {"is_staff": True}}
    )
    assert response.status_code == 200
    user.refresh_from_db()
    assert (user.username, user.is_staff, user.profile.avatar.name) == ("owner", False, "")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": "/usr/share/zoneinfo/UTC"}, "time_zone"),
        ({"time_zone": "europe/berlin"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"time_zone": None}, "time_zone"),
        ({"time_zone": 5}, "time_zone"),
        ({"time_zone": "UTC\x00"}, "time_zone"),
        ({"locale": "e"}, "locale"),
        ({"locale": "en_US"}, "locale"),
        ({"locale": "en-"}, "locale"),
        ({"locale": "e n"}, "locale"),
        ({"locale": "en-" + "a" * 40}, "locale"),
        ({"locale": "<script>"}, "locale"),
        ({"week_start": 2}, "week_start"),
        ({"week_start": "Monday"}, "week_start"),
        ({"week_start": None}, "week_start"),
        ({"week_start": [1]}, "week_start"),
        ({"week_start": 10**30}, "week_start"),
        ({"display_name": "x" * 101}, "display_name"),
        ({"display_name": "a\x00b"}, "display_name"),
        ({"display_name": "Ad\u200bmin"}, "display_name"),
        ({"display_name": "\u202eemit"}, "display_name"),
        ({"display_name": None}, "display_name"),
        ({"display_name": ["x"]}, "display_name"),
        ({"first_name": "x" * 151}, "first_name"),
        ({"first_name": None}, "first_name"),
        ({"last_name": "\x00"}, "last_name"),
        ({"social_handles": []}, "social_handles"),
        ({"social_handles": "x"}, "social_handles"),
        ({"social_handles": None}, "social_handles"),
        ({"social_handles": {"a": ["x"]}}, "social_handles.a"),
        ({"social_handles": {"a": {"b": "c"}}}, "social_handles.a"),
        ({"social_handles": {"a": "x" * 101}}, "social_handles.a"),
        ({"social_handles": {"a": "\x00"}}, "social_handles.a"),
        ({"social_handles": {"\x00": "x"}}, "social_handles"),
        ({"social_handles": {str(n): "x" for n in range(21)}}, "social_handles"),
        ({"social_handles": {str(n): "é" * 99 for n in range(20)}}, "social_handles"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_a_wrong_value_is_refused_by_field_and_nothing_is_changed(as_user, change, field):
    before = values()
    assert field in fields_of(as_user.patch(URL, {"last_name": "Good", **change}))
    assert values() == before


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"5", b'"x"', b'{"display_name": "\\ud800"}', b'{"display_name": "\xed\xa0\x80"}']
)
def test_a_body_that_is_no_object_or_no_text_is_400(as_user, body):
    before = values()
    assert as_user.generic("PATCH", URL, body, content_type="application/json").status_code == 400
    assert values() == before


def test_a_body_over_a_megabyte_is_413(as_user):
    response = as_user.patch(URL, {"display_name": "x" * 1_100_000})
    assert error_of(response) == (413, "body_too_large")


def test_a_profile_is_made_for_an_account_that_has_none(as_user):
    UserProfile.objects.all().delete()
    assert as_user.patch(URL, {"display_name": "New"}).json()["data"]["display_name"] == "New"


def test_a_guest_has_a_profile_of_its_own(as_guest, guest):
    assert as_guest.patch(URL, {"display_name": "Visitor"}).status_code == 200
    guest.profile.refresh_from_db()
    assert guest.profile.display_name == "Visitor"


def test_everybody_has_their_own_and_sees_no_other(as_user, as_other, other):
    as_user.patch(URL, {"display_name": "Mine"})
    assert as_other.get(URL).json()["data"]["id"] == str(other.pk)
    assert as_other.get(URL).json()["data"]["display_name"] == ""


def test_nobody_has_none(api, user):
    assert api.get(URL).status_code == 401
    assert api.patch(URL, {"display_name": "x"}).status_code == 401
    assert values()[0]["display_name"] == ""


def test_a_key_needs_the_scope_for_what_it_does(api, user):
    reader = api.as_key(make_key(user, scopes=["account:read"]).raw)
    writer = api.as_key(make_key(user, scopes=["account:write"]).raw)
    assert reader.get(URL).status_code == 200
    assert error_of(reader.patch(URL, {"display_name": "x"})) == (403, "insufficient_scope")
    assert error_of(writer.get(URL)) == (403, "insufficient_scope")
    assert values()[0]["display_name"] == ""
    assert writer.patch(URL, {"display_name": "x"}).status_code == 200
