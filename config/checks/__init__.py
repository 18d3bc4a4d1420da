"""Checks of what no test run executes: deployment files and locked requirements. Loads no Django."""
