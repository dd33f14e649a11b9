"""Says how large a picture is, which comes as base64 text."""

import base64
import binascii
import io

from dcf_worker import DcfError
from PIL import Image, UnidentifiedImageError

# The limit is our own, so that the refusal names the size.
Image.MAX_IMAGE_PIXELS = None


class Handler:
    def __init__(self, parameters):
        self.maximum_pixels = parameters["maximumPixels"]

    def __call__(self, req):
        """Raises DcfError INVALID_ARGUMENT when the input is not base64, not a picture, or a picture of too many pixels."""
        try:
            data = base64.b64decode(b"".join(req.input.split()), validate=True)
        except binascii.Error as error:
            raise DcfError("INVALID_ARGUMENT", f"the input is not base64 text: {error}") from None
        try:
            # Reads the header only.
            with Image.open(io.BytesIO(data)) as picture:
                (width, height), format = picture.size, picture.format
        except UnidentifiedImageError:
            raise DcfError("INVALID_ARGUMENT", "the input is base64, but not a picture in a known format") from None
        if width * height > self.maximum_pixels:
            message = f"the picture has {width} x {height} pixels: up to {self.maximum_pixels} are allowed"
            raise DcfError("INVALID_ARGUMENT", message)
        return {"width": width, "height": height, "format": format.lower()}
