"""Request log, usage and summaries."""
