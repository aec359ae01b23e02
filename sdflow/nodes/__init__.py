"""The vocabulary of recipes: one node type per file."""
