"""browse.py FOLDER [PICTURES]: opens report.html and curves.svg of the runs that `clsattn compare` left in FOLDER, and
its compare.html, in headless Chromium, and holds them against metrics.jsonl. With PICTURES, a folder, it also leaves
pictures of the pages there, to be looked at. Speaks Chromium's DevTools protocol over a pipe, so nothing but Python
itself is needed."""

import json
import math
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 60  # seconds for an answer
failures = 0


def check(held, what):
    global failures
    if not held:
        failures += 1
        print("FAIL:", what, file=sys.stderr)


class Browser:
    """One page in one Chromium."""

    def __init__(self, profile):
        read_end, self.to = os.pipe()
        self.back, write_end = os.pipe()
        program = "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
        program += f"--user-data-dir={profile} --remote-debugging-pipe about:blank 3<&{read_end} 4>&{write_end}"
        self.process = subprocess.Popen(["bash", "-c", program], pass_fds=(read_end, write_end),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(read_end)
        os.close(write_end)
        self.rest, self.number, self.session, self.events = b"", 0, None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(domain + ".enable")

    def close(self):
        self.session = None
        self.ask("Browser.close")
        self.process.wait(PATIENCE)

    def message(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            if not select.select([self.back], [], [], max(0, end - time.monotonic()))[0]:
                sys.exit("Chromium does not answer")
            got = os.read(self.back, 1 << 16)
            if not got:
                sys.exit("Chromium ended by itself")
            self.rest += got
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def ask(self, method, **parameters):
        self.number += 1
        question = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            question["sessionId"] = self.session
        os.write(self.to, json.dumps(question).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def run(self, script):
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            sys.exit(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def show(self, width, height=900, dark=False):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                 mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")

    def open(self, path):
        """Nothing may be said on the console, and nothing but the file itself be asked for."""
        self.events = []
        self.ask("Page.navigate", url=path.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())
        self.run("0")
        for event in self.events:
            name, what = event["method"], event["params"]
            if name == "Network.requestWillBeSent":
                url = what["request"]["url"]
                check(url == path.as_uri() or url.startswith("data:"), f"{path}: asks for {url[:200]}")
            check(name not in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"),
                  f"{path}: {name}: {json.dumps(what)[:500]}")

    def picture(self, path):
        import base64
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        data = self.ask("Page.captureScreenshot", captureBeyondViewport=True,
                        clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def mouse(self, kind, x, y):
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y)

    def press(self, key):
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key)


def rows_of(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row["type"] == "epoch"], [row for row in rows if row["type"] == "interval"]


def shown_number(text):
    return float(re.search(r"-?[0-9.]+(e-?[0-9]+)?", text.split(" ", 1)[1] if text[0].isalpha() else text)[0])


PLOTS = "[...document.querySelectorAll('.plot script')].map(s => JSON.parse(s.textContent))"
AREA = "document.querySelectorAll('.area')[%d]"
TIP = AREA + ".querySelector('.tip')?.innerText ?? ''"


def check_looks(browser, page, pictures, name):
    """Readable on a phone; light and dark differ; every image is one."""
    colours = []
    for dark in (False, True):
        browser.show(390, 844, dark)
        browser.run(f"{AREA % 0}.focus()")
        browser.press("ArrowLeft")
        check(browser.run(TIP % 0) != "", f"{page}: no values on a phone")
        width = browser.run("document.documentElement.scrollWidth")
        browser.press("Escape")
        wide = browser.run("[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 391 &&"
                           " !e.closest('.scroll')).map(e => e.outerHTML.slice(0, 80))")
        check(width <= 390, f"{page}: {width} pixels wide on a phone of 390: {wide[:5]}")
        colours.append(browser.run("['body', '.card'].map(s => getComputedStyle(document.querySelector(s)))"
                                   ".map(s => s.backgroundColor + s.color).join()"
                                   " + getComputedStyle(document.querySelector('polyline')).stroke"))
        if pictures:
            browser.picture(f"{pictures}/{name}-390{'-dark' if dark else ''}.png")
            browser.show(1200, 900, dark)
            browser.picture(f"{pictures}/{name}-1200{'-dark' if dark else ''}.png")
    check(colours[0] != colours[1], f"{page}: light and dark look the same")
    broken = browser.run("[...document.images].filter(i => !i.complete || i.naturalWidth < 8).length")
    check(broken == 0, f"{page}: {broken} broken images")
    browser.show(1200)


def check_pointer(browser, page, plot, line, place, expected, scale):
    """At the pointer, under a finger and with the arrow keys the value is shown, and it goes away again."""
    name = plot["lines"][line]["name"]

    def value_at(tip):
        found = [text for text in tip.splitlines() if text.startswith(name + " ")]
        return shown_number(found[0][len(name) + 1:]) if found else math.nan

    def near(tip):
        return abs(value_at(tip) - scale * expected) <= 1e-4 * abs(scale * expected)

    box = browser.run(f"{AREA % 0}.scrollIntoView({{block: 'center'}}), (b => [b.left, b.top, b.width, b.height])"
                      f"({AREA % 0}.getBoundingClientRect())")
    x, y = box[0] + box[2] * place / plot["end"], box[1] + box[3] / 2
    browser.mouse("mouseMoved", x - 3, y)
    tip = browser.run(TIP % 0)
    check(near(tip), f"{page}: the pointer shows {tip!r}, not {name} {scale * expected}")
    browser.mouse("mouseMoved", 1, 1)
    check(browser.run(TIP % 0) == "", f"{page}: the value stays when the pointer is gone")
    browser.ask("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x - 3, "y": y}])
    browser.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    check(near(browser.run(TIP % 0)), f"{page}: a finger shows {browser.run(TIP % 0)!r}")
    browser.run(f"{AREA % 0}.focus()")
    browser.press("Escape")
    check(browser.run(TIP % 0) == "", f"{page}: Escape does not end it")
    browser.press("End")
    tip = browser.run(TIP % 0)
    check(near(tip), f"{page}: the End key shows {tip!r}")
    browser.press("ArrowLeft")
    check(browser.run(TIP % 0) not in (tip, ""), f"{page}: the left arrow key stays at {tip!r}")


def check_report(browser, run, pictures):
    page = run / "report.html"
    epochs, intervals = rows_of(run)
    last = epochs[-1]
    browser.show(1200)
    browser.open(page)
    plots = browser.run(PLOTS)

    def line(plot, name):
        return [p for of in plots[plot]["lines"] if of["name"] == name for p in of["points"]]

    for name, figure in (("training", "train_loss"), ("test", "test_loss")):
        check(line(0, name) == [[row["epoch"], row[figure]] for row in epochs], f"{page}: {figure} is not the run's")
    within = [point[1] for point in line(0, "training, in between")]
    check(within == [row["train_loss"] for row in intervals], f"{page}: the losses within epochs are not the run's")
    check(line(1, "test") == [[row["epoch"], row["test_accuracy"]] for row in epochs], f"{page}: accuracies differ")
    tiles = browser.run("Object.fromEntries([...document.querySelectorAll('[data-figure]')]"
                        ".map(e => [e.dataset.figure, [Number(e.dataset.value), e.innerText]]))")
    for figure in ("test_accuracy", "test_loss", "train_loss", "images_per_s", "seconds", "epoch"):
        check(tiles[figure][0] == last[figure], f"{page}: {figure}: {tiles[figure]}, not {last[figure]}")
    check(tiles["test_accuracy"][1] == f"{100 * last['test_accuracy']:.2f} %", f"{page}: {tiles['test_accuracy']}")
    check_matrix(browser, page, run, last)
    check(browser.run("document.querySelectorAll('#looks .card img').length") >= 4, f"{page}: no attention")
    check(browser.run("document.querySelectorAll('#kernels .part').length") >= 3, f"{page}: no kernels")
    settings = browser.run("document.querySelector('#settings').innerText")
    config = json.loads((run / "config.json").read_text())
    for value in (config["optimizer"], config["device"]["device"], config["device"]["driver"],
                  config["versions"]["clsattn"], config["data"]["hash"]):
        check(value in settings, f"{page}: the settings lack {value}")
    check_pointer(browser, page, plots[0], 1, last["epoch"], last["test_loss"], 1)
    check_looks(browser, page, pictures, run.name)


def check_matrix(browser, page, run, last):
    """Its diagonal is the accuracy of the last epoch, and what is off it are the mistakes."""
    cells = browser.run("[...document.querySelectorAll('#confusion tbody tr')].map(r => [...r.cells].slice(1, -1)"
                        ".map(c => Number(c.innerText)))")
    images = sum(map(sum, cells))
    right = sum(row[i] for i, row in enumerate(cells))
    test = json.loads((run / "config.json").read_text())["data"]["test"]
    check(images == test, f"{page}: the matrix has {images} images, not {test}")
    check(abs(right / images - last["test_accuracy"]) < 1e-12, f"{page}: the matrix has {right} of {images} right")
    mistakes = browser.run("document.querySelectorAll('#mistakes img').length")
    check(mistakes == min(24, images - right), f"{page}: {mistakes} mistakes of {images - right}")
    shown = browser.run("[...document.querySelectorAll('#mistakes b')].map(b => parseFloat(b.innerText.split(', ')[1]))")
    check(shown == sorted(shown, reverse=True), f"{page}: the surest mistake is not the first: {shown}")


def check_picture(browser, path):
    colours = []
    for dark in (False, True):
        browser.show(740, 760, dark)
        browser.open(path)
        colours.append(browser.run("getComputedStyle(document.querySelector('rect')).fill"))
    check(colours[0] != colours[1], f"{path}: light and dark look the same")
    check(browser.run("document.querySelectorAll('polyline').length") >= 2, f"{path}: no curves")


def check_comparison(browser, folder, pictures):
    page = folder / "compare.html"
    figures = json.loads((folder / "compare.json").read_text())
    browser.show(1200)
    browser.open(page)
    said = browser.run("[...document.querySelectorAll('#verdict p')].map(p => p.innerText)")
    check(said == figures["verdict"], f"{page}: the verdict is not that of compare.json: {said}")
    check("\n".join(said) in (folder / "compare.md").read_text(), f"{page}: the verdict is not that of compare.md")
    plot = browser.run(PLOTS)[0]
    for of, line in zip(figures["models"], plot["lines"]):
        ends = [rows_of(folder / Path(run["out"]).name)[0] for run in of["runs"]]
        values = [[row["test_accuracy"] for row in rows] for rows in zip(*ends)]
        expected = [[i + 1, sum(v) / len(v), min(v), max(v)] for i, v in enumerate(values)]
        for point, want in zip(line["points"], expected):
            check(all(abs(a - b) < 1e-12 for a, b in zip(point, want)), f"{page}: {line['name']}: {point}, not {want}")
        check(len(line["points"]) == len(expected), f"{page}: {line['name']}: {len(line['points'])} points")
    mean, low, high = plot["lines"][0]["points"][-1][1:]
    check(browser.run("document.querySelectorAll('.band').length") >= 2, f"{page}: no bands")
    check_pointer(browser, page, plot, 0, plot["end"], mean, 100)
    links = browser.run("[...document.querySelectorAll('#runs a')].map(a => a.getAttribute('href'))")
    check(links and all((folder / link).is_file() for link in links), f"{page}: links lead nowhere: {links}")
    check_looks(browser, page, pictures, "compare")


def main():
    folder = Path(sys.argv[1]).resolve()
    pictures = sys.argv[2] if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile)
        for run in ("cnn-seed0", "vit-seed0"):
            check_report(browser, folder / run, pictures)
            check_picture(browser, folder / run / "curves.svg")
        check_comparison(browser, folder, pictures)
        browser.close()
    sys.exit(1 if failures else 0)


main()
