"""The digest of a key as a Django password hasher, so that the algorithm is named in the value and can be upgraded.

HMAC-SHA-256 with a versioned pepper: a slow hash buys nothing at 256 bits of entropy. The "salt" is the pepper's version, hence
the same key has one digest per pepper and can be looked up by an index.
"""

import hashlib
import hmac
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import BasePasswordHasher


class APIKeyHasher(BasePasswordHasher):
    """`atl_hmac_sha256$<pepper version>$<hex>`."""

    algorithm = "atl_hmac_sha256"

    def salt(self) -> str:
        """The current pepper's version."""
        return str(next(iter(settings.API_KEY_PEPPERS)))

    def encode(self, password: str, salt: str) -> str:
        """The digest under the pepper of version `salt`. Raises KeyError for an unknown version."""
        pepper: str = settings.API_KEY_PEPPERS[salt]
        digest = hmac.new(pepper.encode(), password.encode(), hashlib.sha256).hexdigest()
        return f"{self.algorithm}${salt}${digest}"

    def decode(self, encoded: str) -> dict[str, Any]:
        """The parts of a stored value."""
        algorithm, salt, digest = encoded.split("$", 2)
        return {"algorithm": algorithm, "salt": salt, "hash": digest}

    def verify(self, password: str, encoded: str) -> bool:
        """Whether a key has this digest."""
        salt = self.decode(encoded)["salt"]
        return salt in settings.API_KEY_PEPPERS and hmac.compare_digest(self.encode(password, salt), encoded)

    def safe_summary(self, encoded: str) -> Any:
        """What an admin may see."""
        parts = self.decode(encoded)
        return {"algorithm": parts["algorithm"], "pepper": parts["salt"]}

    def must_update(self, encoded: str) -> bool:
        """Whether the digest was made with an older pepper."""
        return bool(self.decode(encoded)["salt"] != self.salt())

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing to even out: every digest takes the same time."""


def candidates(raw: str) -> list[str]:
    """The digests a key may be stored under, one for each pepper still in use, the current first."""
    hasher = APIKeyHasher()
    return [hasher.encode(raw, version) for version in settings.API_KEY_PEPPERS]
