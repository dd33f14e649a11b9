"""Draws examples/note.png: three lines of text, dark on light.

    pip install pillow==11.3.0
    python3 functions/text-reader/tools/draw_example.py
"""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

LINES = ["Order no. 2041", "Total: 84.50 EUR", "Due on 12 March"]


def main() -> None:
    picture = Image.new("L", (400, 190), 245)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(32)
    for index, line in enumerate(LINES):
        draw.text((30, 20 + 52 * index), line, fill=30, font=font)
    picture.save(Path(__file__).parent.parent / "examples" / "note.png", optimize=True)


if __name__ == "__main__":
    main()
