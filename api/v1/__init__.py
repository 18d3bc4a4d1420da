"""Version 1 of the API; it stays compatible."""
