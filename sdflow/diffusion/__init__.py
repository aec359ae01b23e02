"""The numerics of Stable Diffusion: prompts, samplers, the denoising loop, the autoencoder.

Only the sampler table and the counting of tokens and steps can be imported without torch.
"""
