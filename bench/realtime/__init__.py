"""Fan-out side by side: the product's realtime process, stock Channels, and bare `websockets.broadcast()`."""
