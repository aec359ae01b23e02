"""The lock of a recipe: the bytes of everything that goes into it, written beside it and kept in git. No torch."""
