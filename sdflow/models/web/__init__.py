"""Models on the web: addresses, Civitai, downloads."""
