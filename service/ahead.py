"""Compile all loops ahead of the first start: `python -m service.ahead`."""

from service import json_images, png, tsne

if __name__ == "__main__":
    json_images.warm_up()
    png.warm_up()
    tsne.warm_up()
