"""Writes tiny CIFAR-10 batches as the published ones were written (Python 2.7, numpy 1.16, cPickle protocol 2).

Two images per batch; byte j of image n (counted over all batches, the test batch last) is (37 n + 7 j + j // 32) % 256
and its label is (3 n + 6) % 10. `fortran_batch` is data_batch_1 with its array in column-major order.
"""

import cPickle
import os

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
names = ["data_batch_%d" % i for i in range(1, 6)] + ["test_batch"]


def write(name, content):
    with open(os.path.join(here, name), "wb") as file:
        cPickle.dump(content, file, 2)


for batch, name in enumerate(names):
    images = [2 * batch, 2 * batch + 1]
    rows = [[(37 * n + 7 * j + j // 32) % 256 for j in range(3072)] for n in images]
    content = {
        "batch_label": "training batch %d of 5" % (batch + 1),
        "labels": [(3 * n + 6) % 10 for n in images],
        "data": np.array(rows, dtype=np.uint8),
        "filenames": ["image_s_%06d.png" % n for n in images],
    }
    write(name, content)
    if batch == 0:
        content["data"] = np.asfortranarray(content["data"])
        write("fortran_batch", content)
