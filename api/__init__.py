"""The HTTP face: authentication, the request gate, and `v1/<domain>` with serializers and views."""
