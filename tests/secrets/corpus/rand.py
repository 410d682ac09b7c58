"""Seeded random text, and the small template language the tables are written in.

`fill("sk|_live_{b62:24}", g)`: `{class:count}` becomes random characters and `|` nothing, unless
blanks are around it. The bar cuts a prefix in two, so that no line of these files looks like a token to a scanner.
"""

import base64
import random
import re
import string
import uuid

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
CLASSES = {
    "b62": DIGITS + UPPER + LOWER,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "d": DIGITS,
    "lo": LOWER,
    "up": UPPER,
    "let": UPPER + LOWER,
    "az": LOWER + DIGITS,
    "AZ": UPPER + DIGITS,
    "b32": UPPER + "234567",
    "b32l": LOWER + "234567",
    "ulid": "".join(c for c in DIGITS + LOWER if c not in "ilou"),
    "b64": DIGITS + UPPER + LOWER + "+/",
    "b64u": DIGITS + UPPER + LOWER + "-_",
    "b58": "".join(c for c in DIGITS + UPPER + LOWER if c not in "0OIl"),
    "pw": DIGITS + UPPER + LOWER + "!#%*+-_.^~",
}
FIELD = re.compile(r"\{(uuid|UUID)\}|\{(%s):(\d+)\}|(?<! )\|(?! )" % "|".join([*CLASSES, "bytes"]))

WORDS = (
    "account address admin alert amount answer archive arrow asset audit backup balance basket batch "
    "billing border branch bridge bucket buffer button cache calendar camera canvas carbon castle "
    "channel circle client cloud cluster color column commit config copper corner counter country "
    "cursor customer daemon delta deploy desert detail device dialog digest domain driver editor "
    "engine entity error event export factor falcon family filter folder forest format frame galaxy "
    "garden gateway global gravel handle harbor header helper hidden history image import index "
    "inner invoice island item journal kernel label ladder layer legacy letter library limit linear "
    "list loader local logger lookup magnet manager margin marker matrix member memory message metal "
    "meter middle mirror mobile model module moment monitor mountain native nested network notice "
    "number object offset option orange order origin output owner packet panel parent parser partner "
    "pattern payment people period person picture pilot planet player pocket policy portal prefix "
    "price printer profile project prompt public query queue random reader record region release "
    "remote render report request result retry return river rocket router sample schema screen search "
    "season section sender server session shadow shelf signal silver simple single socket source "
    "special spring square stable static status storage stream string summer summary switch symbol "
    "system table target tenant thread ticket timber timeout title total tracker traffic tunnel type "
    "update upload user value vector vendor version victor view violet visit volume walker wallet "
    "watcher weather widget window winter worker writer yellow zone"
).split()


class Gen(random.Random):
    """A seeded random source with the shapes that tokens are made of."""

    def chars(self, cls, n):
        alphabet = CLASSES[cls]
        return "".join(self.choice(alphabet) for _ in range(n))

    def mixed(self, cls, n):
        """As `chars`, and with a digit and a letter in it: what nearly every real token has."""
        while True:
            s = self.chars(cls, n)
            if n < 8 or (re.search(r"\d", s) and re.search(r"[A-Za-z]", s)) or cls in ("d", "lo", "up", "let"):
                return s

    def raw(self, n):
        return bytes(self.getrandbits(8) for _ in range(n))

    def b64(self, n):
        return base64.b64encode(self.raw(n)).decode()

    def b64u(self, n):
        return base64.urlsafe_b64encode(self.raw(n)).decode().rstrip("=")

    def uuid(self):
        return str(uuid.UUID(int=self.getrandbits(128), version=4))

    def word(self):
        return self.choice(WORDS)

    def words(self, n, sep=" "):
        return sep.join(self.word() for _ in range(n))

    def password(self, n=18):
        """What a password manager makes: four classes, no word."""
        while True:
            s = self.chars("pw", n)
            if all(re.search(p, s) for p in (r"\d", r"[a-z]", r"[A-Z]", r"[^A-Za-z0-9]")) and s[0].isalnum() and s[-1].isalnum():
                return s


def fill(template, g):
    """The template with its fields made random; or what the function in its place gives."""
    if callable(template):
        return template(g)

    def one(m):
        if m.group(1):
            return g.uuid() if m.group(1) == "uuid" else g.uuid().upper()
        if not m.group(2):
            return ""
        cls, n = m.group(2), int(m.group(3))
        if cls == "bytes":
            return g.b64(n)
        return g.mixed(cls, n)

    return FIELD.sub(one, template)
