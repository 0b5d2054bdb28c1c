"""The media types that are read and written, each named once."""

JSON = "application/json"
NPY = "application/x-npy"
MULTIPART = "multipart/form-data"
PROBLEM = "application/problem+json"
ZIP = "application/zip"
CSV = "text/csv"
HTML = "text/html"
PNG = "image/png"
SVG = "image/svg+xml"
GIF = "image/gif"
WEBP = "image/webp"
APNG = "image/apng"
EVENT_STREAM = "text/event-stream"

ENCODED_IMAGES = (PNG, "image/jpeg", WEBP, "image/bmp", GIF)
"""What a body may be when it is one encoded image."""
SEVERAL_IMAGE_BODIES = (JSON, NPY, MULTIPART)
"""What a body may be where one image is not enough: for walks and maps."""
IMAGE_BODIES = (*SEVERAL_IMAGE_BODIES, *ENCODED_IMAGES)
LATENT_BODIES = (JSON, NPY)

LATENT_ANSWERS = (JSON, NPY)
IMAGE_ANSWERS = (JSON, PNG, NPY, ZIP)
ANIMATION_ANSWERS = (GIF, WEBP, APNG, PNG, NPY, ZIP, JSON)
MAP_ANSWERS = (JSON, CSV, PNG, SVG, EVENT_STREAM)
PLACEMENT_ANSWERS = (JSON, CSV)
