"""How many images of a model one request may hold."""

from service.inputs import InputLimits
from service.manifest import ImageFormat
from service.settings import Settings


def most_images(settings: Settings, image: ImageFormat) -> int:
    """As many as `max_images` allows, and fewer where they are so large that `max_values` is reached first."""
    return max(1, min(settings.max_images, settings.max_values // (image.height * image.width * image.channels)))


def input_limits(settings: Settings, image: ImageFormat) -> InputLimits:
    """What one request may bring for a model of such images."""
    return InputLimits(most_images(settings, image), settings.max_image_pixels, settings.max_json_values)
