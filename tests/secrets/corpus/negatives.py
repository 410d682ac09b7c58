"""Lock files, hashes, encoded data and public keys: high entropy and no secret.

Each entry: kind, how many files, function of g giving (path, text or bytes).
"""

import base64
import hashlib
import json

from . import encode, keys


def sha(g, n=40):
    return g.chars("hex", n)


def sri(g, bits=512):
    return "sha%d-%s" % (bits, g.b64(bits // 8))


def npm_name(g):
    return g.choice(["", "@" + g.word() + "/"]) + g.word() + "-" + g.word()


def package_lock(g):
    pk = {}
    for _ in range(60):
        n, v = npm_name(g), "%d.%d.%d" % (g.randint(0, 9), g.randint(0, 30), g.randint(0, 9))
        pk["node_modules/" + n] = {"version": v, "resolved": "https://registry.npmjs.org/%s/-/%s-%s.tgz" % (n, n.split("/")[-1], v), "integrity": sri(g), "license": "MIT"}
    return "package-lock.json", json.dumps({"name": g.word(), "lockfileVersion": 3, "packages": pk}, indent=2) + "\n"


def yarn_lock(g):
    out = ["# yarn lockfile v1", ""]
    for _ in range(50):
        n = npm_name(g)
        out += ['"%s@^1.%d.0":' % (n, g.randint(0, 9)), '  version "1.%d.2"' % g.randint(0, 9), '  resolved "https://registry.yarnpkg.com/%s/-/x-1.0.2.tgz#%s"' % (n, sha(g)), "  integrity " + sri(g), ""]
    return "yarn.lock", "\n".join(out)


def pnpm_lock(g):
    rows = "".join("  /%s@1.%d.0:\n    resolution: {integrity: %s}\n    dev: true\n" % (npm_name(g), g.randint(0, 9), sri(g)) for _ in range(40))
    return "pnpm-lock.yaml", "lockfileVersion: '6.0'\npackages:\n" + rows


def cargo_lock(g):
    rows = "".join('[[package]]\nname = "%s"\nversion = "0.%d.1"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "%s"\n\n' % (g.words(2, "-"), g.randint(0, 9), sha(g, 64)) for _ in range(50))
    return "Cargo.lock", "version = 3\n\n" + rows


def poetry_lock(g):
    rows = "".join('[[package]]\nname = "%s"\nversion = "1.%d"\nfiles = [\n    {file = "%s-1.0-py3-none-any.whl", hash = "sha256:%s"},\n    {file = "x.tar.gz", hash = "sha256:%s"},\n]\n\n' % (g.word(), g.randint(0, 9), g.word(), sha(g, 64), sha(g, 64)) for _ in range(30))
    return "poetry.lock", rows + '[metadata]\ncontent-hash = "%s"\n' % sha(g, 64)


def go_sum(g):
    return "go.sum", "".join("github.com/%s/%s v1.%d.0 h1:%s\ngithub.com/%s/%s v1.2.0/go.mod h1:%s\n" % (g.word(), g.word(), g.randint(0, 9), g.b64(32), g.word(), g.word(), g.b64(32)) for _ in range(60))


def composer_lock(g):
    pk = [{"name": g.word() + "/" + g.word(), "source": {"type": "git", "reference": sha(g)}, "dist": {"shasum": sha(g)}} for _ in range(30)]
    return "composer.lock", json.dumps({"content-hash": sha(g, 32), "packages": pk}, indent=4)


def gemfile_lock(g):
    return "Gemfile.lock", "GIT\n  remote: https://github.com/a/b.git\n  revision: %s\n\nGEM\n  specs:\n%s\nCHECKSUMS\n%s" % (sha(g), "".join("    %s (1.%d.0)\n" % (g.word(), g.randint(0, 9)) for _ in range(20)), "".join("  %s (1.0) sha256=%s\n" % (g.word(), sha(g, 64)) for _ in range(20)))


def pipfile_lock(g):
    return "Pipfile.lock", json.dumps({"_meta": {"hash": {"sha256": sha(g, 64)}}, "default": {g.word(): {"hashes": ["sha256:" + sha(g, 64) for _ in range(5)], "version": "==1.0"} for _ in range(20)}}, indent=4)


def requirements(g):
    return "requirements.txt", "".join("%s==1.%d \\\n    --hash=sha256:%s \\\n    --hash=sha256:%s\n" % (g.word(), g.randint(0, 9), sha(g, 64), sha(g, 64)) for _ in range(20))


def flake_lock(g):
    return "flake.lock", json.dumps({"nodes": {g.word(): {"locked": {"lastModified": 1700000000, "narHash": "sha256-" + g.b64(32), "rev": sha(g), "type": "github"}} for _ in range(8)}, "version": 7}, indent=2)


def terraform_lock(g):
    return ".terraform.lock.hcl", 'provider "registry.terraform.io/hashicorp/aws" {\n  version = "5.1.0"\n  hashes = [\n%s%s  ]\n}\n' % ("".join('    "h1:%s",\n' % g.b64(32) for _ in range(3)), "".join('    "zh:%s",\n' % sha(g, 64) for _ in range(12)))


def sums(g):
    algo, n = g.choice([("MD5", 32), ("SHA1", 40), ("SHA256", 64), ("SHA512", 128)])
    return algo + "SUMS", "".join("%s  %s-%d.tar.gz\n" % (sha(g, n), g.word(), g.randint(1, 9)) for _ in range(20))


def git_hashes(g):
    return g.choice([".git-blame-ignore-revs", "log.txt", "packed-refs"]), "".join("%s %s\n" % (sha(g), g.choice(["refs/heads/" + g.word(), g.words(4)])) for _ in range(20))


def uuids(g):
    return "fixtures/%s.json" % g.word(), json.dumps([{"id": g.uuid(), "parent_id": g.uuid(), "key": g.uuid(), "name": g.word(), "etag": 'W/"%s"' % sha(g, 32)} for _ in range(12)], indent=1)


def minified(g):
    idents = lambda: g.chars("let", g.randint(1, 2))
    out = []
    for _ in range(900):
        out.append(g.choice(["function %s(%s,%s){return %s.%s(%s)}", "var %s=%s?%s:%s[%s],%s;", "!function(%s){%s.%s=%s,%s(%s)}();", "%s.%s=function(%s){this.%s=%s||%s};"]) % tuple(idents() for _ in range(6)))
        if g.random() < 0.1:
            out.append('%s.setAttribute("%s","%s-%s");' % (idents(), g.word(), g.word(), g.word()))
        if g.random() < 0.05:
            out.append('e.exports=n.p+"static/media/%s.%s.svg";' % (g.word(), sha(g, 20)))
        if g.random() < 0.03:
            out.append('%s.password=%s.apiKey||%s.token,%s.secret=!0;' % tuple(idents() for _ in range(4)))
    return "dist/%s.%s.min.js" % (g.word(), sha(g, 8)), "/*! %s v1.2 */" % g.word() + "".join(out) + "\n"


def source_map(g):
    maps = ";".join(",".join(g.chars("b64", g.choice([4, 5])) for _ in range(g.randint(1, 30))) for _ in range(300))
    return "dist/%s.js.map" % g.word(), json.dumps({"version": 3, "sources": ["../src/%s.ts" % g.word() for _ in range(6)], "names": [g.word() for _ in range(30)], "mappings": maps})


def base64_image(g):
    kind = g.choice(["png", "jpeg", "gif", "webp"])
    data = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff\xe0", "gif": b"GIF89a", "webp": b"RIFF"}[kind] + g.raw(g.randint(900, 6000))
    u = "data:image/%s;base64,%s" % (kind, base64.b64encode(data).decode())
    path, form = g.choice([("style.css", ".a{background:url(%s)}\n"), ("index.html", '<img src="%s" alt="x">\n'), ("src/icon.js", 'export default "%s";\n'), ("README.md", "![x](%s)\n")])
    return path, form % u


def base64_font(g):
    return "fonts.css", "@font-face{font-family:x;src:url(data:font/woff2;charset=utf-8;base64,%s) format('woff2')}\n" % base64.b64encode(b"wOF2" + g.raw(8000)).decode()


def notebook_output(g):
    img = base64.b64encode(b"\x89PNG\r\n\x1a\n" + g.raw(5000)).decode()
    return "plot.ipynb", json.dumps({"cells": [{"cell_type": "code", "id": sha(g, 8), "metadata": {}, "outputs": [{"data": {"image/png": img}, "output_type": "display_data"}], "source": ["plot(x)\n"]}]}, indent=1)


def certificates(g):
    return "ca/bundle.pem", "".join("# %s root\n%s" % (g.word(), keys.certificate(g)) for _ in range(4))


def certificate_in_code(g):
    return "tls.py", 'CA = """\\\n%s"""\n' % keys.certificate(g)


def kube_ca(g):
    return "kube.yml", "clusters:\n- cluster:\n    certificate-authority-data: %s\n    server: https://10.0.0.1\n" % base64.b64encode(keys.certificate(g).encode()).decode()


def public_keys(g):
    return g.choice([("keys/pub.pem", keys.public_pem(g)), ("req.csr", keys.csr(g)), ("KEYS", keys.pgp_public(g)), ("x.tar.gz.asc", keys.pgp_signature(g)), ("id_rsa.pub", keys.ssh_public(g, "ssh-rsa") + " me@host\n"), ("known_hosts", "github.example " + keys.ssh_public(g) + "\n|1|%s|%s ssh-ed25519 AAAA\n" % (g.b64(20), g.b64(20))), ("authorized_keys", "".join(keys.ssh_public(g, g.choice(["ssh-ed25519", "ssh-rsa"])) + " %s@host\n" % g.word() for _ in range(4))), ("recipients.txt", "# team\n" + "".join(encode.age_public(g) + "\n" for _ in range(4))), ("wallet.json", json.dumps({"xpub": encode.xpub(g), "address": encode.base58check(b"\0" + g.raw(20))}))])


def jwks(g):
    ks = [{"kty": "RSA", "use": "sig", "kid": g.uuid(), "alg": "RS256", "n": encode.b64u(g.raw(256)), "e": "AQAB", "x5t": g.b64u(20)} for _ in range(2)]
    return ".well-known/jwks.json", json.dumps({"keys": ks}, indent=2)


def dkim(g):
    return "zone.db", 'mail._domainkey IN TXT ( "v=DKIM1; k=rsa; p=%s" )\n_x IN TXT "google-site-verification=%s"\n' % (g.b64(290), g.mixed("b64u", 43))


def wireguard_peer(g):
    return "wg-peers.conf", "".join("[Peer]\nPublicKey = %s\nAllowedIPs = 10.0.0.%d/32\n" % (g.b64(32), i) for i in range(5))


def csp(g):
    return "index.html", "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'sha256-%s' 'nonce-%s'\">\n<script src=\"https://cdn.example.org/x.js\" integrity=\"%s\" crossorigin=\"anonymous\" nonce=\"%s\"></script>\n" % (g.b64(32), g.mixed("b62", 22), sri(g, 384), g.mixed("b62", 22))


def etags(g):
    return "cassettes/%s.yaml" % g.word(), "interactions:\n- response:\n    headers:\n      ETag: ['\"%s\"']\n      X-Request-Id: [%s]\n      CF-RAY: [%s-AMS]\n      X-Amz-Cf-Id: ['%s==']\n      X-GitHub-Request-Id: ['%s']\n" % (sha(g, 32), g.uuid(), sha(g, 16), g.mixed("b64u", 54), ":".join(g.chars("HEX", 4) for _ in range(5)))


def genome(g):
    return "data/%s.fa" % g.word(), "".join(">seq%d %s\n%s\n" % (i, g.word(), encode.wrap("".join(g.choice("ACGT") for _ in range(600)), 70)) for i in range(4))


def protein(g):
    return "data/p.fasta", "".join(">sp|P%05d|%s_HUMAN\n%s\n" % (g.randint(0, 99999), g.word().upper(), encode.wrap("".join(g.choice("ACDEFGHIKLMNPQRSTVWY") for _ in range(400)), 60)) for i in range(4))


def smiles(g):
    return "chem.csv", "name,smiles,inchikey\n" + "".join("%s,%s,%s-%s-N\n" % (g.word(), "".join(g.choice(["C", "c1ccccc1", "N", "(=O)", "O", "C(C)", "[nH]", "Cl"]) for _ in range(14)), g.chars("up", 14), g.chars("up", 10)) for _ in range(20))


def ansible_vault(g):
    body = encode.wrap(g.chars("hex", 640), 80)
    return "group_vars/vault.yml", g.choice(["$ANSIBLE_VAULT;1.1;AES256\n" + body + "\n", "db_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  " + body.replace("\n", "\n  ") + "\n"])


def sops(g):
    enc = lambda: "ENC[AES256_GCM,data:%s,iv:%s,tag:%s,type:str]" % (g.b64(24), g.b64(32), g.b64(16))
    return "secrets.enc.yaml", "password: %s\napi_key: %s\nstripe:\n    secret_key: %s\nsops:\n    mac: %s\n    version: 3.8.1\n    age:\n        - recipient: %s\n          enc: |\n            -----BEGIN AGE ENCRYPTED FILE-----\n            %s\n            -----END AGE ENCRYPTED FILE-----\n" % (enc(), enc(), enc(), enc(), encode.age_public(g), g.b64(120))


def sealed(g):
    return "sealed.yaml", "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nspec:\n  encryptedData:\n    password: Ag%s\n    token: Ag%s\n" % (g.b64(400), g.b64(400))


def docker_digests(g):
    return g.choice(["Dockerfile", "images.yaml", "action.yml"]), "".join(g.choice(["FROM debian@sha256:%s\n" % sha(g, 64), "  image: registry.example.org/app@sha256:%s\n" % sha(g, 64), "      - uses: actions/checkout@%s\n" % sha(g)]) for _ in range(8))


def hex_dump(g):
    return g.choice(["dump.txt", "test_vectors.c"]), g.choice([lambda: "".join("%08x: %s\n" % (i * 16, " ".join(sha(g, 4) for _ in range(8))) for i in range(30)), lambda: "static const uint8_t data[] = {\n" + "".join("  " + ", ".join("0x" + sha(g, 2) for _ in range(12)) + ",\n" for _ in range(20)) + "};\n"])()


def crypto_vectors(g):
    return "tests/vectors.txt", "".join("COUNT = %d\nPT = %s\nCT = %s\nIV = %s\nTag = %s\n\n" % (i, sha(g, 64), sha(g, 64), sha(g, 24), sha(g, 32)) for i in range(10))


def svg_path(g):
    d = "".join("%s%.2f %.2f" % (g.choice("MLCQAZ"), g.uniform(0, 99), g.uniform(0, 99)) for _ in range(200))
    return "icon.svg", '<svg viewBox="0 0 24 24"><path id="%s" d="%s"/></svg>\n' % (sha(g, 12), d)


def webpack_chunks(g):
    return "asset-manifest.json", json.dumps({"files": {"%s.js" % g.word(): "/static/js/%s.%s.chunk.js" % (g.word(), sha(g, 8)) for _ in range(20)}, "buildId": g.mixed("b64u", 21)}, indent=2)


def password_hashes(g):
    """Hashes of fixtures' passwords: not a password. Counted apart (see README)."""
    return "users.json", json.dumps([{"name": g.word(), "digest": hashlib.sha256(g.raw(8)).hexdigest()} for _ in range(6)], indent=1)


TABLE = [
    ("lock: npm", 8, package_lock), ("lock: yarn", 6, yarn_lock), ("lock: pnpm", 4, pnpm_lock), ("lock: cargo", 6, cargo_lock), ("lock: poetry", 4, poetry_lock), ("lock: go.sum", 5, go_sum),
    ("lock: composer", 3, composer_lock), ("lock: gem", 3, gemfile_lock), ("lock: pipfile", 3, pipfile_lock), ("lock: requirements", 3, requirements), ("lock: flake", 2, flake_lock), ("lock: terraform", 2, terraform_lock),
    ("checksums", 6, sums), ("git hashes", 6, git_hashes), ("uuids", 6, uuids), ("minified", 8, minified), ("source map", 6, source_map), ("base64 image", 8, base64_image), ("base64 font", 3, base64_font),
    ("notebook output", 3, notebook_output), ("certificate", 4, certificates), ("certificate in code", 3, certificate_in_code), ("certificate in kubeconfig", 2, kube_ca), ("public key", 14, public_keys), ("jwks", 3, jwks),
    ("dns", 3, dkim), ("wireguard peers", 2, wireguard_peer), ("csp and sri", 5, csp), ("etags", 4, etags), ("genome", 3, genome), ("protein", 3, protein), ("chemistry", 3, smiles), ("ansible vault", 4, ansible_vault),
    ("sops", 4, sops), ("sealed secret", 3, sealed), ("digests", 5, docker_digests), ("hex dump", 4, hex_dump), ("crypto vectors", 3, crypto_vectors), ("svg", 3, svg_path), ("build manifest", 3, webpack_chunks), ("digests in fixtures", 2, password_hashes),
]
