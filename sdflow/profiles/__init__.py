"""Profiles: how a run uses memory and time, beside the recipe. Torch-free, as all planning is."""
