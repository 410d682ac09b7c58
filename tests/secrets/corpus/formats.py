"""Tokens that a reader knows by their shape alone: provider, kind, template or function, expected.

Written from the vendors' documentation and from what their consoles give out. `certain` means the
token carries a checksum or a structure that can be verified offline.
"""

from . import encode
from .rand import fill

BEDROCK = "ABSKQmVkcm9ja0FQSUtleS"


def _identifiable(n, mark, tail):
    """Azure's older keys: the provider's four at a fixed place, and characters of a checksum whose first or last has few bits."""
    return lambda g: g.mixed("b62", n) + mark + tail(g)


def _grafana_cloud(g):
    import json

    return "gl" + "c_" + encode.base64.b64encode(json.dumps({"o": str(g.randint(10**5, 10**6)), "n": "stack-" + g.word(), "k": g.mixed("b62", 24), "m": {"r": "prod-eu-west-0"}}, separators=(",", ":")).encode()).decode()


def _sentry_org(g):
    import json

    body = {"iat": g.randint(16 * 10**8, 17 * 10**8) + 0.25, "url": "https://sentry.io", "region_url": "https://us.sentry.io", "org": g.word() + "-inc"}
    return "sntr" + "ys_" + encode.base64.b64encode(json.dumps(body, separators=(",", ":")).encode()).decode() + "_" + g.b64(32).rstrip("=")


def _op_service(g):
    import json

    body = {"signInAddress": "acme.1password.com", "userAuth": {"method": "SRPg-4096", "alg": "PBES2g-HS256", "iterations": 650000, "salt": g.b64u(16)}, "email": g.chars("az", 13) + "@1passwordserviceaccounts.com", "srpX": g.chars("hex", 64), "muk": {"alg": "A256GCM", "ext": True, "k": g.b64u(32), "kty": "oct"}, "secretKey": "A3-" + g.chars("AZ", 6), "throttleSecret": {"seed": g.chars("hex", 64), "uuid": g.chars("AZ", 26)}, "deviceUuid": g.chars("az", 26)}
    return "ops_" + encode.b64u(json.dumps(body, separators=(",", ":")).encode())


def _discord_bot(g):
    return encode.b64u(str(g.randint(10**17, 10**18 - 1)).encode()) + "." + g.choice("GXY") + g.mixed("b64u", 5) + "." + g.mixed("b64u", 38)


def _mapbox(g):
    import json

    return "sk." + encode.b64u(json.dumps({"u": g.word() + g.word(), "a": "cl" + g.chars("az", 23)}, separators=(",", ":")).encode()) + "." + g.mixed("b64u", 22)


def _atlassian(g):
    head = "ATA" + "TT3xFfGF0" + g.mixed("b64u", 171)
    return head + "=" + "%08X" % encode.zlib.crc32(head.encode())


TABLE = [
    ("github", "personal access token", lambda g: encode.github("gh" + "p_", g), "certain"),
    ("github", "oauth token", lambda g: encode.github("gh" + "o_", g), "certain"),
    ("github", "app user token", lambda g: encode.github("gh" + "u_", g), "certain"),
    ("github", "app server token", lambda g: encode.github("gh" + "s_", g), "certain"),
    ("github", "refresh token", lambda g: encode.github("gh" + "r_", g), "certain"),
    ("github", "fine-grained token", encode.github_fine, "likely"),
    ("gitlab", "personal access token", "glp|at-{b64u:20}", "likely"),
    ("gitlab", "routable token", lambda g: encode.gitlab_routable("glp" + "at-", g), "certain"),
    ("gitlab", "routable token, version 1", lambda g: encode.gitlab_routable("glp" + "at-", g, "01"), "certain"),
    ("gitlab", "deploy token", "gld|t-{b64u:20}", "likely"),
    ("gitlab", "runner token", "glr|t-{b64u:20}", "likely"),
    ("gitlab", "trigger token", "glp|tt-{hex:40}", "likely"),
    ("gitlab", "job token", "glc|bt-{hex:2}_{b64u:20}", "likely"),
    ("gitlab", "agent token", "gla|gent-{b64u:50}", "likely"),
    ("gitlab", "oauth secret", "glo|as-{hex:64}", "likely"),
    ("gitlab", "feed token", "glf|t-{b64u:20}", "likely"),
    ("gitlab", "runner registration", "GR13|48941{b64u:20}", "likely"),
    ("npm", "access token", lambda g: (lambda b: "np" + "m_" + b + encode.crc_b62(b))(g.mixed("b62", 30)), "certain"),
    ("pypi", "upload token", encode.pypi, "certain"),
    ("pypi", "test.pypi.org token", lambda g: encode.pypi(g, b"test.pypi.org"), "certain"),
    ("crates.io", "token", "ci|o{b62:32}", "likely"),
    ("rubygems", "api key", "ruby|gems_{hex:48}", "likely"),
    ("nuget", "api key", "oy|2{b32l:43}", "likely"),
    ("clojars", "deploy token", "CLO|JARS_{hex:60}", "likely"),
    ("packagist", "private token", "pack|agist_uut_{hex:68}", "likely"),
    ("slack", "bot token", "xo|xb-{d:12}-{d:13}-{b62:24}", "likely"),
    ("slack", "user token", "xo|xp-{d:12}-{d:12}-{d:13}-{hex:32}", "likely"),
    ("slack", "app token", "xa|pp-1-A{AZ:10}-{d:13}-{hex:64}", "likely"),
    ("slack", "config refresh token", "xo|xe-1-{b62:146}", "likely"),
    ("slack", "webhook", "https://hooks.slack|.com/services/T{AZ:10}/B{AZ:10}/{b62:24}", "likely"),
    ("stripe", "live secret key", "sk|_live_51{b62:97}", "likely"),
    ("stripe", "old live secret key", "sk|_live_{b62:24}", "likely"),
    ("stripe", "restricted key", "rk|_live_51{b62:97}", "likely"),
    ("stripe", "test secret key", "sk|_test_51{b62:97}", "likely"),
    ("stripe", "webhook secret", "wh|sec_{b62:32}", "likely"),
    ("aws", "bedrock api key", lambda g: BEDROCK + g.b64(82).replace("=", "")[:109] + "=", "likely"),
    ("google", "api key", "AI|zaSy{b64u:33}", "likely"),
    ("google", "oauth client secret", "GOC|SPX-{b64u:28}", "likely"),
    ("google", "oauth access token", "ya|29.a0{b64u:160}", "likely"),
    ("google", "refresh token", "1/|/0{d:1}{b64u:94}", "likely"),
    ("azure", "entra client secret", "{b62:3}8|Q~{b62:34}", "likely"),
    ("azure", "devops token", lambda g: encode.azure_annotated("AZ" + "DO", g), "certain"),
    ("azure", "openai key", lambda g: encode.azure_annotated("AC" + "OG", g), "certain"),
    ("azure", "container registry password", _identifiable(42, "+AC" + "R", lambda g: g.choice("ABCD") + g.chars("b62", 5)), "likely"),
    ("azure", "function key", _identifiable(44, "Az" + "Fu", lambda g: g.chars("b62", 5) + g.choice("AQgw") + "=="), "likely"),
    ("azure", "search key", _identifiable(42, "Az" + "Se", lambda g: g.choice("ABCD") + g.chars("b62", 5)), "likely"),
    ("openai", "old key", "sk|-{b62:20}T3Blbk|FJ{b62:20}", "likely"),
    ("openai", "project key", "sk|-proj-{b64u:74}T3Blbk|FJ{b64u:74}", "likely"),
    ("openai", "service account key", "sk|-svcacct-{b64u:74}T3Blbk|FJ{b64u:74}", "likely"),
    ("openai", "admin key", "sk|-admin-{b64u:58}T3Blbk|FJ{b64u:58}", "likely"),
    ("anthropic", "api key", "sk-|ant-api03-{b64u:93}AA", "likely"),
    ("anthropic", "admin key", "sk-|ant-admin01-{b64u:93}AA", "likely"),
    ("anthropic", "oauth token", "sk-|ant-oat01-{b64u:93}AA", "likely"),
    ("huggingface", "user token", "hf|_{let:34}", "likely"),
    ("replicate", "token", "r8|_{b62:37}", "likely"),
    ("groq", "key", "gs|k_{b62:52}", "likely"),
    ("perplexity", "key", "pp|lx-{b62:48}", "likely"),
    ("xai", "key", "xa|i-{b62:80}", "likely"),
    ("openrouter", "key", "sk|-or-v1-{hex:64}", "likely"),
    ("langsmith", "personal token", "lsv2|_pt_{hex:32}_{hex:10}", "likely"),
    ("pinecone", "key", "pcs|k_{b62:5}_{b62:63}", "likely"),
    ("nvidia", "key", "nva|pi-{b64u:64}", "likely"),
    ("cerebras", "key", "cs|k-{az:48}", "likely"),
    ("tavily", "key", "tv|ly-dev-{b62:32}", "likely"),
    ("databricks", "token", "da|pi{hex:32}-2", "likely"),
    ("digitalocean", "token", "do|p_v1_{hex:64}", "likely"),
    ("digitalocean", "oauth token", "do|o_v1_{hex:64}", "likely"),
    ("doppler", "personal token", "dp|.pt.{b62:43}", "likely"),
    ("doppler", "service token", "dp|.st.prd.{b62:43}", "likely"),
    ("dropbox", "short-lived token", "sl|.{b64u:140}", "likely"),
    ("dynatrace", "token", "dt0|c01.{b32:24}.{b32:64}", "likely"),
    ("easypost", "key", "EZ|AK{b62:54}", "likely"),
    ("facebook", "page token", "EAA|G{b62:180}", "likely"),
    ("figma", "token", "fi|gd_{b64u:40}", "likely"),
    ("flutterwave", "secret key", "FLWS|ECK-{hex:32}-{hex:11}vt-X", "likely"),
    ("frame.io", "token", "fi|o-u-{b64u:64}", "likely"),
    ("grafana", "service account token", encode.grafana_sa, "certain"),
    ("grafana", "cloud token", _grafana_cloud, "likely"),
    ("vault", "service token", "hv|s.CAESI{b64u:90}", "likely"),
    ("vault", "batch token", "hv|b.AAAAAQ{b64u:140}", "likely"),
    ("terraform cloud", "token", "{b62:14}.atl|asv1.{b64u:67}", "likely"),
    ("heroku", "token", "HR|KU-AA{b64u:58}", "likely"),
    ("hubspot", "private app token", "pa|t-na1-{uuid}", "likely"),
    ("linear", "api key", "lin|_api_{b62:40}", "likely"),
    ("mailchimp", "api key", "{hex:32}-us|{d:2}", "likely"),
    ("mailgun", "private key", "ke|y-{hex:32}", "likely"),
    ("mapbox", "secret token", _mapbox, "likely"),
    ("new relic", "user key", "NR|AK-{AZ:27}", "likely"),
    ("new relic", "insert key", "NR|II-{b64u:32}", "likely"),
    ("new relic", "license key", "{hex:32}FFFF|NRAL", "likely"),
    ("notion", "integration token", "nt|n_{d:11}{b62:35}", "likely"),
    ("notion", "old integration token", "sec|ret_{b62:43}", "likely"),
    ("planetscale", "token", "psc|ale_tkn_{b64u:43}", "likely"),
    ("planetscale", "password", "psc|ale_pw_{b64u:43}", "likely"),
    ("postman", "key", "PM|AK-{hex:24}-{hex:34}", "likely"),
    ("prefect", "key", "pn|u_{b62:36}", "likely"),
    ("pulumi", "token", "pu|l-{hex:40}", "likely"),
    ("scalingo", "token", "tk|-us-{b64u:48}", "likely"),
    ("sendgrid", "key", "S|G.{b64u:22}.{b64u:43}", "likely"),
    ("brevo", "key", "xke|ysib-{hex:64}-{b62:16}", "likely"),
    ("sentry", "organization token", _sentry_org, "likely"),
    ("sentry", "user token", "sntr|yu_{hex:64}", "likely"),
    ("shippo", "token", "ship|po_live_{hex:40}", "likely"),
    ("shopify", "admin token", "shp|at_{hex:32}", "likely"),
    ("shopify", "shared secret", "shp|ss_{hex:32}", "likely"),
    ("square", "access token", "EA|AA{b64u:60}", "likely"),
    ("square", "oauth secret", "sq0|csp-{b64u:43}", "likely"),
    ("sourcegraph", "token", "sg|p_{hex:16}_{hex:40}", "likely"),
    ("supabase", "token", "sb|p_{hex:40}", "likely"),
    ("supabase", "secret key", "sb|_secret_{b64u:22}_{b64u:8}", "likely"),
    ("tailscale", "auth key", "ts|key-auth-k{b62:11}CNTRL-{b62:32}", "likely"),
    ("tailscale", "api key", "ts|key-api-k{b62:11}CNTRL-{b62:32}", "likely"),
    ("telegram", "bot token", "{d:10}:AA|{b64u:33}", "likely"),
    ("typeform", "token", "tf|p_{b62:44}_{b62:14}", "likely"),
    ("vercel", "blob token", "vercel|_blob_rw_{b62:16}_{b62:30}", "likely"),
    ("yandex", "api key", "AQ|VN{b64u:36}", "likely"),
    ("airtable", "token", "pa|t{b62:14}.{hex:64}", "likely"),
    ("atlassian", "api token", _atlassian, "likely"),
    ("bitbucket", "app password", "AT|BB{b62:24}{HEX:8}", "likely"),
    ("adafruit", "key", "ai|o_{let:4}{d:2}{b62:22}", "likely"),
    ("adobe", "client secret", "p8|e-{b62:32}", "likely"),
    ("age", "secret key", encode.age_secret, "certain"),
    ("artifactory", "api key", "AK|Cp8{b62:68}", "likely"),
    ("cloudflare", "origin ca key", "v1|.0-{hex:24}-{hex:146}", "likely"),
    ("cloudflare", "user token", "cf|ut_{b62:40}{hex:8}", "likely"),
    ("contentful", "token", "CF|PAT-{b64u:43}", "likely"),
    ("discord", "bot token", _discord_bot, "likely"),
    ("discord", "webhook", "https://discord|.com/api/webhooks/{d:18}/{b64u:68}", "likely"),
    ("duffel", "token", "duf|fel_live_{b64u:43}", "likely"),
    ("fly.io", "token", lambda g: "Fly" + "V1 fm2_" + g.b64(420).rstrip("="), "likely"),
    ("harness", "token", "pa|t.{b64u:22}.{hex:24}.{b62:20}", "likely"),
    ("infracost", "key", "ic|o-{b62:32}", "likely"),
    ("launchdarkly", "sdk key", "sd|k-{uuid}", "likely"),
    ("launchdarkly", "api token", "ap|i-{uuid}", "likely"),
    ("netlify", "token", "nf|p_{b62:36}", "likely"),
    ("openshift", "user token", "sha256|~{b64u:43}", "likely"),
    ("octopus deploy", "key", "AP|I-{AZ:26}", "likely"),
    ("1password", "service account token", _op_service, "likely"),
    ("1password", "secret key", "A|3-{AZ:6}-{AZ:6}-{AZ:5}-{AZ:5}-{AZ:5}-{AZ:5}", "likely"),
    ("plaid", "access token", "acc|ess-production-{uuid}", "likely"),
    ("posthog", "personal key", "ph|x_{b62:43}", "likely"),
    ("readme", "key", "rd|me_{az:70}", "likely"),
    ("render", "key", "rn|d_{b62:32}", "likely"),
    ("resend", "key", "r|e_{b62:8}_{b62:24}", "likely"),
    ("rapidapi", "key", "{hex:10}msh|{hex:15}p1{hex:6}jsn{hex:12}", "likely"),
    ("sonarqube", "user token", "sq|u_{hex:40}", "likely"),
    ("stackhawk", "key", "ha|wk.{b64u:20}.{b64u:20}", "likely"),
    ("circleci", "personal token", "CCI|PAT_{b62:22}_{hex:40}", "likely"),
    ("buildkite", "token", "bk|ua_{hex:40}", "likely"),
    ("docker hub", "token", "dck|r_pat_{b64u:27}", "likely"),
    ("defined networking", "key", "dn|key-{AZ:26}-{AZ:52}", "likely"),
    ("zuplo", "key", "zp|ka_{hex:32}_{hex:8}", "likely"),
    ("teams", "webhook", "https://acme.webhook.off|ice.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{hex:32}/{uuid}", "likely"),
    ("zapier", "webhook", "https://hooks.zap|ier.com/hooks/catch/{d:7}/{az:7}/", "possible"),
    ("lark", "webhook", "https://open.fei|shu.cn/open-apis/bot/v2/hook/{uuid}", "likely"),
    ("dingtalk", "webhook", "https://oapi.ding|talk.com/robot/send?access_token={hex:64}", "likely"),
    ("twitter", "bearer token", "AAAAAAAAAAAA|AAAAAAAAAA{b62:92}", "likely"),
    ("volcengine", "access key", "AK|LT{b62:43}", "likely"),
    ("woocommerce", "consumer secret", "cs|_{hex:40}", "likely"),
    ("salesforce", "session", "00|D5g0000{b62:6}!AQ{b62:94}", "likely"),
    ("pubnub", "secret key", lambda g: "sec" + "-c-" + encode.base64.b64encode(g.uuid().encode()).decode(), "likely"),
    ("polar", "token", "pol|ar_oat_{b62:43}", "likely"),
    ("deno deploy", "token", "dd|p_{b62:36}", "likely"),
    ("paystack", "secret key", "sk|_live_{hex:40}", "likely"),
    ("mongodb atlas", "service account secret", "mdb|_sa_sk_{b64u:40}", "likely"),
    ("honeycomb", "ingest key", "hca|ik_01{ulid:56}", "likely"),
    ("maxmind", "license key", "{b62:6}_{b62:29}_m|mk", "likely"),
    ("bitcoin", "wif key", encode.wif, "certain"),
    ("bitcoin", "extended private key", encode.xprv, "certain"),
    ("jwt", "signed token", encode.jwt, "likely"),
    ("nightfall", "key", "NF|-{b62:32}", "likely"),
    ("settlemint", "token", "sm|_pat_{b62:16}", "likely"),
    ("lob", "live key", "li|ve_{hex:35}", "possible"),
    ("elevenlabs", "key", "s|k_{hex:48}", "likely"),
    ("trello", "token", "AT|TA{hex:64}{HEX:8}", "likely"),
    ("ngrok", "auth token", "2{b62:26}|_{b62:21}", "possible"),
    ("neon", "api key", "na|pi_{az:64}", "likely"),
]


# Shapes that other things have as well: they stand under a name that says whose they are.
SHARED = {"launchdarkly", "mailgun", "lob", "elevenlabs", "woocommerce", "ngrok", "zapier", "maxmind"}


def make(entry, g):
    return fill(entry[2], g)


def find(provider, kind=None):
    return next(e for e in TABLE if e[0] == provider and (kind is None or e[1] == kind))
