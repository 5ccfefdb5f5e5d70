"""Writes 8 x 8 images of every kind of PNG (needs Pillow), and a zipped text as Python zips it.

Pixel (x, y) is red 31 x + 7 y, green 5 x + 50 y, blue 90 x + y, each modulo 256; grey ones take the red value.
"""

import pathlib
import zipfile

from PIL import Image

here = pathlib.Path(__file__).parent
pixels = [(x, y) for y in range(8) for x in range(8)]
colours = [((31 * x + 7 * y) % 256, (5 * x + 50 * y) % 256, (90 * x + y) % 256) for x, y in pixels]


def write(name, mode, values, palette=None):
    image = Image.new(mode, (8, 8))
    if palette:
        image.putpalette(palette)
    image.putdata(values)
    image.save(here / f"{name}.png")


write("grey", "L", [r for r, _, _ in colours])
write("grey_alpha", "LA", [(r, 3 * i) for i, (r, _, _) in enumerate(colours)])
write("grey16", "I;16", [256 * r + g for r, g, _ in colours])
write("bilevel", "1", [255 * (r >= 128) for r, _, _ in colours])
write("rgb", "RGB", colours)
write("rgba", "RGBA", [(*c, 3 * i) for i, c in enumerate(colours)])
# Palette entry i is (16 i, 255 - 16 i, 7 i); pixel (x, y) is entry x + y.
write("palette", "P", [x + y for x, y in pixels], [v for i in range(16) for v in (16 * i, 255 - 16 * i, 7 * i)])

with zipfile.ZipFile(here / "text.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr(zipfile.ZipInfo("enwik8", (2006, 3, 4, 0, 0, 0)), b"abracadabra, " * 40, zipfile.ZIP_DEFLATED)
