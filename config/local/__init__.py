"""The local runner: the engines and processes of Atelier on one developer's machine.

Owns starting, watching and stopping them for `make run`, the test suite and the benchmarks. It starts before
settings exist, so nothing in this package imports Django or the rest of the product, and nothing here is
used in production.
"""
