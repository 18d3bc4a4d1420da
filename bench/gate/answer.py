"""What every contender answers."""

ANSWER = {"id": "019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11", "name": "bench", "count": 42, "active": True}
