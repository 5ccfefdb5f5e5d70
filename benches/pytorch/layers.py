"""Times an ELM layer in PyTorch or JAX: python layers.py LIBRARY SIZE [RECURRENT] [FEED_FORWARD] [--threads N] [--seconds S]

One JSON line: forward pass without gradients and training step (loss, gradients of every parameter, Adam), median and
minimum in ms, and peak resident memory in MB. The baseline of `cargo run --release -p elm-benches --bin layers`.

LIBRARY       torch: the feed-forward share outside the loop, the loop scripted (`torch.jit.script`) with a hand-written gradient;
              jax: the same, the loop a `lax.scan`, the whole training step under `jit`.
SIZE          shd (SHD-Adding: 96 neurons, M 5, D 30 x 10, 1000 steps, 700 channels with 3 % spikes, a quarter of the
              synapses recurrent) or enwik8 (1024 neurons, M 15, D 50 x 15, 100 steps, tokens out of 204, 80 % recurrent);
              batch 8, relu^2, high-pass, relu.
RECURRENT     how the recurrent share is computed in each step: `dense` (one product with a [N, N * D] matrix) or
              `gather` (each synapse reads its source).
FEED_FORWARD  how the feed-forward share is computed before the loop: `dense` (one product with an [I, N * D] matrix),
              `sparse` (the same with a sparse input; torch only) or `embedding` (rows of that matrix by token).
What fits a size best differs; time all and compare with the best.
"""
import argparse
import json
import math
import os
import resource
import statistics
import time

parser = argparse.ArgumentParser()
parser.add_argument("library", choices=["torch", "jax"])
parser.add_argument("size", choices=["shd", "enwik8"])
parser.add_argument("recurrent", nargs="?", choices=["dense", "gather"], default="dense")
parser.add_argument("feed_forward", nargs="?", choices=["dense", "sparse", "embedding"], default="dense")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--seconds", type=float, default=6.0)
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import numpy as np

SIZES = {
    "shd": dict(inputs=700, neurons=96, memory=5, branches=30, per_branch=10, time=1000, recurrent=0.25, tau=(1, 500), high_pass=5.0, dt=2.0),
    "enwik8": dict(inputs=204, neurons=1024, memory=15, branches=50, per_branch=15, time=100, recurrent=0.8, tau=(0.1, 100), high_pass=2.0, dt=1.0),
}
S = SIZES[args.size]
B, T, I, N, M, D, P = 8, S["time"], S["inputs"], S["neurons"], S["memory"], S["branches"], S["per_branch"]
H, SCALE = 2 * M, 10.0
KR = math.exp(-S["dt"] / S["high_pass"])
rng = np.random.default_rng(0)


def uniform(shape, bound):
    return rng.uniform(-bound, bound, shape).astype(np.float32)


# the wiring: each synapse recurrent with a probability, uniform within its group
source = np.where(rng.random((N, D * P)) < S["recurrent"], I + rng.integers(0, N, (N, D * P)), rng.integers(0, I, (N, D * P)))
params = dict(
    w_s=uniform((N, D * P), 1 / math.sqrt(P)),
    w1b=uniform((N, D, H), 1 / math.sqrt(D + M)), w1m=uniform((N, M, H), 1 / math.sqrt(D + M)), b1=uniform((N, 1, H), 1 / math.sqrt(D + M)),
    w2=uniform((N, H, M), 1 / math.sqrt(H)), b2=uniform((N, 1, M), 1 / math.sqrt(H)),
    w_y=uniform((N, M), 1 / math.sqrt(M)), b=np.zeros((N, 1), np.float32),
)
tau = np.geomspace(*S["tau"], M).astype(np.float32)
kappa, gate = np.exp(-S["dt"] / tau), 1 - np.exp(-S["dt"] * 5.0 / tau)
tokens = rng.integers(0, I, (B, T))
x = np.zeros((B, T, I), np.float32)
if args.size == "enwik8":
    np.put_along_axis(x, tokens[..., None], 3.0, -1)
else:
    x[rng.random(x.shape) < 0.03] = 1.0
g = rng.standard_normal((T, N, B)).astype(np.float32)

# synapses by kind, with the place [N * D] of their branch; the gathered recurrent ones padded to one width per neuron
branch = np.repeat(np.arange(N * D).reshape(N, D), P, 1)
is_rec = source >= I
ff, rec = np.nonzero(~is_rec.ravel())[0], np.nonzero(is_rec.ravel())[0]
# gather form: all synapses of a branch side by side; a feed-forward one reads a constant 0
rec_source = np.where(is_rec, source - I, N)


def measure(f):
    for _ in range(3):
        f()
    wall, start = [], time.perf_counter()
    while (time.perf_counter() - start < args.seconds and len(wall) < 60) or len(wall) < 3:
        a = time.perf_counter()
        f()
        wall.append((time.perf_counter() - a) * 1e3)
    return dict(median=statistics.median(wall), min=min(wall), n=len(wall))


def torch_steps():
    import torch

    torch.set_num_threads(args.threads)
    torch._C._jit_set_profiling_executor(False)  # else it optimises for minutes before the first result
    p = {k: torch.nn.Parameter(torch.from_numpy(v)) for k, v in params.items()}
    t_kappa, t_gate = torch.from_numpy(kappa.astype(np.float32)), torch.from_numpy(gate.astype(np.float32))
    t_ff, t_rec = torch.from_numpy(ff), torch.from_numpy(rec)
    flat = torch.from_numpy(source.ravel())
    place = torch.from_numpy(branch.ravel())
    ff_index, rec_index = flat[t_ff] * (N * D) + place[t_ff], (flat[t_rec] - I) * (N * D) + place[t_rec]
    t_source = torch.from_numpy(rec_source.ravel())
    t_x, t_tokens, t_g = torch.from_numpy(x.reshape(B * T, I)), torch.from_numpy(tokens), torch.from_numpy(g)
    t_sparse = t_x.to_sparse_csr() if args.feed_forward == "sparse" else t_x

    def matrix(rows, index, weights):
        return torch.zeros(rows * N * D).index_add(0, index, weights).view(rows, N * D)

    def feed_forward(w):
        weight = matrix(I, ff_index, w.flatten()[t_ff] * SCALE)
        if args.feed_forward == "embedding":
            return torch.nn.functional.embedding(t_tokens.T, weight * 3.0)
        if args.feed_forward == "sparse":
            return torch.sparse.mm(t_sparse, weight).view(B, T, N * D).transpose(0, 1)
        return (t_x @ weight).view(B, T, N * D).transpose(0, 1)

    # Both loops are scripted and have a hand-written gradient: autograd through a thousand scripted steps is slower by far.
    # States are [N, B, ...], so that one batched product serves all neurons; a recurrent share is one product with a
    # [N, N * D] matrix, or where `per_branch` is above 0, a gather of [N * D * P] rows of sources, weighted and summed.
    @torch.jit.script
    def forward_loop(drive, w_rec, source, per_branch: int, w1, b1, w2, b2, w_y, b, kappa, gate, kr: float, keep: bool):
        steps, batch, n, m, h = drive.size(0), drive.size(1), w1.size(0), kappa.size(0), w1.size(2)
        d = w1.size(1) - m
        kept = steps if keep else 1
        joined, hidden = torch.empty(kept, n, batch, d + m), torch.empty(kept, n, batch, h)
        tanh, memories = torch.empty(kept, n, batch, m), torch.empty(kept, n, batch, m)
        out, mags = torch.empty(steps + 1, n, batch), torch.zeros(n, batch)
        memory, mean, nothing = torch.zeros(n, batch, m), torch.zeros(n, batch), torch.zeros(1, batch)
        out[0] = 0.0
        for t in range(steps):
            k = t if keep else 0
            j = joined[k]
            if per_branch > 0:
                rows = torch.embedding(torch.cat([out[t], nothing], 0), source).view(n * d, per_branch, batch)
                sums = torch.einsum("dpb,dp->db", [rows, w_rec]).view(n, d, batch).transpose(1, 2)
                torch.add(sums, drive[t].view(batch, n, d).transpose(0, 1), out=j[:, :, :d])
            else:
                j[:, :, :d] = torch.addmm(drive[t], out[t].t(), w_rec).view(batch, n, d).transpose(0, 1)
            u = j[:, :, d:]
            torch.mul(memory, kappa, out=u)
            r = torch.baddbmm(b1, j, w1).clamp_min_(0.0)
            hidden[k] = r
            z = torch.baddbmm(b2, r * r, w2)
            mags += z.abs().mean(2)
            th = torch.tanh(z * 0.6666666666666666)
            tanh[k] = th
            memory = torch.addcmul(u, gate, th, value=1.7159)
            memories[k] = memory
            o = (memory * w_y).sum(2)
            mean = kr * mean + (1.0 - kr) * o
            out[t + 1] = (o - mean + b).clamp_min_(0.0)
        return out, mags, joined, hidden, tanh, memories

    @torch.jit.script
    def backward_loop(g_out, g_mags, out, joined, hidden, tanh, w_rec, source, per_branch: int, w1, w2, w_y, kappa, gate, kr: float):
        steps, n, batch, m = tanh.size(0), tanh.size(1), tanh.size(2), tanh.size(3)
        d = w1.size(1) - m
        d_hidden, d_z, d_o, d_v = torch.empty_like(hidden), torch.empty_like(tanh), torch.empty(steps, n, batch), torch.empty(steps, n, batch)
        d_branch = torch.empty(steps, batch, n * d)
        d_w_rec = torch.zeros_like(w_rec)
        d_memory, d_mean, d_a = torch.zeros(n, batch, m), torch.zeros(n, batch), torch.zeros(n, batch)
        w1t, w2t, factor = w1.transpose(1, 2), w2.transpose(1, 2), gate * (1.7159 * 0.6666666666666666)
        d_mag = (g_mags / m).unsqueeze(2)
        for s in range(steps):
            t = steps - 1 - s
            v = (g_out[t] + d_a) * (out[t + 1] > 0)
            d_mean = kr * d_mean - v
            o = v + (1.0 - kr) * d_mean
            d_v[t] = v
            d_o[t] = o
            d_memory = d_memory + o.unsqueeze(2) * w_y
            th = tanh[t]
            z = d_memory * factor * (1.0 - th * th) + d_mag * th.sign()
            d_z[t] = z
            h = torch.bmm(z, w2t) * (2.0 * hidden[t])
            d_hidden[t] = h
            j = torch.bmm(h, w1t)
            d_memory = (d_memory + j[:, :, d:]) * kappa
            br = j[:, :, :d]
            flat = d_branch[t]
            flat.view(batch, n, d).copy_(br.transpose(0, 1))
            if per_branch > 0:
                column = br.transpose(1, 2).reshape(n * d, batch)
                rows = torch.embedding(torch.cat([out[t], torch.zeros(1, batch)], 0), source).view(n * d, per_branch, batch)
                d_w_rec += torch.einsum("dpb,db->dp", [rows, column])
                scattered = (w_rec.unsqueeze(2) * column.unsqueeze(1)).view(-1, batch)
                d_a = torch.zeros(n + 1, batch).index_add_(0, source, scattered)[:n]
            else:
                d_a = (flat @ w_rec.t()).t()
        return d_branch, d_hidden, d_z, d_o, d_v, d_w_rec

    class Loop(torch.autograd.Function):
        @staticmethod
        def forward(ctx, drive, w_rec, per_branch, w1, b1, w2, b2, w_y, b):
            keep = torch.is_grad_enabled() or any(ctx.needs_input_grad)
            out, mags, *kept = forward_loop(drive, w_rec, t_source, per_branch, w1, b1, w2, b2, w_y, b, t_kappa, t_gate, KR, keep)
            ctx.save_for_backward(out, w_rec, w1, w2, w_y, *kept)
            ctx.per_branch = per_branch
            return out[1:], mags

        @staticmethod
        def backward(ctx, g_out, g_mags):
            out, w_rec, w1, w2, w_y, joined, hidden, tanh, memories = ctx.saved_tensors
            d_branch, d_hidden, d_z, d_o, d_v, d_w_rec = backward_loop(
                g_out, g_mags, out, joined, hidden, tanh, w_rec, t_source, ctx.per_branch, w1, w2, w_y, t_kappa, t_gate, KR)
            rows = lambda v: v.transpose(0, 1).reshape(N, T * B, v.shape[-1])
            d_w1 = torch.bmm(rows(joined).transpose(1, 2), rows(d_hidden))
            d_w2 = torch.bmm(rows(hidden * hidden).transpose(1, 2), rows(d_z))
            d_w_y = torch.bmm(rows(d_o.unsqueeze(3)).transpose(1, 2), rows(memories))
            if ctx.per_branch == 0:
                d_w_rec = out[:-1].permute(1, 0, 2).reshape(N, T * B) @ d_branch.reshape(T * B, N * D)
            return (d_branch, d_w_rec, None, d_w1, d_hidden.sum((0, 2)).unsqueeze(1), d_w2, d_z.sum((0, 2)).unsqueeze(1), d_w_y, d_v.sum((0, 2)).unsqueeze(1))

    def layer():
        w1 = torch.cat([p["w1b"], p["w1m"]], 1)
        rest = (w1, p["b1"], p["w2"], p["b2"], p["w_y"].unsqueeze(1), p["b"])
        drive = feed_forward(p["w_s"])
        if args.recurrent == "dense":
            return Loop.apply(drive, matrix(N, rec_index, p["w_s"].flatten()[t_rec] * SCALE), 0, *rest)
        return Loop.apply(drive, (p["w_s"] * SCALE).view(N * D, P), P, *rest)

    optimizer = torch.optim.Adam(p.values(), lr=5e-4)

    def forward():
        with torch.no_grad():
            return layer()

    def train():
        optimizer.zero_grad()
        out, mags = layer()
        loss = (out * t_g).mean() + 0.01 * ((mags / T) ** 2).mean() + 0.1 * torch.relu(out).mean()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return forward, train


def jax_steps():
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=" + ("true" if args.threads > 1 else "false")
    import jax
    import jax.numpy as jnp

    ff_place, rec_place = branch.ravel()[ff], branch.ravel()[rec]
    ff_src, rec_src = source.ravel()[ff], source.ravel()[rec] - I
    jx, jt, jg = jnp.asarray(x), jnp.asarray(tokens), jnp.asarray(g)
    j_kappa, j_gate = jnp.asarray(kappa, jnp.float32), jnp.asarray(gate, jnp.float32)
    j_source = jnp.asarray(rec_source.ravel())

    def layer(p):
        w = p["w_s"].ravel() * SCALE
        weight = jnp.zeros((I, N * D)).at[ff_src, ff_place].add(w[ff])
        if args.feed_forward == "embedding":
            drive = weight[jt.T] * 3.0
        else:
            drive = jnp.einsum("bti,io->tbo", jx, weight)
        if args.recurrent == "dense":
            w_rec = jnp.zeros((N, N * D)).at[rec_src, rec_place].add(w[rec])
        else:
            w_all = w.reshape(N * D, P)
        w1 = jnp.concatenate([p["w1b"], p["w1m"]], 1)

        def step(state, drive):
            memory, mean, a, mags = state
            if args.recurrent == "dense":
                b_t = (drive + a.T @ w_rec).reshape(B, N, D).transpose(1, 0, 2)
            else:
                rows = jnp.concatenate([a, jnp.zeros((1, B))])[j_source].reshape(N * D, P, B)
                b_t = jnp.einsum("dpb,dp->db", rows, w_all).reshape(N, D, B).transpose(0, 2, 1) + drive.reshape(B, N, D).transpose(1, 0, 2)
            u = j_kappa * memory
            h = jax.nn.relu(jnp.einsum("nbi,nih->nbh", jnp.concatenate([b_t, u], 2), w1) + p["b1"])
            z = jnp.einsum("nbh,nhm->nbm", h * h, p["w2"]) + p["b2"]
            memory = u + j_gate * 1.7159 * jnp.tanh(z * (2 / 3))
            o = (memory * p["w_y"][:, None]).sum(2)
            mean = KR * mean + (1 - KR) * o
            a = jax.nn.relu(o - mean + p["b"])
            return (memory, mean, a, mags + jnp.abs(z).mean(2)), a

        start = (jnp.zeros((N, B, M)), jnp.zeros((N, B)), jnp.zeros((N, B)), jnp.zeros((N, B)))
        (_, _, _, mags), out = jax.lax.scan(step, start, drive)
        return out, mags

    def loss(p):
        out, mags = layer(p)
        return (out * jg).mean() + 0.01 * ((mags / T) ** 2).mean() + 0.1 * jax.nn.relu(out).mean()

    @jax.jit
    def update(p, m, v, t):
        value, grads = jax.value_and_grad(loss)(p)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        scale = lambda m, v: 5e-4 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
        return value, jax.tree.map(lambda p, m, v: p - scale(m, v), p, m, v), m, v

    state = {"p": {k: jnp.asarray(v) for k, v in params.items()}, "t": 0}
    state["m"] = jax.tree.map(jnp.zeros_like, state["p"])
    state["v"] = state["m"]
    infer = jax.jit(layer)

    def forward():
        return jax.block_until_ready(infer(state["p"]))

    def train():
        state["t"] += 1
        value, state["p"], state["m"], state["v"] = update(state["p"], state["m"], state["v"], state["t"])
        return float(jax.block_until_ready(value))

    return forward, train


forward, train = torch_steps() if args.library == "torch" else jax_steps()
first = train()
out = dict(library=args.library, size=args.size, recurrent=args.recurrent, feed_forward=args.feed_forward, threads=args.threads,
           first_loss=first, load=os.getloadavg()[0])
out["forward_ms"] = measure(forward)
out["train_ms"] = measure(train)
out["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(out))
