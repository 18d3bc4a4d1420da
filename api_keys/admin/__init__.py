"""API keys in the admin. A raw key is in one answer only, the one to the request that made it; digests are never shown."""

from api_keys.admin.keys import APIKeyAdmin

__all__ = ["APIKeyAdmin"]
