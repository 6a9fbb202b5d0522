#!/usr/bin/env python3
"""Pages of the command report in a browser without a window: what they say is there, nothing is wrong on the console, nothing is
asked of the network, pictures are not empty in light and dark, letters stand out from what is behind them, and nothing is wider
than a telephone. tidy finds nothing wrong either."""
import base64
import io
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import matplotlib.image
from program import SCRATCH, TINY, done, folder, ok, sbridge, skip

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if not BROWSER:
    print("1..0 # skip no chromium here; make deps-long")
    sys.exit()


class Browser:
    """Chromium by its pipe of commands (file descriptors 3 and 4, texts that end with a zero)."""

    def __init__(self):
        ours, theirs = os.pipe(), os.pipe()
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
                 f"--user-data-dir={SCRATCH}/browser", "about:blank"]
        start = f'exec 3<&{ours[0]} 4>&{theirs[1]}; exec "$@"'
        self.process = subprocess.Popen(["timeout", "-k", "5", "300", "bash", "-c", start, "bash", BROWSER, *words],
                                        pass_fds=(ours[0], theirs[1]), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(ours[0])
        os.close(theirs[1])
        self.to, self.back = os.fdopen(ours[1], "wb"), os.fdopen(theirs[0], "rb")
        self.number, self.events, self.rest = 0, [], b""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = None
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(domain + ".enable")

    def message(self):
        while b"\0" not in self.rest:
            more = os.read(self.back.fileno(), 1 << 16)
            if not more:
                raise EOFError("the browser ended")
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def ask(self, method, **words):
        self.number += 1
        wanted = {"id": self.number, "method": method, "params": words}
        if getattr(self, "session", None):
            wanted["sessionId"] = self.session
        self.to.write(json.dumps(wanted).encode() + b"\0")
        self.to.flush()
        while True:
            found = self.message()
            if found.get("id") == self.number:
                return found["result"]
            self.events.append(found)

    def go(self, path, width, scheme):
        self.events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())

    def says(self, expression):
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self):
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        return matplotlib.image.imread(io.BytesIO(base64.b64decode(shot)))[..., :3]

    def close(self):
        self.process.terminate()
        self.process.wait()


# The least contrast (WCAG 2) of letters and of what is behind them, over all elements with words of their own.
CONTRAST = """(() => {
  const light = c => { const v = c.match(/[\\d.]+/g).map(Number).slice(0, 3).map(x => x / 255)
                         .map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
                       return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
  let least = [99, ''];
  for (const e of document.body.querySelectorAll('*')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || ['title', 'desc', 'STYLE'].includes(e.tagName)) continue;
    let behind = e;
    while (behind && /rgba\\(.*, 0\\)/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
    const style = getComputedStyle(e), ink = e.namespaceURI.endsWith('svg') ? style.fill : style.color;
    const a = light(ink), b = light(behind ? getComputedStyle(behind).backgroundColor : 'rgb(255, 255, 255)');
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, e.outerHTML.slice(0, 120)];
  }
  return least;
})()"""
WORDS = {"run": ("like perfect", "Exact law", "Errors by cause", "score network", "longest arrow", "mixture_b"),
         "study": ("cases are done", "Convergence", "slope", "data.law=ring6"),
         "stopped": ("stopped", "--resume", "score network")}

short = "evaluate.w2_points=50 evaluate.w2_floors=2".split()
sets = [w for word in short for w in ("--set", word)]
grid = ["study.replicates=2", "study.grid.data.n=[200,400]", "study.grid.data.law=[mixture_b,ring6]"]
here = {name: folder(name) for name in WORDS}
runs = [sbridge(here["run"], "run", TINY, *sets, "--set", "train.score.steps=400", "--set", "train.ratio.steps=300"),
        sbridge(here["study"], "study", TINY, *sets, *(w for word in grid for w in ("--set", word))),
        sbridge(here["stopped"], "train", TINY, "--stop-after", "9")]
ok([run.status for run in runs] == [0, 0, 75], "runs", *runs)
browser = Browser()
for name, words in WORDS.items():
    made = sbridge(here[name], "report", "out")
    page = here[name] / "out/report.html"
    if not ok(made.status == 0 and page.exists(), f"{name}: a page", made):
        continue
    for scheme in ("light", "dark"):
        browser.go(page, 1280, scheme)
        text = browser.says("document.body.innerText")
        browser.says("document.querySelectorAll('details').forEach(d => d.open = true)")
        asked = [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
        asked = [url for url in asked if not url.startswith("data:")]
        wrong = [e for e in browser.events if e.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")]
        ok(asked == [page.as_uri()], f"{name}, {scheme}: asks for nothing but itself", asked)
        ok(not wrong, f"{name}, {scheme}: nothing on the console", wrong[:2])
        ok(all(word in text for word in words), f"{name}, {scheme}: its words", [w for w in words if w not in text])
        ratio, where = browser.says(CONTRAST)
        ok(ratio >= 4.5, f"{name}, {scheme}: letters stand out", ratio, where)
        image = browser.picture()
        behind = image[2, 2]
        drawn = (abs(image - behind).max(axis=2) > 0.1).mean()
        ok((behind.mean() > 0.8) == (scheme == "light"), f"{name}, {scheme}: is {scheme}", behind)
        ok(0.01 < drawn < 0.6 and image.shape[0] > 900, f"{name}, {scheme}: neither empty nor full", drawn, image.shape)
        colour = (image.max(axis=2) - image.min(axis=2) > 0.25).mean()
        ok(colour > 0.0002, f"{name}, {scheme}: pictures in colour", colour)
    empty = browser.says("[...document.querySelectorAll('svg.plot')].filter(s => s.querySelectorAll('g path').length === 0"
                         " || s.getBoundingClientRect().width < 100).length")
    ok(empty == 0 and browser.says("document.querySelectorAll('svg.plot').length") > 0, f"{name}: no picture is empty", empty)
    browser.go(page, 390, "light")
    wide = browser.says("document.documentElement.scrollWidth")
    ok(wide <= 390, f"{name}: no wider than a telephone", wide)
    if shutil.which("tidy"):
        tidy = subprocess.run(["tidy", "-q", "-e", "--new-inline-tags", "data", page], capture_output=True, text=True)
        said = [line for line in tidy.stderr.splitlines() if "proprietary attribute" not in line and "<data>" not in line]
        ok(not said, f"{name}: tidy finds nothing", *said[:5])
    else:
        skip("no tidy here")
browser.close()
done()
