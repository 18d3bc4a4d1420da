"""Keeping chat small: rows of deleted rooms, messages past their room's retention, files that were never sent."""
