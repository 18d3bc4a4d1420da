"""/api/v1/events/: the event log over HTTP, and tickets for the socket."""
