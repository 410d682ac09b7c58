"""Checksums and encodings that real tokens carry, each written from its public description."""

import base64
import hashlib
import hmac
import json
import string
import struct
import zlib

B62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
B58 = "".join(c for c in B62 if c not in "0OIl")
BECH32 = "qpzry9x8" + "gf2tvdw0" + "s3jn54kh" + "ce6mua7l"


def digits(n, alphabet, width):
    out = ""
    while n:
        n, r = divmod(n, len(alphabet))
        out = alphabet[r] + out
    return out.rjust(width, alphabet[0])


def crc_b62(text):
    """GitHub's and npm's six characters: the CRC32 of the body in base62."""
    return digits(zlib.crc32(text.encode()), B62, 6)


def github(prefix, g):
    body = g.mixed("b62", 30)
    return prefix + body + crc_b62(body)


def github_fine(g):
    left, right = g.mixed("b62", 22), g.mixed("b62", 53)
    payload = left + "_" + right
    return "github" + "_pat_" + payload + crc_b62(payload)


def grafana_sa(g):
    head = "gl" + "sa_" + g.mixed("b62", 32)
    return head + "_" + struct.pack("<I", zlib.crc32(head.encode())).hex()


def gitlab_routable(prefix, g, version=None):
    """Routing keys, 16 random bytes and their count in base64url; then its length and a CRC32."""
    routing = "o:%s\nu:%s" % (digits(g.randint(1, 99), B62.lower()[:36], 1), digits(g.randint(1, 10**7), "0123456789abcdefghijklmnopqrstuvwxyz", 1))
    payload = base64.urlsafe_b64encode(routing.encode() + g.raw(16) + bytes([16])).decode().rstrip("=")
    b36 = "0123456789abcdefghijklmnopqrstuvwxyz"
    head = prefix + payload + "." + (version + "." if version else "") + digits(len(payload), b36, 2)
    return head + digits(zlib.crc32(head.encode()), b36, 7)


def marvin32(data, seed):
    """The Marvin hash folded to 32 bits, which Microsoft's annotated keys end with."""
    rotl = lambda v, n: (v << n | v >> (32 - n)) & 0xFFFFFFFF
    low, high = struct.unpack("<II", seed)
    tail = data[len(data) // 4 * 4 :] + b"\x80"
    blocks = [data[i : i + 4] for i in range(0, len(data) // 4 * 4, 4)] + [tail, b""]
    for block in blocks:
        low = (low + int.from_bytes(block, "little")) & 0xFFFFFFFF
        high ^= low
        low = (rotl(low, 20) + high) & 0xFFFFFFFF
        high = rotl(high, 9) ^ low
        low = (rotl(low, 27) + high) & 0xFFFFFFFF
        high = rotl(high, 19)
    return low ^ high


def azure_annotated(signature, g):
    """52 random, the mark, year and month, 16 of the platform and provider, the provider's four; three bytes of Marvin."""
    while True:
        head = g.mixed("b62", 52) + "JQ" + "QJ99" + g.choice("ABC") + g.choice("ABCDEFGHIJKL") + g.mixed("b62", 16) + signature
        total = marvin32(base64.b64decode(head), b"Default0"[::-1])
        key = head + base64.b64encode(struct.pack("<I", total)[:3]).decode()
        if key.isalnum():
            return key


def bech32(hrp, data):
    """BIP 173, as age writes its keys."""

    def polymod(values):
        chk = 1
        for v in values:
            top = chk >> 25
            chk = (chk & 0x1FFFFFF) << 5 ^ v
            for i, gen in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                chk ^= gen if (top >> i) & 1 else 0
        return chk

    bits = "".join("{:08b}".format(b) for b in data)
    bits += "0" * (-len(bits) % 5)
    five = [int(bits[i : i + 5], 2) for i in range(0, len(bits), 5)]
    expand = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    mod = polymod(expand + five + [0] * 6) ^ 1
    check = [(mod >> 5 * (5 - i)) & 31 for i in range(6)]
    return hrp + "1" + "".join(BECH32[d] for d in five + check)


def age_secret(g):
    return bech32("age-" + "secret-key-", g.raw(32)).upper()


def age_public(g):
    return bech32("age", g.raw(32))


def base58check(payload):
    raw = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    n, out = int.from_bytes(raw, "big"), ""
    while n:
        n, r = divmod(n, 58)
        out = B58[r] + out
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + out


def wif(g):
    return base58check(b"\x80" + g.raw(32) + b"\x01")


def xprv(g):
    return base58check(bytes.fromhex("0488ade4") + bytes(9) + g.raw(32) + b"\0" + g.raw(32))


def xpub(g):
    return base58check(bytes.fromhex("0488b21e") + bytes(9) + g.raw(32) + b"\x02" + g.raw(32))


def b64u(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def jwt(g, claims=None, alg="HS256"):
    header = {"alg": alg, "typ": "JWT"}
    claims = claims or {"sub": g.uuid(), "iat": g.randint(1500000000, 1700000000), "role": "service", "aud": "api"}
    head = b64u(json.dumps(header, separators=(",", ":")).encode()) + "." + b64u(json.dumps(claims, separators=(",", ":")).encode())
    return head + "." + b64u(hmac.new(g.raw(32), head.encode(), hashlib.sha256).digest())


def pypi(g, location=b"pypi.org"):
    """A version 2 macaroon: location, identifier, one caveat, signature."""

    def field(kind, data):
        out, n = bytes([kind]), len(data)
        while n > 127:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        return out + bytes([n]) + data

    caveat = json.dumps([1, g.uuid()]).encode()
    raw = b"\x02" + field(1, location) + field(2, g.uuid().encode()) + b"\0" + field(2, caveat) + b"\0\0" + field(6, g.raw(32))
    return "py" + "pi-" + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def crc24(raw):
    crc = 0xB704CE
    for b in raw:
        crc ^= b << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return struct.pack(">I", crc & 0xFFFFFF)[1:]


def wrap(text, width):
    return "\n".join(text[i : i + width] for i in range(0, len(text), width))


def armor(label, raw, check=None):
    """OpenPGP ASCII armor with its CRC24 line."""
    dashes = "-" * 5
    crc = base64.b64encode(check if check is not None else crc24(raw)).decode()
    return "%sBEGIN %s%s\n\n%s\n=%s\n%sEND %s%s\n" % (dashes, label, dashes, wrap(base64.b64encode(raw).decode(), 64), crc, dashes, label, dashes)


def pem(label, raw, width=64, headers=""):
    dashes = "-" * 5
    return "%sBEGIN %s%s\n%s%s\n%sEND %s%s\n" % (dashes, label, dashes, headers, wrap(base64.b64encode(raw).decode(), width), dashes, label, dashes)
