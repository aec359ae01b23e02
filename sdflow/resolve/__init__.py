"""All the reading that a plan needs: the device, digests of files, descriptions of models, earlier results."""
