"""An HTML page as the tests of the command report look at it: is it well formed, complete in itself, and what does it say?"""

import html.parser

VOID = {"meta", "br", "img", "link", "input", "hr"}
SHAPES = {"path"}  # of SVG, closed in themselves


class Page(html.parser.HTMLParser):
    """faults: what is wrong with the markup. numbers: values of <data>. tables: lists of rows of cells."""

    def __init__(self, text):
        super().__init__()
        self.faults, self.open, self.ids, self.wanted = [], [], [], []
        self.numbers, self.tables, self.sections, self.words, self.pictures, self.images = [], [], [], [], [], []
        if not text.startswith("<!DOCTYPE html>"):
            self.faults.append("no DOCTYPE")
        self.feed(text)
        self.close()
        self.faults += [f"<{name}> is not closed" for name in self.open]
        self.faults += [f"id {i} twice" for i in set(self.ids) if self.ids.count(i) > 1]
        self.faults += [f"nothing is called {i}" for i in self.wanted if i not in self.ids]
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, name, attributes):
        a = dict(attributes)
        if len(a) < len(attributes):
            self.faults.append(f"<{name}> has an attribute twice")
        if name not in VOID | SHAPES:
            self.open.append(name)
        if "id" in a:
            self.ids.append(a["id"])
        self.wanted += a.get("aria-labelledby", "").split()
        self.look(name, a)

    def handle_startendtag(self, name, attributes):
        if name not in SHAPES:
            self.faults.append(f"<{name}/>")
        self.look(name, dict(attributes))

    def look(self, name, a):
        for key, value in a.items():
            if key.startswith("on") or (key in ("src", "href") and not value.startswith(("#", "data:image/png;base64,"))):
                self.faults.append(f"<{name} {key}={value[:40]}>")
            if key == "href" and value.startswith("#"):
                self.wanted.append(value[1:])
        if name in ("script", "link", "iframe", "object"):
            self.faults.append(f"<{name}>")
        if name == "svg" and a.get("role") != "img" and a.get("aria-hidden") != "true":
            self.faults.append("a picture for eyes alone")
        if name == "svg" and a.get("role") == "img":
            self.pictures.append("")
        if name == "img":
            self.images.append(a)
            if not a.get("alt"):
                self.faults.append("an image without alt")
        if name == "data":
            self.numbers.append(float(a["value"]))
        if name == "section":
            self.sections.append(a["aria-labelledby"])
        if name == "table":
            self.tables.append([])
        if name == "tr":
            self.tables[-1].append([])
        if name in ("td", "th"):
            self.tables[-1][-1].append("")
        for key in ("d", "points", "width", "height", "x", "y"):
            if name in SHAPES | {"svg", "text"} and any(bad in a.get(key, "").lower() for bad in ("nan", "inf")):
                self.faults.append(f"<{name} {key}={a[key][:60]}>")

    def handle_endtag(self, name):
        if not self.open or self.open.pop() != name:
            self.faults.append(f"</{name}> at {self.getpos()}")

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            return
        self.words.append(data)
        if self.open and self.open[-1] == "desc":
            self.pictures[-1] += data
        if "table" in self.open and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data


def parts(text):
    """Sections of a page by their names, as they stand in the file."""
    out = {}
    for piece in text.split('<section aria-labelledby="')[1:]:
        name, rest = piece.split('"', 1)
        out[name] = rest.split("</section>")[0]
    return out
