"""Key material with its real structure: DER, OpenSSH and OpenPGP, private and public.

The primes are small (RSA-1024) to be quick; the structure is what a scanner can check.
"""

import hashlib
import struct

from . import encode

PRIVATE = "PRIVATE" + " KEY"
_rsa_cache = {}


def der(tag, body):
    n = len(body)
    if n < 128:
        return bytes([tag, n]) + body
    size = (n.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + n.to_bytes(size, "big") + body


def integer(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def seq(*parts):
    return der(0x30, b"".join(parts))


def oid(*arcs):
    body = bytes([arcs[0] * 40 + arcs[1]])
    for a in arcs[2:]:
        part = bytes([a & 127])
        while a > 127:
            a >>= 7
            part = bytes([a & 127 | 128]) + part
        body += part
    return der(6, body)


RSA_OID, EC_OID, P256 = oid(1, 2, 840, 113549, 1, 1, 1), oid(1, 2, 840, 10045, 2, 1), oid(1, 2, 840, 10045, 3, 1, 7)
ED25519 = oid(1, 3, 101, 112)
NULL = b"\x05\0"


def _prime(g, bits):
    while True:
        n = g.getrandbits(bits) | 1 | 3 << (bits - 2)
        if any(n % p == 0 for p in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
            continue
        d, s = n - 1, 0
        while d % 2 == 0:
            d, s = d // 2, s + 1
        for _ in range(12):
            x = pow(g.randrange(2, n - 1), d, n)
            if x in (1, n - 1):
                continue
            for _ in range(s - 1):
                x = x * x % n
                if x == n - 1:
                    break
            else:
                break
        else:
            return n


def rsa_numbers(g):
    """One of a few keys made per run: primes are the slow part."""
    pool = _rsa_cache.setdefault(id(g), [])
    if len(pool) >= 4:
        return g.choice(pool)
    while True:
        p, q, e = _prime(g, 512), _prime(g, 512), 65537
        phi = (p - 1) * (q - 1)
        if p != q and phi % e:
            break
    d = pow(e, -1, phi)
    pool.append((p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)))
    return pool[-1]


def rsa_der(g):
    return seq(integer(0), *(integer(n) for n in rsa_numbers(g)))


def rsa_pem(g):
    return encode.pem("RSA " + PRIVATE, rsa_der(g))


def pkcs8_rsa(g):
    return encode.pem(PRIVATE, seq(integer(0), seq(RSA_OID, NULL), der(4, rsa_der(g))))


def pkcs8_ed25519(g):
    return encode.pem(PRIVATE, seq(integer(0), seq(ED25519), der(4, der(4, g.raw(32)))))


def ec_pem(g):
    body = seq(integer(1), der(4, g.raw(32)), der(0xA0, P256))
    return encode.pem("EC " + PRIVATE, body)


def dsa_pem(g):
    n, _, d, p, q, *_rest = rsa_numbers(g)
    return encode.pem("DSA " + PRIVATE, seq(integer(0), integer(n), integer(p >> 352), integer(q), integer(d), integer(p)))


def encrypted_pem(g):
    params = seq(oid(1, 2, 840, 113549, 1, 5, 13), seq(der(4, g.raw(16))))
    return encode.pem("ENCRYPTED " + PRIVATE, seq(params, der(4, g.raw(320))))


def _ed25519_public(seed):
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p

    def add(a, b):
        x1, y1, x2, y2 = *a, *b
        k = d * x1 * x2 * y1 * y2 % p
        return ((x1 * y2 + x2 * y1) * pow(1 + k, -1, p) % p, (y1 * y2 + x1 * x2) * pow(1 - k, -1, p) % p)

    h = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    n = h & ((1 << 254) - 8) | 1 << 254
    base = (15112221349535400772501151409588531511454012693041857206046113283949847762202, 4 * pow(5, -1, p) % p)
    out = (0, 1)
    while n:
        if n & 1:
            out = add(out, base)
        base, n = add(base, base), n >> 1
    return (out[1] | (out[0] & 1) << 255).to_bytes(32, "little")


def _string(raw):
    return struct.pack(">I", len(raw)) + raw


def openssh_private(g, comment=b"deploy@build"):
    seed = g.raw(32)
    public = _ed25519_public(seed)
    blob = _string(b"ssh-ed25519") + _string(public)
    check = g.raw(4)
    inner = check + check + blob + _string(seed + public) + _string(comment)
    inner += bytes(range(1, 1 + -len(inner) % 8))
    raw = b"openssh-key-v1\0" + _string(b"none") + _string(b"none") + _string(b"") + struct.pack(">I", 1) + _string(blob) + _string(inner)
    return encode.pem("OPENSSH " + PRIVATE, raw, 70)


def ssh_public(g, kind="ssh-ed25519"):
    import base64

    if kind == "ssh-rsa":
        n = g.getrandbits(2048) | 1 << 2047
        blob = _string(b"ssh-rsa") + _string(b"\1\0\1") + _string(n.to_bytes(257, "big"))
    else:
        blob = _string(b"ssh-ed25519") + _string(g.raw(32))
    return kind + " " + base64.b64encode(blob).decode()


def certificate(g):
    name = seq(der(0x31, seq(oid(2, 5, 4, 3), der(12, (g.word() + ".example.org").encode()))))
    spki = seq(seq(RSA_OID, NULL), der(3, b"\0" + seq(integer(g.getrandbits(2047) | 1 << 2046), integer(65537))))
    dates = seq(der(23, b"240101000000Z"), der(23, b"340101000000Z"))
    sig = seq(oid(1, 2, 840, 113549, 1, 1, 11), NULL)
    tbs = seq(der(0xA0, integer(2)), integer(g.getrandbits(127)), sig, name, dates, name, spki)
    return encode.pem("CERTIFICATE", seq(tbs, sig, der(3, b"\0" + g.raw(256))))


def public_pem(g):
    return encode.pem("PUBLIC KEY", seq(seq(RSA_OID, NULL), der(3, b"\0" + seq(integer(g.getrandbits(2047) | 1 << 2046), integer(65537)))))


def csr(g):
    name = seq(der(0x31, seq(oid(2, 5, 4, 3), der(12, b"www.example.org"))))
    spki = seq(seq(RSA_OID, NULL), der(3, b"\0" + seq(integer(g.getrandbits(2047) | 1 << 2046), integer(65537))))
    return encode.pem("CERTIFICATE REQUEST", seq(seq(integer(0), name, spki), seq(RSA_OID, NULL), der(3, b"\0" + g.raw(256))))


def _mpi(n):
    return struct.pack(">H", n.bit_length()) + n.to_bytes((n.bit_length() + 7) // 8, "big")


def _packet(tag, body):
    return bytes([0xC0 | tag, 255]) + struct.pack(">I", len(body)) + body


def pgp_private(g, check=None):
    n, e, d, p, q, *_rest = rsa_numbers(g)
    secret = _mpi(d) + _mpi(p) + _mpi(q) + _mpi(pow(p, -1, q))
    body = b"\4" + g.raw(4) + b"\1" + _mpi(n) + _mpi(e) + b"\0" + secret + struct.pack(">H", sum(secret) & 0xFFFF)
    return encode.armor("PGP " + PRIVATE + " BLOCK", _packet(5, body) + _packet(13, b"Build <build@example.org>"), check)


def pgp_public(g):
    n, e, *_rest = rsa_numbers(g)
    return encode.armor("PGP PUBLIC KEY BLOCK", _packet(6, b"\4" + g.raw(4) + b"\1" + _mpi(n) + _mpi(e)) + _packet(13, b"Build <build@example.org>"))


def pgp_signature(g):
    return encode.armor("PGP SIGNATURE", _packet(2, b"\4\0\x01\x0a" + g.raw(6) + _mpi(g.getrandbits(1024) | 1 << 1023)))


def putty(g):
    lines = ["PuTTY-User-Key-File-3: ssh-ed25519", "Encryption: none", "Comment: build"]
    public, private = g.b64(51), g.b64(36)
    body = encode.wrap(public, 64).split("\n")
    lines += ["Public-Lines: %d" % len(body)] + body + ["Private-" + "Lines: 1", private, "Private-" + "MAC: " + g.chars("hex", 64)]
    return "\n".join(lines) + "\n"
