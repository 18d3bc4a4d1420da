"""Tests of the configuration and of the local runner."""
