"""Django's PostgreSQL backend with a breaker: while the server is away, requests fail at once instead of queueing for it."""
