"""The same tokens, hidden: encoded, cut in two, in a skipped file, or with a remark that silences scanners.

`TABLE` holds (evasion, scope, function of (g, token, name) giving path and bytes). Scope `in` is what a
gate has to find; `stretch` is told apart; `out` is beyond a scanner of text, and kept to say so.
The hidden token stands between \\x01 and \\x02 until the file is written.
"""

import base64
import codecs
import gzip
import html
import io
import zipfile
import zlib

A, Z = "\x01", "\x02"
TOKENS = [
    ("github", "personal access token"), ("gitlab", "personal access token"), ("npm", "access token"), ("stripe", "old live secret key"),
    ("slack", "bot token"), ("openai", "project key"), ("anthropic", "api key"), ("sendgrid", "key"), ("digitalocean", "token"),
    ("google", "api key"), ("huggingface", "user token"), ("shopify", "admin token"), ("pypi", "upload token"), ("grafana", "service account token"),
]


def b64(s):
    return base64.b64encode(s.encode()).decode()


def text(path, form, change=lambda s: s):
    def make(g, token, name):
        body = form.replace("@NAME@", name).replace("@T@", A + change(token) + Z).replace("@word@", g.word())
        return path, body.encode()

    return make


def halves(path, form):
    """The token cut in two (or three) where no scanner's prefix is whole."""

    def make(g, token, name):
        cut = g.randint(2, 5) if g.random() < 0.5 else g.randint(len(token) // 2 - 3, len(token) // 2 + 3)
        end = min(len(token) - 3, cut + 9)
        parts = {"@A@": token[:cut], "@B@": token[cut:], "@M@": token[cut:end], "@C@": token[end:]}
        body = form
        for k, v in parts.items():
            body = body.replace(k, v)
        return path, body.replace("@NAME@", name).encode()

    return make


def utf16(codec, bom):
    def make(g, token, name):
        line = "[settings]\r\nhost=example\r\n%s%s=%s%s\r\nport=1\r\n" % (A, name, token, Z)
        return "config/%s.reg" % g.word(), ("UTF16", codec, bom, line)

    return make


def insert(mark):
    """An invisible character after the third, and in the middle."""

    def change(token):
        mid = len(token) // 2
        return token[:3] + mark + token[3:mid] + mark + token[mid:]

    return change


def percent(token):
    return "".join("%%%02X" % b for b in token.encode())


def escapes(form):
    return lambda token: "".join(form % ord(c) for c in token)


def some(change, every=3):
    return lambda token: "".join(change(c) if i % every == 0 else c for i, c in enumerate(token))


def env_b64(g, token, name):
    """A whole file in base64, wrapped at 76 columns, as a Kubernetes secret or a mail holds it."""
    body = "HOST=%s\nPORT=8080\n%s=%s\nLOG=info\n" % (g.word(), name, token)
    raw = base64.encodebytes((body + "# " + g.words(30) + "\n").encode()).decode()
    return "secret.eml", ("Content-Transfer-Encoding: base64\n\n" + A + raw.rstrip("\n") + Z + "\n").encode()


def env_b64_line(g, token, name):
    raw = b64("# %s\nHOST=%s\n%s=%s\n" % (g.words(4), g.word(), name, token))
    return "deploy/sealed.yml", ("kind: Secret\ndata:\n" + A + "  app.env: " + raw + Z + "\n").encode()


def b64_json(g, token, name):
    raw = b64('{"%s":{"%s":"%s","n":%d}}' % (g.word(), name.lower(), token, g.randint(1, 99)))
    return "state.json", ('{"v":1,\n' + A + '"blob":"' + raw + '"' + Z + "}\n").encode()


def big_line(g, token, name):
    """5 MB on one line, with the token in the middle."""
    unit = "function a%d(b){return b+%d}var %s=[%d,%d];"
    left = "".join(unit % (i, g.randint(1, 99), g.word(), i, i + 1) for i in range(55000))
    return "dist/bundle.js", (left + 'var k="' + A + token + Z + '";' + left + "\n").encode()


def after_nul(g, token, name):
    return "data/state.bin", b"\x7fDATA\0\0\0\3" + g.raw(200).replace(b"\1", b"").replace(b"\2", b"") + b"\0" + (A + token + Z).encode() + b"\0\0" + g.raw(50).replace(b"\1", b"").replace(b"\2", b"")


def png(g, token, name):
    head = bytes([0x89]) + b"PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0" + g.raw(300).replace(b"\1", b"3").replace(b"\2", b"4")
    return "img/logo.png", head + b"IEND\xaeB`\x82\n" + (A + token + Z).encode() + b"\n"


def gz(g, token, name):
    return "logs/old.log.gz", ("RAW", gzip.compress(("%s=%s\n" % (name, token)).encode(), mtime=0))


def name_of_file(g, token, name):
    return "backup/" + token + ".txt", (A + "empty" + Z + "\n").encode()


def zipped(method):
    def make(g, token, name):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as z:
            z.writestr(zipfile.ZipInfo("settings.txt", (2024, 1, 1, 0, 0, 0)), "host=%s\n%s=%s\n" % (g.word(), name, token), method)
        return "backup/old.zip", ("RAW", out.getvalue())

    return make


def utf32(g, token, name):
    return "a.txt", ("RAW", "host\n{}={}\n".format(name, token).encode("utf-32"))


def full_width(token):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in token)


ALLOW = [
    ("gitleaks:allow", "# gitleaks" + ":allow"), ("betterleaks:allow", "# betterleaks" + ":allow"),
    ("pragma allowlist", "# pragma: allow" + "list secret"), ("pragma whitelist", "// pragma: white" + "list secret"),
    ("nosec", "# no" + "sec"), ("noqa", "# no" + "qa"), ("trufflehog:ignore", "# truffle" + "hog:ignore"),
    ("kingfisher:ignore", "# king" + "fisher:ignore"), ("ggignore", "# gg" + "ignore"), ("nosemgrep", "# no" + "semgrep"),
    ("secretlint-disable", "// secret" + "lint-disable-line"), ("NOSONAR", "// NO" + "SONAR"), ("refgate:allow", "# ref" + "gate:allow"),
    ("remark example", "# EXAMPLE, not a real one"), ("remark test", "# fake, for the test only"), ("remark placeholder", "# placeholder"),
    ("scanner:ignore", "# scanner:ignore refgate:ignore secret-scan:ignore"),
]
ZERO = [("U+200B", "\u200b"), ("U+200C", "\u200c"), ("U+200D", "\u200d"), ("U+2060", "\u2060"), ("U+FEFF", "\ufeff"), ("U+00AD", "\u00ad"), ("U+180E", "\u180e"), ("U+034F", "\u034f"), ("U+202E", "\u202e"), ("U+E0041", "\U000e0041"), ("U+FE0F", "\ufe0f")]
SKIPPED = [
    "node_modules/left/index.js", "vendor/github.com/a/b/c.go", "package-lock.json", "yarn.lock", "go.sum", "dist/app.min.js", "app.js.map", "img/icon.svg",
    "test/fixtures/data.json", "docs/example.md", "locale/de.po", "third_party/x.c", ".venv/lib/site.py", "CHANGELOG.md", "file.pdf", "a.jpg", "poetry.lock",
    "__snapshots__/x.snap", "example/config.yml", "target/debug/x.d", "build/out.css", ".git-blame-ignore-revs", "mocks/data.ts", "font.woff2", "LICENSE",
]
B64_FORM = "x:\n  blob: @T@\n"

TABLE = [("allow comment: " + n, "in", text("src/%s.py" % n.split()[0].replace(":", "_"), '@NAME@ = "@T@"  ' + c + "\n")) for n, c in ALLOW]
TABLE.append(("allow comment: next line", "in", text("a.py", "# pragma: allow" + 'list nextline secret\n@NAME@ = "@T@"\n')))
TABLE += [("invisible: " + n, "in", text("src/a.js", 'const k = "@T@";\n', insert(c))) for n, c in ZERO]
TABLE += [("skipped path: " + p, "in", text(p, 'a\n"@NAME@": "@T@",\nb\n')) for p in SKIPPED]
TABLE += [
    ("base64", "in", text("a.yml", B64_FORM, b64)),
    ("base64 in Python", "in", text("a.py", 'import base64\nk = base64.b64decode("@T@")\n', b64)),
    ("base64url", "in", text("a.yml", B64_FORM, lambda t: base64.urlsafe_b64encode(t.encode()).decode())),
    ("base64 without padding", "in", text("a.yml", B64_FORM, lambda t: b64(t).rstrip("="))),
    ("base64 of name=token", "in", text("a.yml", B64_FORM, lambda t: b64("export TOKEN=" + t + "\n"))),
    ("double base64", "in", text("a.yml", B64_FORM, lambda t: b64(b64(t)))),
    ("base64 of hex", "in", text("a.yml", B64_FORM, lambda t: b64(t.encode().hex()))),
    ("base64 file wrapped", "in", env_b64),
    ("base64 file on a line", "in", env_b64_line),
    ("base64 of JSON", "in", b64_json),
    ("data URL", "in", text("a.html", '<a href="data:text/plain;base64,@T@">x</a>\n', b64)),
    ("hex", "in", text("a.yml", "x:\n  blob: @T@\n", lambda t: t.encode().hex())),
    ("hex upper", "in", text("a.py", 'k = bytes.fromhex("@T@")\n', lambda t: t.encode().hex().upper())),
    ("hex with 0x", "in", text("a.sql", "INSERT INTO t VALUES (0x@T@);\n", lambda t: t.encode().hex())),
    ("percent", "in", text("a.txt", "GET /cb?k=@T@&x=1\n", percent)),
    ("percent in part", "in", text("a.txt", "GET /cb?k=@T@&x=1\n", some(percent))),
    ("\\u escapes", "in", text("a.js", 'const k = "@T@";\n', escapes("\\u%04x"))),
    ("\\u escapes in part", "in", text("a.json", '{"k":"@T@"}\n', some(escapes("\\u%04x")))),
    ("\\u{} escapes", "in", text("a.js", 'const k = "@T@";\n', escapes("\\u{%x}"))),
    ("\\x escapes", "in", text("a.py", 'k = "@T@"\n', escapes("\\x%02x"))),
    ("\\x escapes in part", "in", text("a.py", 'k = "@T@"\n', some(escapes("\\x%02x"), 4))),
    ("octal escapes", "stretch", text("a.c", 'char *k = "@T@";\n', escapes("\\%03o"))),
    ("decimal entities", "in", text("a.html", "<p>@T@</p>\n", escapes("&#%d;"))),
    ("hex entities", "in", text("a.xml", "<k>@T@</k>\n", escapes("&#x%x;"))),
    ("hex entities in part", "in", text("a.xml", "<k>@T@</k>\n", some(escapes("&#x%x;"), 5))),
    ("named entities", "in", text("a.html", "<p>@T@</p>\n", lambda t: html.escape(t).replace("_", "&lowbar;").replace("-", "&hyphen;").replace(".", "&period;"))),
    ("UTF-16LE with BOM", "in", utf16("utf-16-le", True)),
    ("UTF-16BE with BOM", "in", utf16("utf-16-be", True)),
    ("UTF-16LE", "in", utf16("utf-16-le", False)),
    ("UTF-16BE", "in", utf16("utf-16-be", False)),
    ("split: plus", "in", halves("a.js", 'const k = "\x01@A@" + "@B@\x02";\n')),
    ("split: plus, three", "in", halves("a.java", 'String k = "\x01@A@" + "@M@" + "@C@\x02";\n')),
    ("split: plus over lines", "in", halves("a.java", 'String k = "\x01@A@"\n    + "@B@\x02";\n')),
    ("split: adjacent", "in", halves("a.py", 'k = "\x01@A@" "@B@\x02"\n')),
    ("split: adjacent over lines", "in", halves("a.c", 'char *k =\n  "\x01@A@"\n  "@B@\x02";\n')),
    ("split: shell", "in", halves("a.sh", 'K="\x01@A@""@B@\x02"\n')),
    ("split: shell, quotes within", "in", halves("a.sh", "K=\x01@A@''@B@\x02\n")),
    ("split: dot", "in", halves("a.php", "<?php $k = '\x01@A@' . '@B@\x02';\n")),
    ("split: Lua", "in", halves("a.lua", 'k = "\x01@A@" .. "@B@\x02"\n')),
    ("split: ampersand", "in", halves("a.vb", 'k = "\x01@A@" & "@B@\x02"\n')),
    ("split: SQL", "in", halves("a.sql", "SELECT '\x01@A@' || '@B@\x02';\n")),
    ("split: f-string", "in", halves("a.py", "k = f\"\x01@A@{'@B@'}\x02\"\n")),
    ("split: array join", "in", halves("a.js", 'const k = ["\x01@A@", "@M@", "@C@\x02"].join("");\n')),
    ("split: Python join", "in", halves("a.py", 'k = "".join(["\x01@A@", "@B@\x02"])\n')),
    ("split: backslash at the line's end", "in", halves("a.sh", 'K="\x01@A@\\\n@B@\x02"\n')),
    ("split: concat()", "stretch", halves("a.js", 'const k = "\x01@A@".concat("@B@\x02");\n')),
    ("split: format", "stretch", halves("a.py", 'k = "%s%s" % ("\x01@A@", "@B@\x02")\n')),
    ("split: template literal", "stretch", halves("a.js", "const k = `\x01@A@${'@B@'}\x02`;\n")),
    ("split: variables", "out", halves("a.py", '\x01a = "@A@"\nb = "@B@"\nk = a + b\x02\n')),
    ("reversed", "out", text("a.py", 'k = "@T@"[::-1]\n', lambda t: t[::-1])),
    ("rot13", "out", text("a.py", 'k = codecs.decode("@T@", "rot13")\n', lambda t: codecs.encode(t, "rot13"))),
    ("base32", "stretch", text("a.py", 'k = base64.b32decode("@T@")\n', lambda t: base64.b32encode(t.encode()).decode())),
    ("byte array", "stretch", text("a.c", "char k[] = {@T@};\n", lambda t: ", ".join("0x%02x" % b for b in t.encode()))),
    ("character codes", "out", text("a.js", "k = String.fromCharCode(@T@);\n", lambda t: ",".join(str(b) for b in t.encode()))),
    ("quoted-printable", "stretch", text("a.eml", "Content-Transfer-Encoding: quoted-printable\n\n@T@\n", lambda t: "".join("=%02X" % ord(c) if not c.isalnum() else c for c in t[:20]) + "=\n" + t[20:])),
    ("gzip", "out", gz),
    ("zip, deflated", "out", zipped(zipfile.ZIP_DEFLATED)),
    ("zip, stored", "in", zipped(zipfile.ZIP_STORED)),
    ("zlib in base64", "out", text("a.py", 'k = zlib.decompress(base64.b64decode("@T@"))\n', lambda t: base64.b64encode(zlib.compress(t.encode())).decode())),
    ("UTF-32", "stretch", utf32),
    ("full-width letters", "stretch", text("a.txt", "k: @T@\n", full_width)),
    ("percent twice", "in", text("a.txt", "GET /cb?k=@T@&x=1\n", lambda t: percent(percent(t)))),
    ("base64 of percent", "in", text("a.yml", B64_FORM, lambda t: b64(percent(t)))),
    ("hex with colons", "stretch", text("a.txt", "k: @T@\n", lambda t: ":".join("%02x" % ord(c) for c in t))),
    ("base64 with escaped line ends", "in", text("a.json", '{"k":"@T@"}\n', lambda t: base64.encodebytes(("name=" + t + " " * 30).encode()).decode().rstrip("\n").replace("\n", "\\n"))),
    ("5 MB line", "in", big_line),
    ("after a NUL", "in", after_nul),
    ("PNG with text after", "in", png),
    ("CRLF", "in", text("a.ini", "[a]\r\n@NAME@=@T@\r\nb=1\r\n")),
    ("CR only", "in", text("a.ini", "[a]\r@NAME@=@T@\rb=1\r")),
    ("no final newline", "in", text("a.txt", "a\n@NAME@=@T@")),
    ("latin-1 bytes around", "in", lambda g, t, n: ("a.txt", b"caf\xe9 \xff\xfe\xfa " + (A + t + Z).encode() + b" \xe9t\xe9\n")),
    ("invalid UTF-8 before", "in", lambda g, t, n: ("a.txt", b"\xc3\x28\xf0\x9f k=" + (A + t + Z).encode() + b"\n")),
    ("in a file's name", "stretch", name_of_file),
    ("SVG text", "in", text("img/a.svg", '<svg xmlns="http://www.w3.org/2000/svg"><text>@T@</text></svg>\n')),
    ("SVG data", "in", text("img/b.svg", "<svg><image href='data:text/plain;base64,@T@'/></svg>\n", b64)),
    ("among placeholders", "in", text(".env.example", "A=your-api-key\n@NAME@=@T@\nB=changeme\n")),
    ("beside EXAMPLE", "in", text("README.md", "For EXAMPLE, xxxx: `@T@` (dummy sample)\n")),
    ("long line of blanks", "in", lambda g, t, n: ("a.txt", b"x" + b" " * 20000 + (A + t + Z).encode() + b"\n")),
    ("in emphasis", "stretch", text("a.md", "The key is **@T@**.\n")),
    ("deep path", "in", text("/".join("d%d" % i for i in range(40)) + "/a.txt", "@NAME@=@T@\n")),
]

# Scanned as trees of their own: a scanner that reads settings from what it scans reads them from the root.
ROOTS = [
    ("config: .gitleaks.toml", "in", {".gitleaks.toml": 'title = "x"\n[allowlist]\npaths = [\'\'\'.*\'\'\']\n'}),
    ("config: .betterleaks.toml", "in", {".betterleaks.toml": 'title = "x"\n[[allowlists]]\npaths = [\'\'\'.*\'\'\']\n'}),
    ("config: .gitleaksignore", "in", {".gitleaksignore": "@FILE@:github-pat:2\n@FILE@:generic-api-key:2\n"}),
    ("config: .secrets.baseline", "in", {".secrets.baseline": '{"version":"1.5.0","plugins_used":[],"filters_used":[],"results":{}}\n'}),
    ("config: .trufflehog", "in", {".trufflehogignore": ".*\n", ".trufflehog.yml": "exclude: ['.*']\n"}),
    ("config: kingfisher", "in", {".kingfisherignore": "*\n", "kingfisher.yaml": "exclude: ['*']\n", "baseline-file.yml": "ExactFindings:\n  matches: []\n"}),
    ("config: .gitguardian.yaml", "in", {".gitguardian.yaml": "version: 2\nsecret:\n  ignored_paths: ['**/*']\n"}),
    ("config: .secretlintrc", "in", {".secretlintrc.json": '{"rules":[]}\n', ".secretlintignore": "**\n"}),
    ("config: refgate", "in", {"refgate.toml": "[secret]\nallow = ['*']\n", ".refgate.toml": "off = true\n", ".refgateignore": "*\n"}),
    ("config: .gitattributes", "in", {".gitattributes": "* binary linguist-generated linguist-vendored -diff\n"}),
    ("config: .gitignore", "stretch", {".gitignore": "*\n", ".ignore": "*\n"}),
]
