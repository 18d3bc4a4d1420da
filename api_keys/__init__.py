"""Hashed API keys: recognisable, scoped, limited, rotatable, revoked everywhere in under a second."""
