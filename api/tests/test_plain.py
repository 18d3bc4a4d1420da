"""Rows shown without asking each field: what goes out is what the fields would have said."""

import json
from datetime import UTC, datetime

import pytest
from rest_framework import serializers

from api.plain import PlainModelSerializer
from core.responses import dumps
from users.models import User, UserProfile
from users.tests.factories import make_user


class _Profile(PlainModelSerializer):
    class Meta:
        model = UserProfile
        fields = ("display_name", "time_zone", "week_start", "social_handles")


class _Asked(serializers.ModelSerializer):
    profile = serializers.DictField(source="profile.social_handles", read_only=True)
    state = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "email",
            "email_verified_at",
            "is_staff",
            "created_at",
            "max_messages_per_day",
            "state",
            "profile",
        )

    def get_state(self, user: User) -> str:
        """Computed."""
        return f"{user.username} is here"


class _Plain(PlainModelSerializer, _Asked):
    class Meta(_Asked.Meta):
        pass


class _Nested(PlainModelSerializer):
    profile = _Profile(read_only=True)

    class Meta:
        model = User
        fields = ("id", "profile")


@pytest.fixture
def person(db: None) -> User:
    return make_user(username="ada", email_verified_at=datetime(2026, 1, 5, 9, 0, 0, 120, tzinfo=UTC))


def shown(serializer: type[serializers.BaseSerializer], person: User) -> object:
    return json.loads(dumps(serializer().to_representation(person)))


def test_every_value_is_what_its_field_would_have_said(person):
    assert shown(_Plain, person) == shown(_Asked, person)


def test_a_moment_is_written_alike_with_and_without_fractions(person):
    person.email_verified_at = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert shown(_Plain, person) == shown(_Asked, person)
    person.email_verified_at = None
    assert shown(_Plain, person) == shown(_Asked, person)


def test_nested_rows_are_plain_as_well(person):
    found = shown(_Nested, person)
    assert found["profile"]["time_zone"] == "UTC"


def test_a_reverse_row_of_a_list_is_shown_for_each(person):
    other = make_user(username="grace")
    found = json.loads(dumps(_Plain([person, other], many=True).data))
    assert [one["username"] for one in found] == ["ada", "grace"]
