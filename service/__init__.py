"""The online half: reads bundles from `models/` and answers questions about their latent space."""

__version__ = "0.1.0"
