"""How the model that ships with sdflow is trained: scenes, tokenizer, autoencoder, text and UNet, evaluation."""
