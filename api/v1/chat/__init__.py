"""Chat over REST, and its commands on the socket."""
