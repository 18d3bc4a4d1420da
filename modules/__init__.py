"""The product modules: each folder an app that can be switched on alone (ATELIER_MODULES)."""
