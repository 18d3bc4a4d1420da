"""Chat: rooms and who is in them, messages with their files, threads and reactions, and what has been read."""
