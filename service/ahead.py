"""Compile loops ahead of their first use; `python -m service.ahead` does it for all of them, before the first start."""

from service import arrays, json_images, placement, png


def warm_up() -> None:
    """Compile what reads requests, or load what was compiled, so that none of them waits for it."""
    arrays.warm_up()
    json_images.warm_up()
    png.warm_up()
    placement.warm_up()


if __name__ == "__main__":
    from service import tsne  # here, since the web process does without it

    warm_up()
    tsne.warm_up()
