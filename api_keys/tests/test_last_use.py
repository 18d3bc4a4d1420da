"""When a key was last used: folded from loaded requests, forward only."""

from datetime import timedelta

import pytest
from django.utils import timezone

from api_keys.last_use import fold_last_use
from api_keys.models import APIKey
from api_keys.tests.factories import make_key
from core.ids import uuid7
from core.request_log import KeyUse, consumers

pytestmark = pytest.mark.django_db


def last_use(made):
    return APIKey.objects.values_list("last_used_at", "last_used_ip").get(pk=made.key.pk)


def test_the_app_takes_part_in_the_loading_of_the_log():
    assert fold_last_use in consumers()


def test_the_newest_use_is_kept_and_an_older_one_changes_nothing(user):
    made, now = make_key(user), timezone.now()
    fold_last_use([KeyUse(made.key.pk, now, "10.0.0.1")])
    fold_last_use([KeyUse(made.key.pk, now - timedelta(hours=1), "10.0.0.2")])
    assert last_use(made) == (now, "10.0.0.1")
    fold_last_use([KeyUse(made.key.pk, now + timedelta(hours=1), "2001:db8::1")])
    assert last_use(made) == (now + timedelta(hours=1), "2001:db8::1")


def test_a_use_from_an_unknown_address_is_a_use(user):
    made, now = make_key(user), timezone.now()
    fold_last_use([KeyUse(made.key.pk, now, None)])
    assert last_use(made) == (now, None)


def test_a_batch_of_keys_costs_one_statement_and_unknown_ones_are_passed_over(user, django_assert_num_queries):
    now = timezone.now()
    keys = [make_key(user) for _ in range(5)]
    with django_assert_num_queries(1):
        fold_last_use([KeyUse(uuid7(), now, None), *(KeyUse(made.key.pk, now, "10.0.0.1") for made in keys)])
    assert APIKey.objects.filter(last_used_at=now).count() == 5


def test_it_does_not_touch_when_the_key_was_changed(user):
    made = make_key(user)
    before = APIKey.objects.get().updated_at
    fold_last_use([KeyUse(made.key.pk, timezone.now(), None)])
    assert APIKey.objects.get().updated_at == before
