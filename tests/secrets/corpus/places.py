"""Positives that are a whole file or a line of their own form: URLs, headers, keys, tools' files.

Each entry: provider, kind, expected, function of g giving (path, text with the secret between the marks).
`\\x01` and `\\x02` in the text stand around the secret's lines and are taken out when it is written.
"""

import base64
import json

from . import encode, keys
from .rand import fill

A, Z = "\x01", "\x02"


def b64(text):
    return base64.b64encode(text.encode()).decode()


def pw(g, n=18):
    return g.mixed("b62", n)


def host(g):
    return "%s.%s.internal" % (g.word(), g.word())


def url(scheme, path, form):
    """A connection URL with a password, put in a line of a file."""

    def make(g):
        u = "%s:" "//%s:%s" "@%s:%d/%s" % (scheme, g.word(), pw(g), host(g), g.randint(1024, 9999), g.word())
        return path, "# %s\n%s%s%s\nDEBUG=0\n" % (g.word(), A, form.replace("@V@", u.replace("|", "")), Z)

    return make


def line(path, before, form, after=""):
    """One line, and the lines around it, with their fields filled."""

    def make(g):
        text = fill(before + A + form + Z + "\n" + after, g)
        return path, text.replace("@word@", g.word()).replace("@host@", host(g))

    return make


def key_file(path, make_key):
    return lambda g: (path, A + make_key(g).rstrip("\n") + Z + "\n")


def key_in(path, form, make_key):
    """A key on one line with its line ends written as \\n."""
    return lambda g: (path, form.replace("@V@", A + make_key(g).replace("\n", "\\n") + Z) + "\n")


def key_yaml(g):
    body = "\n".join("    " + s for s in keys.pkcs8_rsa(g).rstrip("\n").split("\n"))
    return "config/tls.yml", "tls:\n  cert: none\n  key: |\n" + A + body + Z + "\n  port: 443\n"


def service_account(g):
    body = {
        "type": "service_account",
        "project_id": g.word() + "-" + g.chars("d", 6),
        "private" + "_key_id": g.chars("hex", 40),
        "private" + "_key": keys.pkcs8_rsa(g),
        "client_email": "ci@%s.iam.gserviceaccount.com" % g.word(),
        "client_id": g.chars("d", 21),
    }
    text = json.dumps(body, indent=2).split("\n")
    return "gcp/credentials.json", "\n".join(text[:3]) + "\n" + A + "\n".join(text[3:5]) + Z + "\n" + "\n".join(text[5:]) + "\n"


def docker_config(g):
    body = {"auths": {"registry.example.org": {"auth": b64(g.word() + ":" + pw(g))}}}
    text = json.dumps(body, indent=2).split("\n")
    return ".docker/config.json", "\n".join(text[:3]) + "\n" + A + text[3] + Z + "\n" + "\n".join(text[4:]) + "\n"


def kubeconfig(g):
    return "kube/config", "apiVersion: v1\nkind: Config\nusers:\n- name: admin\n  user:\n" + A + "    client-key-data: " + b64(keys.rsa_pem(g)) + Z + "\n"


def kube_token(g):
    claims = {"iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:default:" + g.word()}
    return "kube/config", "apiVersion: v1\nkind: Config\nusers:\n- name: ci\n  user:\n" + A + "    token: " + encode.jwt(g, claims, "RS256") + Z + "\n"


def k8s_secret(g):
    return "deploy/secret.yml", "apiVersion: v1\nkind: Secret\ntype: Opaque\ndata:\n  user: " + b64(g.word()) + "\n" + A + "  db-pass" + "word: " + b64(g.password(20)) + Z + "\n"


def tfstate(g):
    return "terraform.tfstate", json.dumps({"version": 4, "resources": []})[:-1] + ',\n "x": {\n' + A + '  "secret_key": "' + g.mixed("b64", 40) + '",' + Z + '\n  "n": 1}}\n'


def jwk(g):
    n, e, d, p, q, *_ = keys.rsa_numbers(g)
    size = lambda v: encode.b64u(v.to_bytes((v.bit_length() + 7) // 8, "big"))
    body = {"kty": "RSA", "kid": g.uuid(), "n": size(n), "e": size(e), "d": size(d), "p": size(p), "q": size(q)}
    return "jwks/private.json", A + json.dumps(body, indent=1) + Z + "\n"


def wordpress_salts(g):
    salt = lambda: "".join(g.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!@#$%^&*()-_[]{}<>~`+=,.;:/?|") for _ in range(64))
    names = ["AUTH_KEY", "SECURE_AUTH_KEY", "LOGGED_IN_KEY", "NONCE_SALT"]
    return "wp-config.php", "<?php\n" + A + "\n".join("define('%s', '%s');" % (n.ljust(8), salt()) for n in names) + Z + "\n"


URL_FORMS = [("DATABASE_URL=@V@", ".env"), ('url: "@V@"', "config/database.yml"), ("engine = create_engine('@V@')", "db.py"), ('"connection": "@V@",', "config.json"), ("- URL: @V@", "README.md")]


def _urls():
    schemes = ["post|gres", "postgres|ql", "my|sql", "mongo|db", "mongodb+|srv", "red|is", "red|iss", "am|qp", "am|qps", "postgresql+psyc|opg2", "clickh|ouse", "ft|p", "ld|ap", "smt|p", "nat|s", "sql|server", "cockroach|db"]
    for i, s in enumerate(schemes):
        form, path = URL_FORMS[i % len(URL_FORMS)]
        yield ("url", s.replace("|", "") + " with password", "likely", url(s, path, form))


TABLE = list(_urls()) + [
    ("url", "https with basic auth", "likely", line("scripts/get.sh", "#!/bin/sh\n", "wget https|://ci:{b62:20}@@host@/@word@.tar.gz")),
    ("url", "git remote with token", "likely", line(".gitmodules", '[submodule "lib"]\n\tpath = lib\n', "\turl = https|://oauth2:{b62:24}@git.@host@/lib.git")),
    ("url", "pip index with password", "likely", line("pip.conf", "[global]\n", "index-url = https|://@word@:{b62:22}@pypi.@host@/simple")),
    ("url", "redis with password only", "likely", line(".env", "A=1\n", "CACHE_URL=red|is://:{b62:26}@@host@:6379/0")),
    ("url", "access token in a query", "likely", line("api.http", "### @word@\n", "GET https://api.example.org/v2/items?access_|token={b62:40}&page=2")),
    ("url", "api key in a query", "likely", line("fetch.js", "// x\n", "fetch('https://api.example.org/v1/w?q=a&api_|key={hex:32}');")),
    ("jdbc", "password in the URL", "likely", line("application.properties", "a=b\n", "spring.datasource.url=jdbc:mysql://@host@:3306/app?user=app&pass|word={b62:18}&useSSL=true")),
    ("ado.net", "connection string", "likely", line("appsettings.json", '{ "ConnectionStrings": {\n', '  "Main": "Server=tcp:@host@,1433;Database=app;User ID=app;Pass|word={b62:20};Encrypt=True;"', "}}\n")),
    ("odbc", "connection string", "likely", line("odbc.ini", "[main]\n", "Connect = Driver={SQL Server};Server=@host@;Uid=app;Pw|d={b62:18};")),
    ("azure", "storage connection string", "likely", line("local.settings.json", '{ "Values": {\n', '  "AzureWebJobsStorage": "DefaultEndpointsProtocol=https;AccountName=@word@;Account|Key={bytes:64};EndpointSuffix=core.windows.net"', "}}\n")),
    ("azure", "service bus connection string", "likely", line("bus.py", "x = 1\n", 'CONN = "Endpoint=sb://@word@.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccess|Key={bytes:32}"')),
    ("azure", "shared access signature", "likely", line("fetch.ps1", "# get\n", "Invoke-WebRequest 'https://@word@.blob.core.windows.net/c/f?sv=2022-11-02&ss=b&srt=o&sp=r&se=2030-01-01T00:00:00Z&si|g={b62:42}%3D'")),
    ("azure", "cosmos connection string", "likely", line("appsettings.Production.json", "{\n", '  "Cosmos": "AccountEndpoint=https://@word@.documents.azure.com:443/;Account|Key={bytes:64};"', "}\n")),
    ("header", "basic authorization", "likely", lambda g: ("deploy.sh", "#!/bin/sh\n" + A + "curl -H 'Authorization: Ba" + "sic " + b64(g.word() + ":" + pw(g, 20)) + "' https://api.example.org" + Z + "\n")),
    ("header", "bearer authorization", "likely", line("client.rb", "require 'net/http'\n", "req['Authorization'] = 'Bear|er {b62:48}'")),
    ("header", "x-api-key", "likely", line("test.http", "POST https://api.example.org/v1/x\n", "X-Api|-Key: {b62:36}", "Accept: */*\n")),
    ("curl", "user and password", "likely", line("ci/run.sh", "set -e\n", "curl -fsS -u ci-bot:{b62:20} -T out.tgz https://@host@/up/")),
    ("docker", "login password", "likely", line("ci/push.sh", "set -e\n", "docker login -u robot -|p {b62:24} registry.@host@")),
    ("mysql", "password flag", "likely", line("backup.sh", "#!/bin/sh\n", "mysqldump -u backup --pass|word={b62:18} -h @host@ app > /tmp/app.sql")),
    ("sshpass", "password flag", "likely", line("sync.sh", "#!/bin/sh\n", "ssh|pass -p '{b62:16}' ssh admin@@host@ uptime")),
    ("netrc", "password", "likely", line(".netrc", "", "machine @host@ login ci pass|word {b62:20}")),
    ("pgpass", "password", "likely", line(".pgpass", "", "@host@:5432:app:app:{b62:20}")),
    ("npm", "legacy registry token", "likely", line(".npmrc", "registry=https://npm.example.org/\n", "//npm.example.org/:_auth|Token={uuid}")),
    ("npm", "registry basic auth", "likely", lambda g: (".npmrc", "always-auth=true\n" + A + "//npm.example.org/:_au" + "th=" + b64(g.word() + ":" + pw(g)) + Z + "\n")),
    ("git", "credential store", "likely", line(".git-credentials", "", "https|://dev:{b62:24}@git.@host@")),
    ("docker", "registry auth", "likely", docker_config),
    ("maven", "server password", "likely", line("settings.xml", "<settings><servers><server>\n<id>nexus</id><username>ci</username>\n", "<pass|word>{b62:20}</password>", "</server></servers></settings>\n")),
    ("mysql", "my.cnf", "likely", line("my.cnf", "[client]\nuser=app\n", "pass|word={b62:18}", "host=db\n")),
    ("aws", "credentials file", "likely", lambda g: (".aws/credentials", "[default]\n" + A + fill("aws_access_|key_id = AK|IA{b32:16}\naws_secret_|access_key = {b64:40}", g) + Z + "\n")),
    ("s3cfg", "secret key", "likely", lambda g: (".s3cfg", "[default]\n" + A + fill("access_key = AK|IA{b32:16}\nsecret_key = {b64:40}", g) + Z + "\nuse_https = True\n")),
    ("kubernetes", "secret data", "likely", k8s_secret),
    ("kubernetes", "client key", "likely", kubeconfig),
    ("kubernetes", "service account token", "likely", kube_token),
    ("terraform", "state", "likely", tfstate),
    ("google", "service account", "certain", service_account),
    ("private key", "RSA", "certain", key_file("certs/server.key", keys.rsa_pem)),
    ("private key", "PKCS 8 RSA", "certain", key_file("tls/key.pem", keys.pkcs8_rsa)),
    ("private key", "PKCS 8 Ed25519", "certain", key_file("id.pem", keys.pkcs8_ed25519)),
    ("private key", "EC", "certain", key_file("ec.pem", keys.ec_pem)),
    ("private key", "DSA", "certain", key_file("dsa.pem", keys.dsa_pem)),
    ("private key", "OpenSSH", "certain", key_file(".ssh/id_ed25519", keys.openssh_private)),
    ("private key", "OpenPGP", "certain", key_file("release.asc", keys.pgp_private)),
    ("private key", "PuTTY", "likely", key_file("server.ppk", keys.putty)),
    ("private key", "on one line in .env", "certain", key_in(".env", 'A=1\nTLS_KEY="@V@"', keys.pkcs8_rsa)),
    ("private key", "on one line in JSON", "certain", key_in("key.json", '{"a": 1,\n "k": "@V@"}', keys.ec_pem)),
    ("private key", "indented in YAML", "certain", key_yaml),
    ("private key", "in Python source", "certain", lambda g: ("tests/test_tls.py", 'import ssl\n\nKEY = """\\\n' + A + keys.rsa_pem(g).rstrip("\n") + Z + '\n"""\n')),
    ("private key", "JWK", "likely", jwk),
    ("wordpress", "salts", "likely", wordpress_salts),
    ("wireguard", "private key", "likely", line("wg0.conf", "[Interface]\nAddress = 10.0.0.2/24\n", "Private|Key = {bytes:32}", "[Peer]\nPublicKey = {bytes:32}\n")),
    (".net", "machine key", "likely", line("Web.config", "<configuration><system.web>\n", '<machine|Key validationKey="{HEX:128}" decryptionKey="{HEX:64}" validation="SHA1" />')),
    ("totp", "otpauth URL", "likely", line("notes.txt", "2FA:\n", "otp|auth://totp/Acme:ci@example.org?sec|ret={b32:32}&issuer=Acme")),
    ("ansible", "ssh password", "likely", line("inventory.ini", "[web]\n", "web1 ansible_host=10.0.0.1 ansible_user=root ansible_ssh_|pass={b62:18}")),
    ("windows", "unattend password", "likely", line("unattend.xml", "<AutoLogon>\n<User|name>Admin</User|name>\n", "<Pass|word><Val|ue>{b62:16}</Val|ue></Pass|word>", "</AutoLogon>\n")),
    ("generic", "command line secret", "possible", line("Procfile", "", "web: ./serve --client-|secret={b62:36} --port 80")),
    ("generic", "default in an environment lookup", "likely", line("app.py", "import os\n", 'key = os.environ.get("API_|SECRET", "{b62:40}")')),
    ("generic", "default in a shell expansion", "likely", line("run.sh", "#!/bin/sh\n", ': "${API_|TOKEN:={b62:40}}"')),
    ("generic", "comparison in source", "likely", line("auth.js", "function ok(p) {\n", "  return pass|word === '{b62:20}';", "}\n")),
    ("generic", "in a comment", "possible", line("main.go", "package main\n", "// the api_|key is {b62:36}, ask ops", "func main() {}\n")),
    ("generic", "colon in prose", "possible", line("docs/setup.md", "# Setup\n\n", "Log in as admin, pass|word: {pw:14}", "\n")),
    ("firebase", "cloud messaging key", "likely", line("push.py", "x = 1\n", 'KEY = "AA|AA{b64u:7}:APA|91b{b64u:134}"')),
    ("sentry", "dsn with a secret", "likely", line("settings.py", "x = 1\n", 'DSN = "https|://{hex:32}:{hex:32}@sentry.example.org/7"')),
]
