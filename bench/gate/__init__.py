"""`python -m bench.gate`: what the request gate costs, as ratios to a bare DRF view on the same kind of server in the same run."""
