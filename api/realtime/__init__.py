"""The realtime process: sockets at `/ws/v1/` and long polls, over events.hub, behind the same gate as REST."""
