"""One module a t-SNE, each with `SETTINGS` and `embed(features, setting)`; imported only in its own environment."""
