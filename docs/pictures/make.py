"""Draws the pictures of the book: `python3 docs/pictures/make.py` from the root of the repository.

Colours are of middle lightness, for light and dark pages alike."""
import csv
import math
import pathlib

FOLDER = pathlib.Path(__file__).parent
INK, BLUE, ORANGE, GREEN, PURPLE = "#808080", "#3b82c4", "#d9822b", "#3d9a5f", "#9a6bc4"


def svg(name, width, height, title, body):
    text = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" font-family="sans-serif" font-size="13" role="img" aria-label="{title}">
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{INK}"/></marker></defs>
{body}</svg>
"""
    (FOLDER / f"{name}.svg").write_text(text)


def line(x1, y1, x2, y2, colour=INK, head=True, width=1.4):
    end = ' marker-end="url(#head)"' if head else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="{width}"{end}/>\n'


def arc(path, colour=INK, dash=""):
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.4" stroke-dasharray="{dash}" marker-end="url(#head)"/>\n'


def dot(x, y, colour, r=5):
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="{colour}"/>\n'


def box(x, y, width, height, colour):
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{colour}" fill-opacity="0.15" stroke="{colour}" stroke-width="1.4"/>\n'


def text(x, y, words, colour=INK, anchor="middle"):
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}">{words}</text>\n'


def neuron():
    body = text(20, 22, "inputs x", anchor="start") + text(150, 22, "synapses w") + text(262, 22, "branches b")
    for branch in range(3):
        y = 60 + 70 * branch
        for i in range(3):
            at = y - 20 + 20 * i
            body += line(40, at, 138, at) + dot(146, at, BLUE) + line(152, at, 240, y + 2 * (i - 1), BLUE, False)
        body += dot(248, y, GREEN, 9) + line(258, y, 352, 130 + 12 * (branch - 1))
    body += box(356, 90, 90, 80, ORANGE) + text(401, 134, "MLP", ORANGE)
    body += line(446, 130, 528, 130) + text(488, 120, "Δm")
    taus = [12, 9, 6, 4]
    body += box(532, 60, 110, 140, PURPLE) + text(587, 50, "memory m", PURPLE)
    for i, tau in enumerate(taus):
        y, points = 90 + 32 * i, []
        for x in range(80):
            points.append(f"{548 + x},{y - 18 * math.exp(-x / (3 * 4 ** (i / 1.2))):.1f}")
        body += f'<polyline points="{" ".join(points)}" fill="none" stroke="{PURPLE}" stroke-width="1.6"/>\n'
    body += arc("M587 200 C587 262, 401 262, 401 174") + text(494, 264, "u: the memory, decayed")
    body += line(642, 130, 716, 130) + text(730, 134, "y", anchor="start") + text(680, 120, "linear")
    svg("neuron", 760, 280, "The ELM neuron", body)


def timescales():
    left, top, width, height = 60, 20, 620, 200
    body = line(left, top + height, left + width, top + height, INK, False) + line(left, top, left, top + height, INK, False)
    low, high = -1, 4  # powers of ten of ms

    def at(ms):
        return left + width * (math.log10(ms) - low) / (high - low)

    for power in range(low, high + 1):
        body += text(at(10**power), top + height + 18, f"{10.0**power:g} ms")
    for share in (0, 0.5, 1):
        body += text(left - 8, top + height * (1 - share) + 4, f"{share:g}", anchor="end")
    times = [10 ** (low + i * (high - low) / 300) for i in range(301)]
    for tau, colour in ((1, BLUE), (10, GREEN), (100, ORANGE), (1000, PURPLE)):
        points = [f"{at(t):.1f},{top + height * (1 - math.exp(-t / tau)):.1f}" for t in times]
        body += f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.8"/>\n'
        body += text(at(tau) + 12, top + height * (1 - math.exp(-1)) - 16, f"τ = {tau} ms", colour, "start")
    svg("timescales", 720, 260, "What is left of a memory unit over time", body)


def network():
    body = text(50, 24, "inputs") + text(270, 24, "layer of neurons") + text(490, 24, "last layer") + text(640, 24, "outputs")
    for i in range(4):
        body += dot(50, 60 + 50 * i, BLUE)
    for n in range(4):
        y = 60 + 50 * n
        for i in range(4):
            if (n * 3 + i * 2) % 4 != 1:
                body += line(56, 60 + 50 * i, 256, y, INK, False, 0.8)
        body += dot(270, y, GREEN, 13)
        for m in range(2):
            body += line(284, y, 476, 110 + 70 * m, INK, False, 0.8)
    for n in range(3):
        body += arc(f"M284 {60 + 50 * n} C330 {60 + 50 * n}, 330 {110 + 50 * n}, 286 {110 + 50 * n}", ORANGE, "4 3")
    body += arc("M284 210 C372 210, 372 60, 286 60", ORANGE, "4 3")
    body += text(330, 250, "one step later", ORANGE)
    for m in range(2):
        body += dot(490, 110 + 70 * m, PURPLE, 13) + line(504, 110 + 70 * m, 620, 110 + 70 * m)
    svg("network", 700, 270, "A network of ELM neurons", body)


def scaling():
    """Validation loss of each run of the sweep over sizes, with the laws through them (docs/results.md)."""
    rows = list(csv.DictReader(open(FOLDER.parent / "curves/scaling-spoken-digits.csv")))
    left, top, width, height = 70, 20, 500, 240
    x = lambda p: left + width * math.log(p / 13e3) / math.log(70e3 / 13e3)
    y = lambda loss: top + height * (2.35 - loss) / (2.35 - 1.85)
    body = line(left, top + height, left + width, top + height, INK, False) + line(left, top, left, top + height, INK, False)
    for p in (15000, 30000, 60000):
        body += text(f"{x(p):.1f}", top + height + 18, f"{p // 1000} 000")
    for loss in (1.9, 2.0, 2.1, 2.2, 2.3):
        body += text(left - 8, f"{y(loss) + 4:.1f}", loss, anchor="end")
    body += text(left + width / 2, top + height + 38, "trained parameters")
    body += f'<text transform="translate(22 {top + height / 2}) rotate(-90)" fill="{INK}" text-anchor="middle">validation loss (nats)</text>\n'
    for n, (memory, colour) in enumerate((("2", BLUE), ("5", ORANGE), ("10", GREEN))):
        points = [(float(r["params"]), float(r["valid_loss"])) for r in rows if r["network.num_memory"] == memory]
        logs = [(math.log(p), math.log(loss)) for p, loss in points]
        mx, my = (sum(v) / len(logs) for v in zip(*logs))
        slope = sum((a - mx) * (b - my) for a, b in logs) / sum((a - mx) ** 2 for a, _ in logs)
        law = [(p, math.exp(my + slope * (math.log(p) - mx))) for p in range(15000, 60001, 3000)]
        path = " ".join(f"{x(p):.1f},{y(loss):.1f}" for p, loss in law)
        body += f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>\n'
        body += "".join(dot(f"{x(p):.1f}", f"{y(loss):.1f}", colour, 4) for p, loss in points)
        body += text(left + width + 14, 60 + 24 * n, f"{memory} memory units: P^{slope:.3f}", colour, "start")
    svg("scaling", 780, 310, "Validation loss of networks on spoken digits against their trained parameters", body)


neuron()
timescales()
network()
scaling()
