"""A product module outside the tree of product modules: one view for keys, one scope, one periodic task."""
