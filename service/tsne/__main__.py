"""Compile the loops ahead of the first map: `python -m service.tsne`."""

from service.tsne import warm_up

if __name__ == "__main__":
    warm_up()
