"""Guesses the language of a text by how often its letters come. The model is a directory with a file for each language."""

import json
import os
from math import sqrt
from pathlib import Path

LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßéèàçñáíóú"

profiles = {}


def initializer(context):
    """Reads the model once, before the first call."""
    folder = Path(os.environ["MODEL_DIR"])
    for path in sorted(folder.glob("*.json")):
        profiles[path.stem] = direction(json.loads(path.read_text(encoding="utf-8")))
    context.logger.info("%d languages in %s", len(profiles), folder)


def handler(event, context):
    """Answers with the most likely language and how near the text is to each, 0 to 1."""
    text = event.decode("utf-8", errors="replace").lower()
    counts = direction({letter: text.count(letter) for letter in LETTERS})
    if not counts:
        raise ValueError("the text has no letters")
    near = {name: round(nearness(counts, profile), 4) for name, profile in profiles.items()}
    return {"language": max(near, key=near.get), "nearness": near, "request": context.request_id}


def direction(counts):
    """The counts, scaled to length 1; empty when there are none."""
    length = sqrt(sum(count * count for count in counts.values()))
    return {letter: count / length for letter, count in counts.items()} if length > 0 else {}


def nearness(one, other):
    return sum(value * other.get(letter, 0.0) for letter, value in one.items())
