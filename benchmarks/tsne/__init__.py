"""t-SNE beside scikit-learn's and openTSNE's: time, memory and the quality of the maps."""
