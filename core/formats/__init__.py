"""How dates are written on pages (FORMAT_MODULE_PATH)."""
