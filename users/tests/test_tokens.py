"""Access and refresh tokens: what they say, and every way in which a token is refused."""

import base64
import json
from datetime import timedelta

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone

from users import tokens
from users.exceptions import InvalidToken
from users.services import sessions
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db
SECRETS = {"new": "n" * 64, "old": "o" * 64}


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.JWT_SIGNING_KEYS = dict(SECRETS)


@pytest.fixture
def pair():
    return sessions.open_session(user=make_user()).tokens


def signed(claims, *, secret=SECRETS["new"], algorithm="HS256", headers=None):
    return jwt.encode(claims, secret, algorithm=algorithm, headers={"kid": "new"} if headers is None else headers)


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def b64(value) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_token_names_its_user_session_audience_issuer_and_type(settings):
    result = sessions.open_session(user=make_user())
    for token, kind in ((result.tokens.access, "access"), (result.tokens.refresh, "refresh")):
        claims = claims_of(token)
        assert claims["sub"] == str(result.user.pk)
        assert claims["sid"] == str(result.session.pk)
        assert claims["aud"] == settings.JWT_AUDIENCE
        assert claims["iss"] == settings.JWT_ISSUER
        assert claims["token_type"] == kind
        assert claims["jti"]
        assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "new", "typ": "JWT"}


def test_the_access_token_lives_as_long_as_the_answer_says(pair, settings):
    claims = claims_of(pair.access)
    assert pair.expires_in == claims["exp"] - claims["iat"] == settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"].total_seconds()


def test_good_tokens_are_read_with_their_claims(pair):
    access, refresh = tokens.read_access(pair.access), tokens.read_refresh(pair.refresh)
    assert access.user_id == refresh.user_id
    assert access.session_id == refresh.session_id
    assert access.jti != refresh.jti
    assert access.issued_at <= timezone.now().timestamp() < access.expires_at


def test_an_access_token_is_not_a_refresh_token_nor_the_other_way_round(pair):
    with pytest.raises(InvalidToken):
        tokens.read_refresh(pair.access)
    with pytest.raises(InvalidToken):
        tokens.read_access(pair.refresh)


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another-api"},
        {"aud": None},
        {"iss": "another-issuer"},
        {"iss": None},
        {"token_type": "refresh"},
        {"token_type": None},
        {"sub": "not-a-uuid"},
        {"sub": None},
        {"sid": "1"},
        {"sid": None},
        {"jti": None},
        {"iat": None},
        {"exp": None},
    ],
    ids=str,
)
def test_a_rightly_signed_token_with_a_wrong_or_missing_claim_is_refused(pair, change):
    claims = claims_of(pair.access)
    assert tokens.read_access(signed(claims))
    for name, value in change.items():
        if value is None:
            del claims[name]
        else:
            claims[name] = value
    with pytest.raises(InvalidToken):
        tokens.read_access(signed(claims))


def test_a_token_signed_with_a_foreign_secret_is_refused(pair):
    with pytest.raises(InvalidToken):
        tokens.read_access(signed(claims_of(pair.access), secret="f" * 40))


def test_a_token_whose_claims_were_altered_is_refused(pair):
    header, _, signature = pair.access.split(".")
    altered = b64({**claims_of(pair.access), "sub": str(make_user(is_staff=True).pk)})
    with pytest.raises(InvalidToken):
        tokens.read_access(f"{header}.{altered}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
def test_an_unsigned_token_is_refused(pair, algorithm):
    header = b64({"alg": algorithm, "typ": "JWT", "kid": "new"})
    body = pair.access.split(".")[1]
    for signature in ("", pair.access.split(".")[2]):
        with pytest.raises(InvalidToken):
            tokens.read_access(f"{header}.{body}.{signature}")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_hash_with_the_right_secret_is_refused(pair, algorithm):
    with pytest.raises(InvalidToken):
        tokens.read_access(signed(claims_of(pair.access), algorithm=algorithm))


def test_a_token_signed_with_a_public_key_algorithm_is_refused(pair):
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(InvalidToken):
        tokens.read_access(signed(claims_of(pair.access), algorithm="RS256", secret=private))
    # And the header alone saying so, over our own signature.
    header = b64({"alg": "RS256", "typ": "JWT", "kid": "new"})
    with pytest.raises(InvalidToken):
        tokens.read_access(header + pair.access[pair.access.index(".") :])


@pytest.mark.parametrize("headers", [{"kid": "unknown"}, {}, {"kid": ""}])
def test_a_token_that_names_no_known_key_is_refused(pair, headers):
    with pytest.raises(InvalidToken):
        tokens.read_access(signed(claims_of(pair.access), headers=headers))


@pytest.mark.parametrize("kid", [5, ["new"], {"new": 1}, None])
def test_a_key_name_that_is_no_text_is_refused(pair, kid):
    header = b64({"alg": "HS256", "typ": "JWT", "kid": kid})
    with pytest.raises(InvalidToken):
        tokens.read_access(header + pair.access[pair.access.index(".") :])


@pytest.mark.parametrize("header", [{"jwk": {"kty": "oct", "k": "Zg"}}, {"jku": "https://example.com/keys"}])
def test_a_key_brought_along_in_the_header_is_not_used(pair, header):
    with pytest.raises(InvalidToken):
        tokens.read_access(signed(claims_of(pair.access), secret="f" * 40, headers={"kid": "new", **header}))


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "not a token", "é.ü.ö", "\x00", "=" * 100, b64({"alg": "HS256"}) + ".e30.", "[].[].[]"]
)
def test_text_that_is_no_token_is_refused(text):
    with pytest.raises(InvalidToken):
        tokens.read_access(text)


def test_after_a_rotation_of_keys_the_new_one_signs_and_the_old_one_still_verifies(settings):
    settings.JWT_SIGNING_KEYS = {"old": SECRETS["old"]}
    before = sessions.open_session(user=make_user()).tokens
    assert jwt.get_unverified_header(before.access)["kid"] == "old"
    settings.JWT_SIGNING_KEYS = dict(SECRETS)
    assert tokens.read_access(before.access)
    after = sessions.refresh_session(token=before.refresh).tokens
    assert jwt.get_unverified_header(after.access)["kid"] == "new"
    assert tokens.read_access(after.access)


def test_once_the_old_key_is_removed_what_it_signed_is_refused(settings):
    settings.JWT_SIGNING_KEYS = {"old": SECRETS["old"]}
    before = sessions.open_session(user=make_user()).tokens
    settings.JWT_SIGNING_KEYS = {"new": SECRETS["new"]}
    with pytest.raises(InvalidToken):
        tokens.read_access(before.access)
    with pytest.raises(InvalidToken):
        tokens.read_refresh(before.refresh)


def test_a_token_under_the_name_of_one_key_with_the_secret_of_another_is_refused(pair):
    with pytest.raises(InvalidToken):
        tokens.read_access(signed(claims_of(pair.access), secret=SECRETS["old"], headers={"kid": "new"}))


def test_an_access_token_ends_after_its_life_and_the_leeway(pair, settings):
    life = timedelta(seconds=pair.expires_in)
    now = timezone.now()
    with time_machine.travel(now + life - timedelta(seconds=2)):
        assert tokens.read_access(pair.access)
    with time_machine.travel(now + life + timedelta(seconds=settings.SIMPLE_JWT["LEEWAY"] + 1)), pytest.raises(InvalidToken):
        tokens.read_access(pair.access)


def test_a_refresh_token_ends_after_its_life(pair, settings):
    after = timezone.now() + settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"] + timedelta(seconds=10)
    with time_machine.travel(after), pytest.raises(InvalidToken):
        tokens.read_refresh(pair.refresh)


def test_a_token_from_the_future_is_refused(pair):
    later = int(timezone.now().timestamp()) + 3600
    with pytest.raises(InvalidToken):
        tokens.read_access(signed({**claims_of(pair.access), "iat": later, "exp": later + 900}))


def test_what_is_stored_of_a_refresh_token_does_not_give_it_away(pair):
    claims = tokens.read_refresh(pair.refresh)
    digest = tokens.jti_digest(claims.jti)
    assert len(digest) == 32
    assert claims.jti.encode() not in digest
