"""Secrets by name in places and under names that no table lists: put together from parts, anew for each seed."""

import base64

from .contexts import _simple
from .rand import fill

OWNERS = "stripe billing mailer smtp ldap jira grafana kafka rabbit elastic sentry payment partner internal admin root deploy backup sync crm erp gateway upstream legacy staging prod oauth sso webhook report metrics vault registry proxy vpn sftp imap".split()
# The last words of a name, each with the shapes of value it is given.
KINDS = [
    ("secret", ["{b62:32}", "{hex:64}", "{b64u:43}"]),
    ("client_secret", ["{b62:40}", "{b64u:36}"]),
    ("shared_secret", ["{bytes:32}", "{hex:40}"]),
    ("app_secret", ["{hex:32}", "{b62:24}"]),
    ("token", ["{b62:40}", "{hex:40}", "{b64u:64}"]),
    ("api_token", ["{b62:32}", "{hex:48}"]),
    ("bot_token", ["{b64u:48}"]),
    ("refresh_token", ["{b64u:60}"]),
    ("api_key", ["{hex:32}", "{b62:36}", "{az:40}"]),
    ("apikey", ["{hex:40}", "{b62:32}"]),
    ("secret_key", ["{b62:40}", "{bytes:32}"]),
    ("private_key", ["{hex:64}"]),
    ("hmac_key", ["{bytes:32}", "{hex:64}"]),
    ("auth_key", ["{b62:32}"]),
    ("password", ["{pw:16}", "{b62:20}", "{pw:24}"]),
    ("passwd", ["{b62:18}", "{pw:16}"]),
    ("pwd", ["{pw:18}", "{b62:16}"]),
    ("pass", ["{b62:20}"]),
    ("passphrase", ["{pw:20}"]),
]

PLACES = {
    "flow map": _simple("conf/%(w1)s.yml", ["services:"], "  %(w1)s: { host: %(w2)s, @name@: '@V@', port: %(n)d }"),
    "minified object": _simple("public/%(w1)s.js", ["(function(){"], 'var c={url:"/%(w1)s",@camel@:"@V@",n:%(n)d};', ["})();"]),
    "class property": _simple("src/%(w1)s.service.ts", ["export class A {"], "  private readonly @camel@ = '@V@';", ["}"]),
    "typed property": _simple("src/%(w1)s.ts", ["class A {"], '  static @camel@: string = "@V@";', ["}"]),
    "dataclass default": _simple("%(w1)s.py", ["@dataclass", "class Settings:"], '    @name@: str = "@V@"', ["    port: int = %(n)d"]),
    "argument default": _simple("%(w1)s.py", ["import os"], 'def connect(host, @name@="@V@", port=%(n)d):', ["    pass"]),
    "Go map": _simple("%(w1)s.go", ["package x", "var m = map[string]string{"], '\t"@name@": "@V@",', ["}"]),
    "Go argument": _simple("%(w1)s.go", ["package x", "func f() {"], '\tos.Setenv("@NAME@", "@V@")', ["}"]),
    "C++": _simple("%(w1)s.cpp", ["#include <string>"], 'const std::string k@Pascal@{"@V@"};', ["int x;"]),
    "setProperty": _simple("%(w1)s.java", ["class A {"], '  props.setProperty("@kebab@", "@V@");', ["}"]),
    "builder": _simple("%(w1)s.kt", ["val c = Client.builder()"], '  .@camel@("@V@")', ["  .build()"]),
    "setter": _simple("%(w1)s.java", ["class A { void f() {"], '  ds.set@Pascal@("@V@");', ["}}"]),
    "Nix": _simple("%(w1)s.nix", ["{"], '  services.%(w1)s.@camel@ = "@V@";', ["}"]),
    "Erlang": _simple("%(w1)s.config", ["["], '  {@name@, <<"@V@">>},', ["  {port, %(n)d}]."]),
    "Clojure": _simple("%(w1)s.edn", ["{:host \"%(w1)s\""], ' :@kebab@ "@V@"', [" :port %(n)d}"]),
    "Emacs Lisp": _simple("init.el", [";; %(w1)s"], '(setq %(w1)s-@kebab@ "@V@")', [""]),
    "fish": _simple("config.fish", ["# %(w1)s"], "set -gx @NAME@ @V@", [""]),
    "csh": _simple(".cshrc", ["# %(w1)s"], 'setenv @NAME@ "@V@"', [""]),
    "Postman": _simple("%(w1)s.postman_environment.json", ['{"values":['], '  {"key": "@name@", "value": "@V@", "enabled": true},', ['  {"key": "host", "value": "%(w1)s"}]}']),
    "name and value lines": _simple("task.json", ['{"environment":[', "  {"], '    "name": "@NAME@",\n    "value": "@V@"', ["  }]}"]),
    "Kubernetes env": _simple("deploy.yml", ["        env:"], '        - name: @NAME@\n          value: "@V@"', ["        - name: PORT", '          value: "%(n)d"']),
    "helm --set": _simple("up.sh", ["#!/bin/sh"], "helm upgrade %(w1)s . --set auth.@camel@=@V@ --wait", [""]),
    "kubectl literal": _simple("up.sh", ["#!/bin/sh"], "kubectl create secret generic %(w1)s --from-literal=@kebab@=@V@", [""]),
    "docker run": _simple("run.sh", ["#!/bin/sh"], "docker run -d -e @NAME@=@V@ -p 80:80 %(w1)s:2", [""]),
    "form data": _simple("get.sh", ["#!/bin/sh"], "curl -d 'grant_type=x&@name@=@V@&scope=all' https://example.org/t", [""]),
    "XML attribute": _simple("%(w1)s.xml", ["<beans>"], '  <bean id="%(w1)s" @camel@="@V@" port="%(n)d"/>', ["</beans>"]),
    "XML element": _simple("%(w1)s.xml", ["<config>"], "  <@camel@>@V@</@camel@>", ["</config>"]),
    "Spring property": _simple("beans.xml", ["<bean>"], '  <property name="@camel@" value="@V@"/>', ["</bean>"]),
    "HCL block": _simple("%(w1)s.hcl", ["auth {"], '  @name@ = "@V@"', ["}"]),
    "jsonnet": _simple("%(w1)s.jsonnet", ["{"], "  @camel@:: '@V@',", ["}"]),
    "Groovy": _simple("build.gradle", ["ext {"], "    @camel@ = '@V@'", ["}"]),
    "VB": _simple("%(w1)s.vb", ["Module A"], '  Private Const @Pascal@ As String = "@V@"', ["End Module"]),
    "Objective-C": _simple("%(w1)s.m", ["#import <x.h>"], 'static NSString * const k@Pascal@ = @"@V@";', [""]),
    "Terraform map": _simple("%(w1)s.tf", ["locals {", "  env = {"], '    @NAME@ = "@V@"', ["  }", "}"]),
    "heroku": _simple("up.sh", ["#!/bin/sh"], "heroku config:set @NAME@=@V@ -a %(w1)s", [""]),
    "Java annotation": _simple("%(w1)s.java", ["class A {"], '  @Value("${%(w1)s.@kebab@:@V@}") String x;', ["}"]),
    "crontab": _simple("crontab", ["MAILTO=a"], "5 4 * * * @NAME@='@V@' /usr/bin/%(w1)s", [""]),
    "diff": _simple("fix.patch", ["--- a/%(w1)s", "+++ b/%(w1)s", "@@ -1,2 +1,3 @@"], '+@name@ = "@V@"', [" port = %(n)d"]),
}
QUOTED = [p for p in PLACES if p not in ("fish", "helm --set", "kubectl literal", "docker run", "form data", "heroku", "crontab", "Java annotation")]


def entries(g, count):
    """(place, kind of secret, name, value) for a set."""
    for i in range(count):
        tail, shapes = KINDS[i % len(KINDS)]
        template = g.choice(shapes)
        places = QUOTED if template.startswith("{pw") else list(PLACES)
        yield g.choice(places), tail, g.choice(OWNERS) + "_" + tail, fill(template, g)


# Formats beside those of formats.py, which the rules' first feedback named: provider, kind, template, name asked for.
FORMATS = [
    ("gitlab", "scim token", "gls|oat-{b64u:20}", False), ("gitlab", "feature flags token", "glf|fct-{b64u:20}", False), ("gitlab", "incoming mail token", "gli|mt-{b64u:25}", False),
    ("slack", "rotated user token", "xo|xe.xoxp-1-{b62:163}", False), ("slack", "workflow trigger", "https://hooks.slack|.com/triggers/T{AZ:10}/{d:13}/{hex:32}", False), ("shopify", "custom app token", "shp|ca_{hex:32}", False), ("shopify", "private app token", "shp|pa_{hex:32}", False),
    ("sonarqube", "project token", "sq|p_{hex:40}", False), ("planetscale", "oauth token", "psc|ale_oauth_{b64u:43}", False), ("digitalocean", "refresh token", "do|r_v1_{hex:64}", False), ("doppler", "cli token", "dp|.ct.{b62:43}", False), ("doppler", "service account token", "dp|.sa.{b62:43}", False),
    ("prefect", "service token", "pn|b_{b62:36}", False), ("mailersend", "token", "ml|sn.{hex:64}", False), ("wakatime", "key", "wak|a_{uuid}", False), ("lichess", "token", "li|p_{b62:20}", False), ("42", "secret", "s-s4t2|ud-{hex:64}", False),
    ("ory", "personal token", "or|y_pat_{b62:32}", False), ("langfuse", "secret key", "sk|-lf-{uuid}", False), ("e2b", "key", "e2|b_{hex:40}", False), ("firecrawl", "key", "f|c-{hex:32}", True), ("together", "key", "tg|p_v1_{b64u:43}", False), ("aiven", "service password", "AV|NS_{b64u:19}", False),
    ("docker", "swarm join token", "SWM|TKN-1-{az:50}-{az:25}", False), ("docker", "swarm unlock key", "SWM|KEY-1-{b64:43}", False), ("zoho", "refresh token", "1000|.{hex:32}.{hex:32}", True), ("apify", "token", "api|fy_api_{b62:36}", False), ("paddle", "key", "pdl|_live_apikey_01{ulid:24}_{b62:22}_{b62:3}", False),
    ("cloudinary", "url", "cloud|inary://{d:15}:{b64u:27}@{lo:8}", False), ("tailscale", "oauth client secret", "ts|key-client-k{b62:11}CNTRL-{b62:32}", False), ("cloudflare", "account token", "cf|at_{b62:40}{hex:8}", False), ("sourcegraph", "dotcom gateway token", "sg|d_{hex:64}", False), ("grafana", "old api key", lambda g: base64.b64encode(fill('{"k":"{b62:32}","n":"ci","id":1}', g).encode()).decode(), False),
    ("google", "hmac id and secret", "GOOG1|E{AZ:56}", True), ("vercel", "personal token", "vc|p_{b62:56}", True), ("deepgram", "key", "{hex:40}", True), ("postmark", "server token", "{uuid}", True), ("assemblyai", "key", "{hex:32}", True), ("persona", "key", "per|sona_production_{uuid}", False), ("retool", "token", "ret|ool_01{ulid:24}", False), ("rootly", "key", "root|ly_{hex:64}", False),
]


def formats(g):
    from .contexts import ASSIGN, quoted_value_ok

    for provider, kind, template, named in FORMATS:
        value = fill(template, g)
        ctx = g.choice([c for c in ASSIGN if quoted_value_ok(c, value)])
        yield ctx, provider, kind, (provider.upper().replace("42", "FORTYTWO") + "_API_KEY" if named else g.choice(["VALUE", "CURRENT", "SETTING"])), value


# Lines under the same names with no secret in them: what most code does with one.
EXPRESSIONS = [
    ("a.js", "const @camel@ = @w1@.@w2@.@camel@;"), ("b.js", "this.@camel@ = @camel@ || @w1@.@camel@;"), ("c.ts", "  @camel@: config.get<string>('@kebab@'),"), ("d.ts", "const @camel@ = await fetch@Pascal@(@w1@Id, @w2@Options);"),
    ("e.tsx", "  onChange={e => set@Pascal@(e.target.value)}"), ("f.ts", "  @Input() @camel@: string;"), ("g.py", "@name@ = @w1@_@w2@.get_@name@(@w1@_id)"), ("h.py", "self.@name@ = @name@"), ("i.py", "    @name@: str = Field(..., env='@NAME@')"),
    ("j.py", "@name@ = Column(String(255), nullable=False, index=True)"), ("k.py", "parser.add_argument('--@kebab@', help='the @w1@ @w2@ of the @w3@')"), ("l.go", "\t@camel@ := cfg.@Pascal@"), ("m.go", "\t@Pascal@ string `json:\"@name@\" yaml:\"@camel@\" env:\"@NAME@\"`"),
    ("n.go", "\tif @camel@, ok := @w1@[\"@kebab@\"]; !ok {"), ("o.java", "    private final String @camel@;"), ("p.java", "    this.@camel@ = Objects.requireNonNull(@camel@, \"@camel@ must not be null\");"), ("q.kt", "    val @camel@: String = System.getenv(\"@NAME@\") ?: error(\"@NAME@ is not set\")"),
    ("r.rb", "@name@ = Rails.application.credentials.dig(:@w1@, :@name@)"), ("s.rb", "  attr_encrypted :@name@, key: :encryption_key_for_@w1@_@w2@"), ("t.rs", "    let @name@ = std::env::var(\"@NAME@\").expect(\"@NAME@ is set\");"), ("u.rs", "    pub @name@: Option<SecretString>,"),
    ("v.php", "$@name@ = $this->@w1@->get@Pascal@();"), ("w.php", "    '@name@' => env('@NAME@'),"), ("x.tf", "  @name@ = data.vault_generic_secret.@w1@.data[\"@kebab@\"]"), ("y.tf", "  @name@ = random_password.@w1@_@w2@.result"), ("z.yml", "  @NAME@: ${{ secrets.@NAME@ }}"),
    ("aa.yml", "      @name@: \"{{ lookup('env', '@NAME@') }}\""), ("ab.yml", "  @camel@Secret: @w1@-@w2@-credentials"), ("ac.sh", "@NAME@=\"$(cat /run/secrets/@kebab@)\""), ("ad.sh", "export @NAME@=${@NAME@:?must be set}"), ("ae.proto", "  string @name@ = 4;"), ("af.graphql", "  @camel@: String!"),
    ("ag.sql", "ALTER TABLE @w1@ ADD COLUMN @name@ varchar(255) DEFAULT NULL;"), ("ah.md", "- `@NAME@`: the @w1@ @w2@ (required), see [the docs](https://docs.example.org/@w1@/@kebab@#rotating-the-@kebab@)"), ("ai.json", '    "@camel@": { "type": "string", "description": "The @w1@ of the @w2@" },'), ("aj.cs", "        public string? @Pascal@ { get; init; }"),
    ("ak.c", "    if (strcmp(@name@, other->@name@) != 0) return -EACCES;"), ("al.js", "  logger.warn('no @camel@ for %s, using the @w1@ one', @w2@.id);"), ("am.py", "@NAME@_FILE = '/etc/@w1@/@kebab@.txt'"), ("an.ts", "export const @NAME@_HEADER = 'X-@Pascal@-@Pascal@';"), ("ao.py", "    assert response.json()['@name@'] == expected.@name@"),
    ("ap.js", "delete @w1@.@camel@; const { @camel@, ...@w2@ } = @w3@;"), ("aq.swift", "    let @camel@ = try keychain.string(forKey: \"org.example.@w1@.@camel@\")"), ("ar.tf", "  @name@_arn = aws_secretsmanager_secret.@w1@_@w2@.arn"), ("as.vue", '      <v-text-field v-model="@camel@" :label="$t(\'@w1@.@camel@.label\')" type="password" />'), ("at.ex", "    @name@: System.fetch_env!(\"@NAME@\"),"),
]


def negatives(g, count):
    """(path, text): about ten such lines a file, in the language of the file's name."""
    from .contexts import camel, pascal

    for path, form in (EXPRESSIONS * (count // len(EXPRESSIONS) + 1))[:count]:
        lines = []
        for _ in range(10):
            name = g.choice(OWNERS) + "_" + g.choice(KINDS)[0]
            line = form
            for mark, value in (("@name@", name), ("@NAME@", name.upper()), ("@camel@", camel(name)), ("@Pascal@", pascal(name)), ("@kebab@", name.replace("_", "-")), ("@w1@", g.word()), ("@w2@", g.word()), ("@w3@", g.word())):
                line = line.replace(mark, value)
            lines.append(line)
        yield "src/" + path, "\n".join(lines) + "\n"
