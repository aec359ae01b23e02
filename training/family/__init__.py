"""The models that are trained on top of toybox: each a stage of its own."""
