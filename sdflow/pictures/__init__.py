"""Pictures as files and as arrays: reading, writing, resizing, contact sheets. No torch anywhere."""
