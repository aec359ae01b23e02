"""Where weights come from, what they are, and the pool that keeps them loaded.

Everything up to `resolve_model` is torch-free; `pool` and `load*` are imported by what runs nodes.
"""
