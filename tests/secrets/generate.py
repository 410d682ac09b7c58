#!/usr/bin/env python3
"""Writes the secret scanner's test set: a tree of files and truth.json, from a seed.

    generate.py --seed 1 --out DIR

DIR/set is one tree; each DIR/roots/* is a tree of its own. See README.md.
"""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True

from corpus import contexts, encode, evasions, formats, fresh, keys, named, negatives, negatives_text, places, wrong  # noqa: E402
from corpus.rand import Gen, fill  # noqa: E402

A, Z = b"\x01", b"\x02"


class Tree:
    """The files written and the truth of each."""

    def __init__(self, out):
        self.out, self.truth, self.count = out, [], {}

    def write(self, rel, data):
        full = os.path.join(self.out, rel)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(data)

    def place(self, group, path):
        n = self.count[group] = self.count.get(group, 0) + 1
        return "set/%s/%03d/%s" % (group, n, path)

    def add(self, group, path, data, rel=None, **truth):
        """Writes a file; the secret's lines are the ones between the marks, or all of the file."""
        rel = rel or self.place(group, path)
        if isinstance(data, tuple) and data[0] == "RAW":
            data, first, last = data[1], 1, data[1].count(b"\n") + 1
        elif isinstance(data, tuple):
            data, first, last = utf16_bytes(data)
        else:
            data = data.encode() if isinstance(data, str) else data
            start, end = data.find(A), data.find(Z)
            lines = data if b"\n" in data else data.replace(b"\r", b"\n")
            first = lines[: lines.find(A)].count(b"\n") + 1 if start >= 0 else 1
            last = lines[: lines.find(Z)].count(b"\n") + 1 if end >= 0 else lines.count(b"\n") + 1
            data = data.replace(A, b"", 1).replace(Z, b"", 1) if start >= 0 else data
        self.write(rel, data)
        entry = {"file": rel, "line": first, "end_line": last, "category": group, "evasion": None, "scope": "in"}
        entry.update(truth)
        self.truth.append(entry)


def utf16_bytes(parts):
    _, codec, bom, text = parts
    first = text[: text.index("\x01")].count("\n") + 1
    raw = text.replace("\x01", "").replace("\x02", "").encode(codec)
    head = (b"\xff\xfe" if codec.endswith("le") else b"\xfe\xff") if bom else b""
    return head + raw, first, first


def neutral(provider, g):
    """A name that says little: the token has to be known by its shape."""
    own = provider.upper().replace(" ", "_").replace(".", "_").replace("1", "ONE") + "_TOKEN"
    if provider in formats.SHARED:
        return own
    return g.choice(["VALUE", "SETTING", own, "CONFIG_KEY", "CURRENT"])


def render(tree, g, ctx, provider, kind, name, value, expected, group="pos", **more):
    path, before, lines, after = contexts.render(ctx, g, name, value)
    pad = ["" for _ in range(g.randint(0, 3))]
    body = "\n".join(before + pad + ["\x01" + "\n".join(lines) + "\x02"] + after) + "\n"
    tree.add(group, path, body, provider=provider, kind=kind, expected=expected, context=ctx, **more)


def pick(g, pool, value):
    while True:
        ctx = g.choice(pool)
        if contexts.quoted_value_ok(ctx, value):
            return ctx


def positives(tree, g, per):
    every = list(contexts.ASSIGN) + list(contexts.RAW)
    for entry in formats.TABLE:
        for i in range(per):
            value = formats.make(entry, g)
            pool = list(contexts.ASSIGN) if i == 0 or entry[0] in formats.SHARED else every
            render(tree, g, pick(g, pool, value), entry[0], entry[1], neutral(entry[0], g), value, entry[3])
    for provider, kind, name, template, expected in named.TABLE:
        for _ in range(per):
            value = fill(template, g)
            render(tree, g, pick(g, named.NATIVE.get(provider, list(contexts.ASSIGN)), value), provider, kind, name, value, expected)
    for provider, kind, fields, expected in named.PAIRS:
        pair(tree, g, provider, kind, fields, expected)
    for provider, kind, expected, make in places.TABLE:
        path, text = make(g)
        tree.add("pos", path, text, provider=provider, kind=kind, expected=expected, context="own form")


def freshes(tree, g, count):
    for place, kind, name, value in fresh.entries(g, count):
        path, before, lines, after = contexts.complete(g, fresh.PLACES[place](g, name, value))
        body = "\n".join(before + ["\x01" + "\n".join(lines) + "\x02"] + after) + "\n"
        tree.add("fresh", path, body, provider="by name", kind=kind, expected="likely", context=place)
    for ctx, provider, kind, name, value in fresh.formats(g):
        render(tree, g, ctx, provider, kind, name, value, "likely", group="fresh")
    for path, text in fresh.negatives(g, len(fresh.EXPRESSIONS)):
        tree.add("neg", path, text, provider=None, kind="expression", expected="none", context="negative", line=None)


PAIR_FORMS = ["env", "env-quoted", "shell-export", "yaml", "python", "terraform", "js", "properties", "compose", "ruby", "php-array", "json"]


def pair(tree, g, provider, kind, fields, expected):
    """The id and the secret each on a line of one file, the truth's lines being the secret's."""
    ctx = g.choice(PAIR_FORMS)
    rendered = [contexts.render(ctx, g, name, fill(template, g)) for name, template in fields]
    path, before, _, after = rendered[0]
    lines = [s for r in rendered[:-1] for s in r[2]]
    body = "\n".join(before + ["\x01" + "\n".join(lines)] + ["\n".join(rendered[-1][2]) + "\x02"] + after) + "\n"
    tree.add("pos", path, body, provider=provider, kind=kind, expected=expected, context="pair: " + ctx)


def wrongs(tree, g):
    for provider, kind, make in wrong.TABLE:
        value = make(g)
        if "\n" in value:
            tree.add("wrong", "certs/server.key", "\x01" + value + "\x02\n", provider=provider, kind=kind, expected="any", context="file")
        else:
            render(tree, g, pick(g, list(contexts.ASSIGN), value), provider, kind, neutral(provider, g), value, "any", group="wrong")


def hidden(tree, g, per):
    for evasion, scope, make in evasions.TABLE:
        count = per if evasion.split(":")[0] not in ("allow comment", "skipped path", "invisible") else 1
        for i in range(count):
            provider, kind = g.choice(evasions.TOKENS)
            token = formats.make(formats.find(provider, kind), g)
            path, data = make(g, token, "SERVICE_VALUE")
            tree.add("evasion", path, data, provider=provider, kind=kind, expected="any", evasion=evasion, scope=scope, context="evasion")
    key_evasions(tree, g)
    for evasion, scope, extra in evasions.ROOTS:
        provider, kind = "github", "personal access token"
        token = formats.make(formats.find(provider, kind), g)
        root = "roots/" + evasion.split(": ")[1].strip(".").replace(".", "-")
        for name, text in extra.items():
            tree.write(root + "/" + name, text.replace("@FILE@", "app/settings.py").encode())
        body = "import os\n\x01TOKEN = '%s'\x02\n" % token
        tree.add("evasion", "", body, rel=root + "/app/settings.py", provider=provider, kind=kind, expected="any", evasion=evasion, scope=scope, context="root")


def key_evasions(tree, g):
    """A private key, hidden as keys are."""
    pem = keys.rsa_pem(g)
    one = pem.rstrip("\n")
    b64 = evasions.b64(pem)
    for evasion, path, text in [
        ("key: base64", "a.yml", "k: \x01" + b64 + "\x02\n"),
        ("key: base64 in shell", "ci.sh", "echo '\x01" + b64 + "\x02' | base64 -d > key.pem\n"),
        ("key: quoted lines joined", "a.js", "const k =\n\x01" + " +\n".join("  '%s\\n'" % s for s in one.split("\n")) + "\x02;\n"),
        ("key: CRLF", "a.key", "\x01" + one.replace("\n", "\r\n") + "\x02\r\n"),
        ("key: array of lines", "a.json", '{"k":[\n\x01' + ",\n".join('"%s"' % s for s in one.split("\n")) + "\x02]}\n"),
        ("key: after text on the line", "a.md", "The key: \x01" + one + "\x02\n"),
        ("key: quoted as a mail", "a.eml", "\x01" + "\n".join("> " + s for s in one.split("\n")) + "\x02\n"),
        ("key: in a diff", "a.patch", "\x01" + "\n".join("+" + s for s in one.split("\n")) + "\x02\n"),
        ("key: UTF-16LE with BOM", "a.key", ("UTF16", "utf-16-le", True, "\x01" + one + "\x02\n")),
    ]:
        tree.add("evasion", path, text, provider="private key", kind="RSA", expected="any", evasion=evasion, context="evasion")


def clean(tree, g):
    def add(kind, path, data):
        tree.add("neg", path, data, provider=None, kind=kind, expected="none", context="negative")
        tree.truth[-1]["line"] = None

    for kind, count, make in negatives.TABLE:
        for _ in range(count):
            add(kind, *make(g))
    for kind, path, text in negatives_text.files(g):
        add(kind, path, text)
    for provider, kind, path, text, line in negatives_text.DEBATABLE:
        tree.add("debatable", path, fill(text, g), provider=provider, kind=kind, expected="any", context="debatable")
        tree.truth[-1].update(line=line, end_line=line)
    for kind, make in [("encrypted key", keys.encrypted_pem), ("jwt of role anon", lambda g: encode.jwt(g, {"iss": "supabase", "role": "anon", "iat": 1, "exp": 2}))]:
        tree.add("debatable", "x.txt", make(g), provider="generic", kind=kind, expected="any", context="debatable")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--seed", type=int, required=True)
    ap.add_argument("--out", required=True, help="a directory that is new or empty")
    ap.add_argument("--per", type=int, default=2, help="files for each format and evasion (2)")
    args = ap.parse_args()
    if os.path.isdir(args.out) and os.listdir(args.out):
        sys.exit("generate.py: %s is not empty" % args.out)
    tree = Tree(args.out)
    for i, step in enumerate([lambda g: positives(tree, g, args.per), lambda g: wrongs(tree, g), lambda g: hidden(tree, g, args.per), lambda g: clean(tree, g), lambda g: freshes(tree, g, 60 * args.per)]):
        step(Gen(args.seed * 1000 + i))
    tree.write("truth.json", json.dumps({"seed": args.seed, "files": tree.truth}, indent=1).encode())
    by = {}
    for t in tree.truth:
        by.setdefault(t["category"], []).append(t)
    print("; ".join("%s: %d files, %d providers" % (k, len(v), len({t["provider"] for t in v})) for k, v in by.items()))


if __name__ == "__main__":
    main()
