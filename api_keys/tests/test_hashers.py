"""The stored digest: its algorithm is named, its pepper versioned and replaceable."""

import hashlib
import hmac

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password

from api_keys.hashers import APIKeyHasher, candidates
from api_keys.material import generate
from api_keys.models import APIKey
from api_keys.selectors import key_outcome
from api_keys.tests.factories import make_key
from core.principals import Principal

OLD, NEW = "o" * 32, "n" * 32
RAW = generate("live").raw


@pytest.fixture
def peppers(settings):
    def use(**versions):
        settings.API_KEY_PEPPERS = {name.removeprefix("v"): secret for name, secret in versions.items()}

    use(v1=OLD)
    return use


def test_a_digest_names_its_algorithm_and_pepper_and_is_hmac_sha256(peppers):
    encoded = APIKeyHasher().encode(RAW, "1")
    assert encoded == f"atl_hmac_sha256$1${hmac.new(OLD.encode(), RAW.encode(), hashlib.sha256).hexdigest()}"
    assert APIKeyHasher().safe_summary(encoded) == {"algorithm": "atl_hmac_sha256", "pepper": "1"}


def test_django_finds_the_hasher_by_the_name_in_the_digest(peppers):
    encoded = make_password(RAW, hasher="atl_hmac_sha256")
    assert isinstance(identify_hasher(encoded), APIKeyHasher)
    assert check_password(RAW, encoded)
    assert not check_password(generate("live").raw, encoded)


def test_the_first_pepper_digests_and_every_pepper_verifies(peppers):
    old = APIKeyHasher().encode(RAW, APIKeyHasher().salt())
    peppers(v2=NEW, v1=OLD)
    hasher = APIKeyHasher()
    assert hasher.salt() == "2"
    assert hasher.verify(RAW, old)
    assert hasher.must_update(old)
    assert not hasher.must_update(hasher.encode(RAW, "2"))
    assert candidates(RAW) == [hasher.encode(RAW, "2"), old]


def test_a_digest_of_a_pepper_taken_away_verifies_nothing(peppers):
    old = APIKeyHasher().encode(RAW, "1")
    peppers(v2=NEW)
    assert not APIKeyHasher().verify(RAW, old)


def test_evening_out_the_run_time_does_nothing_because_every_digest_costs_the_same(peppers):
    assert APIKeyHasher().harden_runtime(RAW, APIKeyHasher().encode(RAW, "1")) is None


@pytest.mark.django_db
class TestRotationOfThePepper:
    def test_a_key_made_under_the_old_pepper_still_works_and_is_digested_anew(self, peppers, user):
        made = make_key(user)
        before = APIKey.objects.get().updated_at
        peppers(v2=NEW, v1=OLD)
        assert isinstance(key_outcome(made.raw), Principal)
        kept = APIKey.objects.get()
        assert kept.digest == APIKeyHasher().encode(made.raw, "2")
        assert kept.updated_at == before
        peppers(v2=NEW)
        assert isinstance(key_outcome(made.raw), Principal)

    def test_a_key_not_used_before_its_pepper_was_taken_away_is_refused(self, peppers, user):
        made = make_key(user)
        peppers(v2=NEW)
        assert key_outcome(made.raw).code == "invalid_api_key"

    def test_a_refused_key_is_not_digested_anew(self, peppers, user):
        made = make_key(user)
        APIKey.objects.update(is_active=False)
        digest = APIKey.objects.get().digest
        peppers(v2=NEW, v1=OLD)
        assert key_outcome(made.raw).code == "api_key_inactive"
        assert APIKey.objects.get().digest == digest
