//! Published checkpoints (PyTorch state dicts) in and out.
