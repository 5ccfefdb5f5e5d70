"""Writes the small arrays beside it (needs numpy and safetensors): one content, the ways in which Python can save it."""

import pathlib

import numpy as np
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent
s, t, c = np.meshgrid(np.arange(4), np.arange(5), np.arange(2), indexing="ij")
x = s * 100 + t * 10 + c + 0.5  # [sample, time, channel]
lengths = np.array([5, 2, 4, 1])
y = np.array([7, -1, 7, 30])
names = np.array(["wake", "sleep", "wake", "été"])
meta = {"lengths": lengths, "group": np.array(["a", "b", "a", "c"]), "split": np.array(["train", "val", "train", "test"])}

np.savez(here / "stored.npz", x=x.astype(np.float32), y=y, **meta)
np.savez_compressed(here / "deflated.npz", x=x.astype(np.float32), y=y, **meta)
np.savez(here / "fortran.npz", x=np.asfortranarray(x.astype(">f8")), y=names, lengths=lengths.astype(">i2"))
np.savez(here / "list.npz", **{f"x_{i}": x[i, :n].astype(np.float16) for i, n in enumerate(lengths)}, y=np.char.encode(names, "utf-8"))
save_file({"x": x.astype(np.float32), "y": y, "lengths": lengths.astype(np.int32)}, here / "tensors.safetensors")
np.save(here / "X_train.npy", x)
np.save(here / "y_train.npy", (y / 2.0).astype(np.float32))
with open(here / "version3.npy", "wb") as file:
    np.lib.format.write_array(file, x[:, :, 0].astype(np.int16), version=(3, 0))

steps = np.arange(20).reshape(4, 5) % 3
np.savez(here / "steps.npz", x=x, y=steps, lengths=lengths)
np.savez(here / "regress_steps.npz", x=x, y=-x, lengths=lengths)
np.savez(here / "objects.npz", x=np.array([x[0], x[1, :2]], dtype=object), y=y[:2])

kinds = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]
numbers = np.array([[0, 1, 2], [3, 100, 1]])
np.savez_compressed(
    here / "types.npz",
    **{f"{order}_{k}".replace("?", "b"): numbers.astype(f"{sign}{k}")
       for k in kinds for order, sign in [("little", "<"), ("big", ">")]},
)

# events of SHD's form: sample 1 has none, two events of sample 2 share a bin
np.savez(
    here / "events.npz",
    sample=np.array([0, 2, 0, 2, 2]),
    time=np.array([0.001, 0.0301, 0.025, 0.0399, 0.0]),
    channel=np.array([4, 1, 0, 1, 2], np.uint16),
    y=np.array([0, 1, 1]),
)
