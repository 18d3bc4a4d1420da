"""`python -m bench.gate`: what the request gate costs, as ratios to a bare DRF view in the same run."""
