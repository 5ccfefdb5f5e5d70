#!/usr/bin/env python3
"""Memory against time for train.memory_budget: a training step at the size of Path-X under ever smaller budgets.

Every measurement is a process of its own (`elm bench`), so that peak memory and times are its own; ratios are against the run
whose backward pass keeps everything. Processor time counts, as it does not depend on what else the machine does.

    cargo build --release && python3 benches/memory_budget.py [--batch 2] [--rounds 3] [--elm target/release/elm]
"""

import argparse
import json
import statistics
import subprocess

# MB; none keeps all
BUDGETS = [None, 100, 50, 25, 12, 6, 3, 1]


def measured(args, budget):
    command = [args.elm, "bench", "--config", "lra_m100", "--json", "--seconds", "0"]
    command += ["--batch", str(args.batch), "--steps", str(args.steps), "--threads", str(args.threads)]
    # more than any machine has, in place of a share of what this one has
    command += ["--memory-budget", str(10**9 if budget is None else budget)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    train = found["train_ms"]
    return found["peak_mb"], train["processor"] or train["median"], train["min"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elm", default="target/release/elm")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=16384)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    rows = {budget: [] for budget in BUDGETS}
    # in turns, so that a slow hour of the machine is shared by all
    for _ in range(args.rounds):
        for budget in BUDGETS:
            rows[budget].append(measured(args, budget))
    peak, processor, least = (
        {budget: of(run[place] for run in runs) for budget, runs in rows.items()}
        for place, of in enumerate([max, statistics.median, min])
    )
    print(f"M 100, batch {args.batch}, {args.steps} steps, {args.threads} thread(s), {args.rounds} rounds")
    print(f"{'budget MB':>9}  {'peak MB':>8}  {'of all':>6}  {'step ms (processor)':>19}  {'of all':>6}  {'step ms (min)':>13}")
    for budget in BUDGETS:
        print(
            f"{budget or 'all':>9}  {peak[budget]:>8.0f}  {peak[budget] / peak[None]:>6.2f}  {processor[budget]:>19.0f}  "
            f"{processor[budget] / processor[None]:>6.2f}  {least[budget]:>13.0f}"
        )


if __name__ == "__main__":
    main()
