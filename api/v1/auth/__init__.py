"""Sign-in, the own account, sessions, recovery and guests."""
