"""Measures messages: accepting them beside a bare insert, sending them through the sandbox, and listing a million of them."""
