"""Tokens of the right shape whose checksum or structure is wrong: never to be reported as certain."""

from . import encode, formats, keys
from .rand import CLASSES


def spoil(token, g, at, alphabet):
    """One character changed at `at`, so that the checksum does not hold."""
    other = g.choice([c for c in alphabet if c != token[at]])
    return token[:at] + other + (token[at + 1 :] if at != -1 else "")


def checked(provider, kind, at=-1, alphabet=CLASSES["az"]):
    entry = formats.find(provider, kind)
    return lambda g: spoil(formats.make(entry, g), g, at, alphabet)


def key(make, last=False):
    """A PEM whose bytes are cut, or random: the DER does not hold together."""

    def spoiled(g):
        lines = make(g).rstrip("\n").split("\n")
        body = lines[1:-1]
        body = body[: len(body) // 2] if last else [g.mixed("b64", len(s)) for s in body[:-1]] + [body[-1]]
        return "\n".join([lines[0]] + body + [lines[-1]])

    return spoiled


def jwt(g):
    return "ey" + "J" + g.mixed("b64u", 33) + ".ey" + "J" + g.mixed("b64u", 60) + "." + g.mixed("b64u", 43)


TABLE = []
for _kind in ("personal access token", "oauth token", "app user token", "app server token", "refresh token"):
    TABLE.append(("github", _kind + ", last character", checked("github", _kind)))
    TABLE.append(("github", _kind + ", body", checked("github", _kind, 12)))
TABLE += [
    ("npm", "access token, last character", checked("npm", "access token")),
    ("npm", "access token, body", checked("npm", "access token", 9)),
    ("npm", "access token, random check", lambda g: "np" + "m_" + g.mixed("b62", 36)),
    ("grafana", "service account token, check", checked("grafana", "service account token", -1, "0123456789abcdef")),
    ("grafana", "service account token, body", checked("grafana", "service account token", 14)),
    ("gitlab", "routable token, crc", checked("gitlab", "routable token")),
    ("gitlab", "routable token, body", checked("gitlab", "routable token", 10)),
    ("gitlab", "routable token 1, crc", checked("gitlab", "routable token, version 1")),
    ("age", "secret key, last character", checked("age", "secret key", -1, encode.BECH32.upper())),
    ("age", "secret key, body", checked("age", "secret key", 30, encode.BECH32.upper())),
    ("bitcoin", "wif key", checked("bitcoin", "wif key", 20, encode.B58)),
    ("bitcoin", "extended private key", checked("bitcoin", "extended private key", 40, encode.B58)),
    ("azure", "devops token, body", checked("azure", "devops token", 20)),
    ("azure", "openai key, last character", checked("azure", "openai key", -1, CLASSES["b62"])),
    ("pypi", "no macaroon", lambda g: "py" + "pi-AgEIcHlwaS5vcmc" + g.mixed("b64u", 150)),
    ("jwt", "header is not JSON", jwt),
    ("private key", "RSA, random bytes", key(keys.rsa_pem)),
    ("private key", "RSA, cut", key(keys.rsa_pem, True)),
    ("private key", "PKCS 8, cut", key(keys.pkcs8_rsa, True)),
    ("private key", "OpenSSH, random bytes", key(keys.openssh_private)),
    ("private key", "OpenPGP, wrong CRC24", lambda g: keys.pgp_private(g, g.raw(3)).rstrip("\n")),
]
