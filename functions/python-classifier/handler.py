"""Says which digit a 28 by 28 picture shows. The weights are loaded once; a call only runs the model."""

import io

import numpy as np
import torch
from dcf_worker import DcfError
from PIL import Image, UnidentifiedImageError

SIDE = 28


class Handler:
    def __init__(self, context):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with np.load(context.resources["weights"]) as weights:
            self.model = torch.nn.Linear(SIDE * SIDE, 10)
            self.model.weight.data = torch.from_numpy(weights["weight"].astype(np.float32))
            self.model.bias.data = torch.from_numpy(weights["bias"])
        self.model.to(self.device).eval()
        context.logger.info("weights loaded on %s", self.device)

    def __call__(self, req):
        return self.score([pixels(req.input)])[0]

    def call_batch(self, reqs):
        """All pictures of a batch go through the model at once; a bad one fails alone."""
        found = [attempt(req.input) for req in reqs]
        answers = iter(self.score([each for each in found if isinstance(each, np.ndarray)]))
        return [next(answers) if isinstance(each, np.ndarray) else each for each in found]

    def score(self, pictures):
        if not pictures:
            return []
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(pictures)).to(self.device)
            scores = torch.softmax(self.model(batch), dim=1).cpu().numpy()
        return [{"digit": int(row.argmax()), "confidence": float(row.max())} for row in scores]


def pixels(data):
    """The 784 values of a picture, 0 to 1. Raises DcfError INVALID_ARGUMENT when it is none, or of another size."""
    try:
        picture = Image.open(io.BytesIO(data)).convert("L")
    except (UnidentifiedImageError, OSError) as error:
        raise DcfError("INVALID_ARGUMENT", f"the input cannot be read as a picture: {error}") from None
    if picture.size != (SIDE, SIDE):
        raise DcfError("INVALID_ARGUMENT", f"the picture has {picture.width} x {picture.height} pixels, not {SIDE} x {SIDE}")
    return np.asarray(picture, np.float32).ravel() / 255


def attempt(data):
    try:
        return pixels(data)
    except DcfError as error:
        return error
