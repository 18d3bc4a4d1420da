"""Making, changing, rotating and revoking keys: what is kept, what is refused, what is written down."""

import threading
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from django.db import connection, connections
from django.utils import timezone

from api_keys import selectors, services
from api_keys.exceptions import EnvironmentNotGrantable, KeyRevoked, ScopeNotGrantable, TooManyKeys
from api_keys.hashers import APIKeyHasher
from api_keys.models import APIKey
from api_keys.tests.factories import make_key
from core.exceptions import Invalid
from core.models import AuditEntry
from core.principals import Principal
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def caller(made):
    """The principal of a key, as the gate passes it on."""
    principal = selectors.key_outcome(made.raw)
    assert isinstance(principal, Principal)
    return principal


def actions():
    return list(AuditEntry.objects.order_by("created_at", "id").values_list("action", flat=True))


def error_fields(error):
    return [(item.field, item.code) for item in error.value.details]


class TestMaking:
    def test_only_a_digest_is_kept(self, user):
        made = services.create_key(owner=user, actor=user, name="backend")
        row = APIKey.objects.values().get()
        assert row["digest"] == APIKeyHasher().encode(made.raw, APIKeyHasher().salt())
        assert not any(made.raw in str(value) for value in row.values())
        assert not AuditEntry.objects.filter(changes__icontains=made.raw[13:-4]).exists()

    def test_it_is_written_down_who_made_which_key_with_which_rights(self, user, admin):
        made = services.create_key(owner=user, actor=admin, name="backend", scopes=["usage:read"], environment="test")
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor_id, entry.target_id) == ("api_key.created", admin.pk, str(made.key.pk))
        assert entry.changes == {"scopes": ["usage:read"], "environment": "test"}
        assert (made.key.owner, made.key.created_by) == (user, admin)

    def test_scopes_are_kept_sorted_and_once(self, user):
        assert make_key(user, scopes=["usage:read", "logs:read", "usage:read"]).key.scopes == ["logs:read", "usage:read"]

    def test_an_unknown_scope_is_refused(self, user):
        with pytest.raises(Invalid) as error:
            make_key(user, scopes=["usage:read", "moon:land"])
        assert error_fields(error) == [("scopes", "unknown_scope")]
        assert not APIKey.objects.exists()
        assert not AuditEntry.objects.exists()

    def test_an_administrators_scope_is_for_administrators_keys_made_by_administrators(self, user, admin):
        other_admin = make_user(is_staff=True)
        for owner, actor in ((user, user), (user, admin), (admin, user)):
            with pytest.raises(ScopeNotGrantable):
                make_key(owner, actor=actor, scopes=["users:read"])
        assert not APIKey.objects.exists()
        assert make_key(other_admin, actor=admin, scopes=["users:read"]).key.scopes == ["users:read"]

    def test_a_key_cannot_give_a_scope_it_lacks(self, user):
        calling = caller(make_key(user, scopes=["api_keys:write", "usage:read"]))
        with pytest.raises(ScopeNotGrantable, match="logs:read"):
            make_key(user, granting=calling, scopes=["logs:read"])
        assert make_key(user, granting=calling, scopes=["usage:read"]).key.scopes == ["usage:read"]

    def test_a_test_key_cannot_make_a_live_one(self, user):
        calling = caller(make_key(user, environment="test"))
        with pytest.raises(EnvironmentNotGrantable):
            make_key(user, granting=calling, environment="live", scopes=[])
        assert make_key(user, granting=calling, environment="test", scopes=[]).raw.startswith("atl_test_")

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            (["10.0.0.1/8"], ["10.0.0.0/8"]),
            (["192.0.2.7"], ["192.0.2.7/32"]),
            (["2001:DB8::1/32", "2001:db8::/32"], ["2001:db8::/32"]),
            (["0.0.0.0/0", "::/0"], ["0.0.0.0/0", "::/0"]),
            ([], []),
        ],
    )
    def test_networks_are_kept_in_their_canonical_form(self, user, given, kept):
        assert make_key(user, allowed_networks=given).key.allowed_networks == kept

    @pytest.mark.parametrize("network", ["", "10.0.0.0/33", "10.0.0.256", "2001:db8::/129", "example.com", "1"])
    def test_what_is_no_network_is_refused(self, user, network):
        with pytest.raises(Invalid) as error:
            make_key(user, allowed_networks=["10.0.0.0/8", network])
        assert error_fields(error) == [("allowed_networks", "invalid_network")]
        assert not APIKey.objects.exists()

    @pytest.mark.parametrize(
        ("field", "value", "code"),
        [
            ("expires_at", datetime(2020, 1, 1, tzinfo=UTC), "in_the_past"),
            ("expires_at", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "out_of_range"),
            ("rate_limit", 0, "min_value"),
            ("rate_limit", 1_000_000_001, "max_value"),
            ("daily_quota", 0, "min_value"),
            ("daily_quota", 2_000_000_001, "max_value"),
            ("metadata", ["list"], "not_an_object"),
            ("metadata", {"text": "x" * 5000}, "too_long"),
            ("name", "x" * 101, "max_length"),
            ("name", "", "blank"),
        ],
    )
    def test_a_value_out_of_bounds_is_refused_by_its_field(self, user, field, value, code):
        if field == "name":
            make = lambda: services.create_key(owner=user, actor=user, name=value)  # noqa: E731
        else:
            make = lambda: make_key(user, **{field: value})  # noqa: E731
        with pytest.raises(Invalid) as error:
            make()
        assert error_fields(error) == [(field, code)]
        assert not APIKey.objects.exists()

    def test_a_field_that_is_not_editable_is_a_mistake_of_the_caller(self, user):
        with pytest.raises(TypeError, match="digest"):
            make_key(user, digest="x")


def test_an_owner_may_have_a_thousand_keys_and_no_more(user):
    APIKey.objects.bulk_create(
        APIKey(name=f"key {number}", owner=user, created_by=user, digest=f"unused ${number}") for number in range(999)
    )
    make_key(user)
    with pytest.raises(TooManyKeys):
        make_key(user)


class TestTheMostKeys:
    @pytest.fixture(autouse=True)
    def _three(self):
        with patch.object(services, "MAX_ACTIVE_KEYS", 3):
            yield

    def test_one_more_is_refused_and_a_revoked_one_makes_room(self, user, other):
        keys = [make_key(user) for _ in range(3)]
        with pytest.raises(TooManyKeys):
            make_key(user)
        assert APIKey.objects.count() == 3
        make_key(other)
        services.revoke_key(key=keys[0].key, actor=user)
        make_key(user)

    def test_an_expired_key_makes_room_and_takes_it_again_when_it_is_prolonged(self, user):
        keys = [make_key(user) for _ in range(3)]
        APIKey.objects.filter(pk=keys[0].key.pk).update(expires_at=timezone.now() - DAY)
        make_key(user)
        with pytest.raises(TooManyKeys):
            services.update_key(key=keys[0].key, actor=user, expires_at=None)
        assert APIKey.objects.get(pk=keys[0].key.pk).status == "expired"

    def test_switching_keys_off_makes_no_room(self, user):
        for _ in range(3):
            services.update_key(key=make_key(user).key, actor=user, is_active=False)
        with pytest.raises(TooManyKeys):
            make_key(user)

    def test_rotating_with_grace_needs_room_for_both_and_without_grace_none(self, user):
        keys = [make_key(user) for _ in range(3)]
        with pytest.raises(TooManyKeys):
            services.rotate_key(key=keys[0].key, actor=user, grace=HOUR)
        assert APIKey.objects.get(pk=keys[0].key.pk).replaced_by is None
        services.rotate_key(key=keys[0].key, actor=user, grace=timedelta(0))
        assert APIKey.objects.alive().count() == 3


class TestChanging:
    def test_what_changed_is_written_down_with_before_and_after(self, user, admin):
        made = make_key(user, rate_limit=5, scopes=[])
        end = timezone.now() + DAY
        services.update_key(key=made.key, actor=admin, rate_limit=9, name="test key", expires_at=end)
        entry = AuditEntry.objects.get(action="api_key.updated")
        assert entry.changes == {"rate_limit": [5, 9], "expires_at": [None, end.isoformat()]}
        assert entry.actor_id == admin.pk

    def test_a_change_to_the_same_writes_nothing(self, user):
        made = make_key(user, rate_limit=5)
        before = APIKey.objects.get().updated_at
        services.update_key(key=made.key, actor=user, rate_limit=5)
        assert actions() == ["api_key.created"]
        assert APIKey.objects.get().updated_at == before

    def test_a_refused_change_changes_nothing(self, user):
        made = make_key(user, scopes=[], rate_limit=5)
        with pytest.raises(Invalid):
            services.update_key(key=made.key, actor=user, rate_limit=9, scopes=["moon:land"])
        kept = APIKey.objects.get()
        assert (kept.rate_limit, kept.scopes) == (5, [])
        assert actions() == ["api_key.created"]

    def test_a_key_cannot_widen_another_beyond_itself(self, user):
        calling = caller(make_key(user, scopes=["api_keys:write"]))
        made = make_key(user, scopes=[])
        with pytest.raises(ScopeNotGrantable):
            services.update_key(key=made.key, actor=user, granting=calling, scopes=["logs:read"])
        assert APIKey.objects.get(pk=made.key.pk).scopes == []

    def test_a_revoked_key_cannot_be_changed_rotated_or_brought_back(self, user):
        key = services.revoke_key(key=make_key(user).key, actor=user)
        for attempt in (
            lambda: services.update_key(key=key, actor=user, is_active=True),
            lambda: services.rotate_key(key=key, actor=user),
        ):
            with pytest.raises(KeyRevoked):
                attempt()
        assert APIKey.objects.get().status == "revoked"

    def test_a_switched_off_key_can_be_switched_on_again(self, user):
        made = make_key(user)
        services.update_key(key=made.key, actor=user, is_active=False)
        assert selectors.key_outcome(made.raw).code == "api_key_inactive"
        services.update_key(key=made.key, actor=user, is_active=True)
        assert isinstance(selectors.key_outcome(made.raw), Principal)

    def test_a_change_does_not_turn_back_the_last_use(self, user):
        made = make_key(user)
        used = timezone.now()
        APIKey.objects.update(last_used_at=used)
        services.update_key(key=made.key, actor=user, name="renamed")
        assert APIKey.objects.get().last_used_at == used


class TestRotating:
    def test_the_successor_has_the_same_rights_and_both_work_during_the_grace(self, user):
        rights = {
            "scopes": ["usage:read"],
            "allowed_networks": ["10.0.0.0/8"],
            "rate_limit": 5,
            "daily_quota": 50,
            "metadata": {"team": "a"},
            "environment": "test",
            "expires_at": timezone.now() + 30 * DAY,
        }
        made = make_key(user, **rights)
        successor = services.rotate_key(key=made.key, actor=user, grace=HOUR)
        assert {name: getattr(successor.key, name) for name in rights} == rights
        assert successor.raw != made.raw
        assert isinstance(selectors.key_outcome(made.raw), Principal)
        assert isinstance(selectors.key_outcome(successor.raw), Principal)
        old = APIKey.objects.get(pk=made.key.pk)
        assert old.replaced_by == successor.key
        assert old.expires_at == pytest.approx(timezone.now() + HOUR, abs=timedelta(seconds=5))

    def test_without_grace_the_old_key_ends_at_once(self, user):
        made = make_key(user)
        successor = services.rotate_key(key=made.key, actor=user, grace=timedelta(0))
        assert selectors.key_outcome(made.raw).code == "api_key_expired"
        assert isinstance(selectors.key_outcome(successor.raw), Principal)

    def test_the_grace_never_reaches_past_the_old_keys_own_expiry(self, user):
        end = timezone.now() + HOUR
        made = make_key(user, expires_at=end)
        successor = services.rotate_key(key=made.key, actor=user, grace=DAY)
        assert APIKey.objects.get(pk=made.key.pk).expires_at == end
        assert successor.key.expires_at == end

    @pytest.mark.parametrize("grace", [timedelta(seconds=-1), timedelta(days=30, seconds=1)])
    def test_a_grace_out_of_bounds_is_refused(self, user, grace):
        made = make_key(user)
        with pytest.raises(Invalid) as error:
            services.rotate_key(key=made.key, actor=user, grace=grace)
        assert error_fields(error) == [("grace_seconds", "out_of_range")]
        assert APIKey.objects.count() == 1

    @pytest.mark.parametrize("fields", [{"is_active": False}, {"expires_at": timezone.now() - DAY}])
    def test_only_an_active_key_is_rotated(self, user, fields):
        made = make_key(user)
        APIKey.objects.update(**fields)
        with pytest.raises(KeyRevoked) as error:
            services.rotate_key(key=made.key, actor=user)
        assert error.value.stable_code == "api_key_not_active"
        assert APIKey.objects.count() == 1

    def test_a_key_cannot_rotate_one_that_may_do_more_or_lives_in_the_other_environment(self, user):
        calling = caller(make_key(user, scopes=["api_keys:write"]))
        with pytest.raises(ScopeNotGrantable):
            services.rotate_key(key=make_key(user, scopes=["logs:read"]).key, actor=user, granting=calling)
        sandboxed = caller(make_key(user, scopes=["api_keys:write"], environment="test"))
        with pytest.raises(EnvironmentNotGrantable):
            services.rotate_key(key=make_key(user, scopes=[]).key, actor=user, granting=sandboxed)

    def test_it_is_written_down_with_the_successor_and_the_end(self, user):
        made = make_key(user)
        successor = services.rotate_key(key=made.key, actor=user, grace=HOUR)
        entry = AuditEntry.objects.get(action="api_key.rotated")
        assert entry.target_id == str(made.key.pk)
        assert entry.changes["successor"] == str(successor.key.pk)
        assert entry.changes["ends"] == APIKey.objects.get(pk=made.key.pk).expires_at.isoformat()


class TestRevoking:
    def test_it_ends_the_key_for_good_and_twice_is_harmless(self, user, admin):
        made = make_key(user)
        services.revoke_key(key=made.key, actor=user)
        first = APIKey.objects.get()
        services.revoke_key(key=made.key, actor=admin)
        assert APIKey.objects.get().revoked_at == first.revoked_at
        assert (first.status, first.is_active) == ("revoked", False)
        assert actions() == ["api_key.created", "api_key.revoked"]
        assert selectors.key_outcome(made.raw).code == "api_key_revoked"


def announced(work):
    """What other processes hear of `work` on the channel, after its commit."""
    with connections["default"].cursor() as cursor:
        cursor.execute("LISTEN atelier_principals")
    work()
    heard = [notice.payload for notice in connection.connection.notifies(timeout=0.2)]
    with connections["default"].cursor() as cursor:
        cursor.execute("UNLISTEN atelier_principals")
    return heard


@pytest.mark.django_db(transaction=True)
class TestAnnouncing:
    @pytest.mark.parametrize(
        "work",
        [
            lambda key, user: services.update_key(key=key, actor=user, rate_limit=3),
            lambda key, user: services.revoke_key(key=key, actor=user),
            lambda key, user: services.rotate_key(key=key, actor=user),
        ],
    )
    def test_every_change_is_announced_once_to_every_gate_when_it_commits(self, user, work):
        made = make_key(user)
        assert announced(lambda: work(made.key, user)) == [f"api_key {made.key.pk}"]

    def test_a_refused_change_is_not_announced(self, user):
        made = make_key(user)

        def refused():
            with pytest.raises(Invalid):
                services.update_key(key=made.key, actor=user, scopes=["moon:land"])

        assert announced(refused) == []


@pytest.mark.django_db(transaction=True)
def test_many_makers_at_once_never_pass_the_limit(user):
    results = []

    def make():
        try:
            make_key(user)
            results.append("made")
        except TooManyKeys:
            results.append("refused")
        finally:
            connections.close_all()

    with patch.object(services, "MAX_ACTIVE_KEYS", 5):
        threads = [threading.Thread(target=make) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == ["made"] * 5 + ["refused"] * 7
    assert APIKey.objects.count() == 5
