"""Accounts: people, guests, their profiles, sessions and tokens."""
