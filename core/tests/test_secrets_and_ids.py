"""What is encrypted can be read back with its keys only; ids grow with time."""

import time
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from django.test import override_settings

from core import crypto
from core.ids import uuid7, uuid7_text


class TestCrypto:
    def test_what_is_encrypted_can_be_read_back_and_looks_different_each_time(self):
        one, two = crypto.encrypt(b"secret"), crypto.encrypt(b"secret")
        assert one != two
        assert b"secret" not in one
        assert crypto.decrypt(one) == crypto.decrypt(two) == b"secret"

    @pytest.mark.parametrize("value", [b"", b"nonsense", b"gAAAAA" + b"x" * 100])
    def test_what_no_key_fits_is_none(self, value):
        assert crypto.decrypt(value) is None

    def test_an_older_key_still_reads_and_a_retired_one_does_not(self):
        old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()

        def under(*keys):
            crypto._box.cache_clear()
            return override_settings(FIELD_ENCRYPTION_KEYS=list(keys))

        try:
            with under(old):
                kept = crypto.encrypt(b"secret")
            with under(new, old):
                assert crypto.decrypt(kept) == b"secret"
                renewed = crypto.encrypt(b"secret")
            with under(new):
                assert crypto.decrypt(kept) is None
                assert crypto.decrypt(renewed) == b"secret"
        finally:
            crypto._box.cache_clear()

    def test_digests_are_of_the_utf8(self):
        assert crypto.sha256("ü") == crypto.sha256("ü".encode())
        assert len(crypto.sha256("")) == 32


class TestIDs:
    def test_ids_are_version_7_and_grow_with_time(self):
        made = [uuid7() for _ in range(1000)]
        assert {item.version for item in made} == {7}
        assert len(set(made)) == 1000
        time.sleep(0.002)
        assert uuid7() > max(made)
        assert UUID(uuid7_text()).version == 7
