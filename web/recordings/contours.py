"""Makes images of dashed contours, as a visitor draws them: an easier relative of Pathfinder with few distractors.

python contours.py COUNT SEED OUT.npz       (needs numpy and pillow)
python contours.py --examples contours.u8

`x` [sample, row, column] in 0..1, `y` "apart" or "joined", `split` by image; those to train on are there turned and mirrored
as well. The two bright ends are those of one contour (joined) or one of each of two (apart); up to three short ones lie about.
`models/pathfinder-contours.safetensors` learnt from 12 000 of them (seed 1) row by row, in 14 minutes on a busy processor:

elm train --recipe arrays --set 'data.train=["contours.npz"]' --set model.num_memory=64 --set model.activation=silu \
    --set model.memory_tau_max=50 --set train.batch_size=64 --set train.learning_rate=2e-3 --set train.warmup_steps=300 \
    --set train.minutes=14

Accuracy on 1200 others 87.8 % (AUC 0.957; its tenth epoch of 24 validated best); 76.6 % on 500 with contours of 18 to 34
pixels, longer than most that it learnt from, and always two of them.
"""

import sys

import numpy as np
from PIL import Image, ImageDraw

SIDE, FINE = 32, 8
DASH, GAP, THICKNESS, GREY, DOT = 2.6, 2.2, 0.9, 180, 1.35
MARGIN, APART, STEP = 2.0, 3.0, 0.5
LENGTH = 6, 24
# share of the joined ones that have no second contour
ALONE = 0.25


def walk(rng, length, others):
    """A smooth curve that keeps away from others and from itself, or None."""
    points = [rng.uniform(MARGIN, SIDE - MARGIN, 2)]
    heading, curvature = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.12)
    for i in range(int(length / STEP)):
        curvature = 0.9 * curvature + rng.normal(0, 0.05)
        heading += np.clip(curvature, -0.35, 0.35) * STEP * 2
        point = points[-1] + STEP * np.array([np.cos(heading), np.sin(heading)])
        if point.min() < MARGIN or point.max() > SIDE - MARGIN:
            return None
        if len(others) and np.min(np.sum((others - point) ** 2, 1)) < APART**2:
            return None
        old = points[: -int(2 * APART / STEP)]
        if old and np.min(np.sum((np.array(old) - point) ** 2, 1)) < (0.8 * APART) ** 2:
            return None
        points.append(point)
    return np.array(points)


def dashes(draw, points):
    period, on = (DASH + GAP) / STEP, DASH / STEP
    for start in np.arange(0, len(points) - 1, period):
        piece = points[int(start) : int(min(start + on, len(points) - 1)) + 1]
        if len(piece) > 1:
            draw.line([tuple(p * FINE) for p in piece], fill=GREY, width=round(THICKNESS * FINE))


def image(rng, joined):
    while True:
        first = walk(rng, rng.uniform(*LENGTH), [])
        if first is None:
            continue
        if joined and rng.random() < ALONE:
            second = None
            break
        tries = (walk(rng, rng.uniform(*LENGTH), first) for _ in range(30))
        second = next((curve for curve in tries if curve is not None), None)
        if second is not None:
            break
    curves = [first] if second is None else [first, second]
    for _ in range(rng.integers(0, 4)):
        short = walk(rng, rng.uniform(3, 8), np.concatenate(curves))
        if short is not None:
            curves.append(short)
    fine = Image.new("L", (SIDE * FINE, SIDE * FINE))
    draw = ImageDraw.Draw(fine)
    for curve in curves:
        dashes(draw, curve)
    for x, y in [first[0], first[-1] if joined else second[0]]:
        draw.ellipse([(x - DOT) * FINE, (y - DOT) * FINE, (x + DOT) * FINE, (y + DOT) * FINE], fill=255)
    return np.asarray(fine.resize((SIDE, SIDE), Image.BOX))


def examples(path):
    """Images that the page shows, joined and apart in turn, of a seed that none learn from."""
    rng = np.random.default_rng(1000)
    np.stack([image(rng, i % 2 == 0) for i in range(16)]).tofile(path)


if __name__ == "__main__":
    if sys.argv[1] == "--examples":
        sys.exit(examples(sys.argv[2]))
    count, seed, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = np.stack([image(rng, label) for label in labels])
    parts = np.where(np.arange(count) % 10 < 8, 0, np.arange(count) % 10 - 7)
    # turned and mirrored they are other images to learn from; none of them validates or tests
    views = [images] + [np.rot90(images[parts == 0], k, (1, 2)) for k in (1, 2, 3)]
    views += [np.swapaxes(view[: np.sum(parts == 0)] if i else view[parts == 0], 1, 2) for i, view in enumerate(views)]
    copies = len(views) - 1
    labels = np.concatenate([labels] + copies * [labels[parts == 0]])
    parts = np.concatenate([parts] + copies * [parts[parts == 0]])
    np.savez(
        out,
        x=(np.concatenate(views) / 255).astype(np.float32),
        y=np.array(["apart", "joined"])[labels],
        split=np.array(["train", "valid", "test"])[parts],
    )
