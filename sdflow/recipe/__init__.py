"""Recipes as text: strict YAML with positions, params, references, the matrix and the names of output files."""
