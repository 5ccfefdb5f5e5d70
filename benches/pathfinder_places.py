#!/usr/bin/env python3
"""Where the two markers of Pathfinder's images lie, as arrays to train on: pathfinder_places.py IMAGES OUT.npz [COUNT]

IMAGES is a folder of `elm data generate pathfinder`, with `imgs` and `metadata` in it. x is [sample, pixel, 3], encoded as
by the recipe `pathfinder` with data.column_channels; y is [sample, 4], row and column of the upper marker and of the lower.
Needs numpy and pillow.
"""

import pathlib
import sys

import numpy as np
from PIL import Image

RADIUS = 3  # pixels around a marker in which no other begins


def box_means(image):
    """Means over 3 x 3 pixels; beyond the edge the image goes on mirrored."""
    wide = np.pad(image, 1, mode="symmetric")
    rows, columns = image.shape
    return sum(wide[i : i + rows, j : j + columns] for i in range(3) for j in range(3)) / 9


def markers(image):
    """The centres of the two brightest discs, from above."""
    means = box_means(image)
    first = np.unravel_index(means.argmax(), means.shape)
    rows, columns = (slice(max(0, at - RADIUS), at + RADIUS + 1) for at in first)
    means[rows, columns] = 0
    second = np.unravel_index(means.argmax(), means.shape)
    return np.ravel(sorted([first, second]))


def images(folder):
    """The images in the order of their metadata, values 0 to 1."""
    for part in range(len(list((folder / "metadata").iterdir()))):
        for line in (folder / "metadata" / f"{part}.npy").read_text().splitlines():
            where, name = line.split()[:2]
            yield np.asarray(Image.open(folder / where / name).convert("L"), dtype=np.float32) / 255


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__.splitlines()[0])
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) == 4 else 12_000
    pictures = np.stack([image for _, image in zip(range(count), images(folder))])
    y = np.stack([markers(image) for image in pictures]).astype(np.float32)
    side = pictures.shape[1]
    turn = 2 * np.pi * (np.arange(side * side) % side) / side
    x = np.empty((len(pictures), side * side, 3), np.float32)
    x[..., 0] = 2 * pictures.reshape(len(pictures), -1) - 1
    x[..., 1], x[..., 2] = np.sin(turn), np.cos(turn)
    np.savez(sys.argv[2], x=x, y=y)


if __name__ == "__main__":
    main()
