"""Single files: checkpoints that hold a whole model, and parts of models in files of their own.

Everything but `convert` is torch-free: a file is recognised from the names and shapes of its tensors.
"""
