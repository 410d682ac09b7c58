"""Text that speaks of secrets and holds none: placeholders, labels, translations, code, patterns, public keys.

Each entry: kind, list of (path, text); the text may hold the fields of rand.fill, with `|` left as nothing.
"""

from .rand import fill

PLACEHOLDERS = [
    "your-api-key", "YOUR_API_KEY_HERE", "<your-token>", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "changeme", "change-me-please", "${API_KEY}", "{{ api_key }}", "$(API_KEY)", "%API_KEY%", "REPLACE_ME",
    "insert-your-key-here", "********************", "................................", "0" * 40, "TODO", "null", "<REDACTED>", "[FILTERED]", "1234567" "890ab" "cdef" * 2,
    "abcdefghijklm" + "nopqrstuvwxyz", "0123456789abcdef" * 2, "deadbeef" * 4, "test-secret-key", "my-super-secret-password", "not-a-real-key", "dummy-token-for-tests", "fake_api_key_for_testing",
    "example-client-secret", "$API_KEY", "ENV[API_KEY]", "vault:secret/data/app#key", "ssm:/prod/app/key", "op://vault/item/field", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-key", "sample_secret_value",
    "a" * 32, "f" * 32, "<%= ENV['API_KEY'] %>", "{{ .Values.apiKey }}", "${{ secrets.API_KEY }}", "${var.api_key}", "!Ref ApiKey", "%(api_key)s", "@Microsoft.KeyVault(SecretUri=https://x.vault.azure.net/secrets/k)",
]
PLACEHOLDER_NAMES = ["API_KEY", "SECRET_KEY", "password", "client_secret", "auth_token", "DB_PASSWORD"]
# A vendor's prefix in front of what a reader sees to be nothing.
VENDOR_PLACEHOLDERS = [
    "sk|_live_xxxxxxxxxxxxxxxxxxxxxxxx", "sk|_test_YOUR_KEY_HERE", "gh|p_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "gh|p_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "gh|p_your_token_here", "glp|at-xxxxxxxxxxxxxxxxxxxx",
    "xo|xb-your-token-here", "xo|xb-000000000000-000000000000-000000000000000000000000", "AK|IAIOSFODNN7EXAMPLE", "AK|IAXXXXXXXXXXXXXXXX", "AI|zaSyXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "S|G.xxxxxxxxxxxxxxxxxxxxxx.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "np|m_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "sk|-ant-api03-...", "sk|-proj-xxxxxxxxxxxxxxxxxxxxxxxx", "sk|-...", "hf|_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "do|p_v1_0000000000000000000000000000000000000000000000000000000000000000", "py|pi-xxxxxxxxxxxxxxxx",
    "https://hooks.slack|.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX", "https://hooks.slack|.com/services/YOUR/WEBHOOK/URL", "gl|sa_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_xxxxxxxx", "dp|.pt.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "shp|at_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
]
URLS = [
    "post|gres:|//user:pass|word@localhost:5432/db", "mysql:|//root:root@127.0.0.1/test", "redis:|//localhost:6379/0", "mongodb:|//<user>:<pass|word>@cluster0.example.mongodb.net/test", "post|gresql:|//${DB_USER}:${DB_PASS}@db:5432/app",
    "https:|//user:pass@example.com/", "amqp:|//guest:guest@localhost:5672/", "https:|//$USER:$TOKEN@git.example.org/x.git", "post|gres:|//postgres:postgres@localhost/app_test", "https:|//username:pass|word@proxy.example.com:8080", "ssh:|//git@github.com:22/a/b.git", "http:|//[::1]:8080/a@b:c",
]
TRANSLATIONS = [
    ("de", "Passwort", "Geheimnis", "Zugriffstoken erneuern", "Kennwort vergessen?"), ("fr", "Mot de passe", "Clé secrète", "Jeton d’accès", "Mot de passe oublié ?"), ("es", "Contraseña", "Clave secreta", "Token de acceso", "¿Olvidó su contraseña?"),
    ("it", "Parola d'ordine", "Segreto", "Gettone di accesso", "Password dimenticata?"), ("pt", "Senha", "Segredo", "Chave de acesso", "Esqueceu a senha?"), ("nl", "Wachtwoord", "Geheim", "Toegangstoken", "Wachtwoordherstellingsverzoek"), ("sv", "Lösenord", "Hemlighet", "Åtkomsttoken", "Lösenordsåterställningslänk"),
    ("fi", "Salasana", "Salaisuus", "Käyttöoikeustunnus", "Salasananpalautuslomake"), ("pl", "Hasło", "Sekret", "Token dostępu", "Zapomniałeś hasła?"), ("cs", "Heslo", "Tajemství", "Přístupový token", "Zapomenuté heslo"), ("ru", "Пароль", "Секрет", "Токен доступа", "Забыли пароль?"),
    ("uk", "Пароль", "Таємниця", "Токен доступу", "Забули пароль?"), ("ja", "パスワード", "シークレット", "アクセストークン", "パスワードをお忘れですか"), ("zh", "密码", "密钥", "访问令牌", "忘记密码"), ("ko", "비밀번호", "비밀", "액세스 토큰", "비밀번호를 잊으셨나요"),
    ("ar", "كلمة المرور", "سر", "رمز الوصول", "نسيت كلمة المرور"), ("he", "סיסמה", "סוד", "אסימון גישה", "שכחת סיסמה"), ("tr", "Parola", "Gizli anahtar", "Erişim belirteci", "Şifremi unuttum"), ("hu", "Jelszó", "Titok", "Hozzáférési token", "Jelszóemlékeztető-beállítások"),
    ("vi", "Mật khẩu", "Bí mật", "Mã truy cập", "Quên mật khẩu?"), ("el", "Κωδικός", "Μυστικό", "Διακριτικό πρόσβασης", "Ξεχάσατε τον κωδικό;"), ("hi", "पासवर्ड", "गुप्त", "एक्सेस टोकन", "पासवर्ड भूल गए"), ("th", "รหัสผ่าน", "ความลับ", "โทเค็นการเข้าถึง", "ลืมรหัสผ่าน"), ("id", "Kata sandi", "Rahasia", "Token akses", "Lupa kata sandi?"),
]
CODE = [
    ("auth.py", "import getpass\npass|word = getpass.getpass()\ntoken = os.environ['API_|TOKEN']\nsecret = load_secret(name)\n"),
    ("auth.js", "const apiKey = process.env.API_KEY;\nconst pass|word = req.body.password;\nconst token = await getToken(user.id);\nif (!secret) throw new Error('no secret');\n"),
    ("auth.go", "apiKey := os.Getenv(\"API_KEY\")\npass|word, err := term.ReadPassword(int(syscall.Stdin))\ntoken := r.Header.Get(\"X-Auth-Token\")\n"),
    ("Auth.java", "String pass|word = passwordField.getText();\nprivate static final String TOKEN_HEADER = \"X-Authorization-Token\";\nString secretKey = System.getenv(\"SECRET_KEY\");\n"),
    ("auth.rb", "pass|word = ENV.fetch('DATABASE_PASSWORD')\ntoken = SecureRandom.hex(32)\nsecret = Rails.application.credentials.dig(:aws, :secret)\n"),
    ("auth.rs", "let token = std::env::var(\"GITHUB_TOKEN\")?;\nlet pass|word: Secret<String> = rpass|word::prompt_password(\"Password: \")?;\nconst TOKEN_PREFIX: &str = \"gh|p_\";\n"),
    ("auth.php", "$pass|word = $_POST['password'];\n$token = bin2hex(random_bytes(32));\n$secret = config('services.stripe.secret');\n"),
    ("auth.cs", "var pass|word = Configuration[\"Database:Password\"];\npublic string ApiKey { get; set; }\nconst string TokenName = \"RequestVerificationToken\";\n"),
    ("form.html", '<label for="password">Password</label>\n<input type="password" name="password" id="user_password_confirmation" placeholder="Enter your password" autocomplete="current-password">\n'),
    ("Form.tsx", "<Input type='password' label='Current password' value={password} onChange={e => setPassword(e.target.value)} secretKeyRef={ref} />\nconst pass|wordInputPlaceholderText = 'EnterYourPasswordHere';\n"),
    ("main.tf", 'variable "db_password" {\n  type      = string\n  sensitive = true\n}\nresource "aws_db_instance" "x" {\n  pass|word = var.db_password\n  kms_key_id = "arn:aws:kms:eu-west-1:123456789012:key/{uuid}"\n}\n'),
    ("secret-ref.yaml", "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: app-database-credentials\n      key: password\n- name: API_TOKEN_FILE\n  value: /run/secrets/api_token\n"),
    ("ci.yml", "env:\n  NPM_TOKEN: ${{ secrets.NPM_TOKEN }}\n  GH_TOKEN: ${{ github.token }}\nsteps:\n- uses: actions/checkout@{hex:40}\n  with:\n    token: ${{ secrets.PAT }}\n"),
    ("schema.json", '{"$id":"https://example.org/s","properties":{"pass|word":{"type":"string","minLength":12},"api_key":{"type":"string","pattern":"^[A-Za-z0-9]{32}$","format":"password"},"secret":{"$ref":"#/definitions/secretReference"}}}\n'),
    ("openapi.yaml", "securitySchemes:\n  ApiKeyAuth:\n    type: apiKey\n    in: header\n    name: X-API-KEY\n  oauth:\n    tokenUrl: https://auth.example.org/oauth/token\n    refreshUrl: https://auth.example.org/oauth/refresh\n"),
    ("user.sql", "CREATE TABLE users (id uuid PRIMARY KEY, password_hash varchar(255) NOT NULL, api_token char(64), reset_password_token_expires_at timestamptz);\nALTER USER app WITH PASS|WORD :'app_password';\n"),
    ("style.css", ".password-strength-indicator__label--very-strong{color:#a1b2c3}\n#secret-token-input-wrapper-container{margin:0}\n.token.keyword.operator.punctuation{color:#07a}\n"),
    ("i18n.ts", "export const keys = {\n  PASS|WORD_RESET_TOKEN_INVALID: 'password_reset_token_invalid',\n  secret|KeyLabel: 'settings.integrations.secretKey.label',\n  api|KeyHelp: 'settings.integrations.apiKey.helpText',\n};\n"),
    ("consts.go", 'const (\n\tsecret|NamespaceAnnotation = "secrets.example.io/managed-by-namespace"\n\ttokenReviewAPIVersion = "authentication.k8s.io/v1beta1"\n\tpass|wordPolicyDefaultName = "DefaultPasswordPolicyConfiguration"\n)\n'),
    ("errors.rs", 'pub const INVALID_PASS|WORD: &str = "InvalidPasswordException";\nlet access_key_not_found = "AccessKey|NotFoundInRequestHeader";\nlet token_kind = "refresh_token_grant_authorization";\n'),
    ("test_auth.py", "def test_login():\n    user = make_user(pass|word='hunter2')\n    assert login('bob', pass|word='password123')\n    client = Client(api_|key='test', sec|ret='test-secret')\n"),
    ("auth.spec.ts", "it('logs in', () => {\n  login({ username: 'admin', pass|word: 'admin' });\n  const token = 'mock-token';\n  expect(parse('Bearer abc123')).toEqual('abc123');\n});\n"),
    ("docker-compose.test.yml", "services:\n  db:\n    environment:\n      POSTGRES_PASS|WORD: postgres\n      MYSQL_ROOT_PASS|WORD: root\n      RABBITMQ_DEFAULT_PASS: guest\n"),
    ("env.example", "API_KEY=\nSECRET_KEY=\nDB_PASS|WORD=secret\nSTRIPE_SECRET_KEY=sk|_test_...\nAWS_ACCESS_KEY_ID=\nGITHUB_TOKEN=<your token>\n"),
    ("password_rules.md", "# Passwords\n\nA password has at least 12 characters. Secret: never share it. Token: a short-lived value.\nThe api key: see your account's page. pass|word: required, string\n"),
    ("lexer.c", "static const struct keyword keywords[] = {\n  { \"password\", TOK_PASSWORD }, { \"identified_by_password\", TOK_IDENTIFIED },\n  { \"secret\", TOK_SECRET },\n};\nint token = yylex(&yylval, &yylloc, scanner);\n"),
    ("vim.vim", "syn keyword xKeyword password secret token\nlet g:token_pattern = '\\v[A-Za-z_][A-Za-z0-9_]*'\n"),
    ("swagger.json", '{"parameters":[{"name":"access_token","in":"query","description":"The access token of the user, as got from the authorization server","required":true,"type":"string"}]}\n'),
    ("k8s-rbac.yaml", "rules:\n- apiGroups: ['']\n  resources: [secrets, serviceaccounts/token]\n  verbs: [get, list]\n---\nkind: Secret\nmetadata:\n  name: bootstrap-token-secret-reference\n"),
    ("jenkins.groovy", "withCredentials([usernamePassword(credentialsId: 'nexus-deploy-credentials', usernameVariable: 'U', pass|wordVariable: 'NEXUS_PASSWORD')]) {\n  sh 'curl -u $U:$NEXUS_PASSWORD https://nexus.example.org'\n}\n"),
    ("pass.sh", "#!/bin/sh\nPASS|WORD=$(pass show db/app)\nTOKEN=`cat /run/secrets/token`\nSECRET_KEY=\"$(openssl rand -hex 32)\"\ncurl -H \"Authorization: Bearer $TOKEN\" -u \"$USER:$PASSWORD\" https://example.org\n"),
    ("ansible.yml", "- name: set the password\n  user:\n    name: app\n    pass|word: \"{{ vault_app_password | password_hash('sha512') }}\"\n    update_pass|word: on_create\n  no_log: true\n"),
    ("helm.yaml", "auth:\n  existingSecret: my-release-postgresql-credentials\n  secretKeys:\n    adminPasswordKey: postgres-password\n    userPasswordKey: password\n  pass|word: {{ .Values.global.postgresql.auth.password | quote }}\n"),
    ("cloudformation.yml", "Parameters:\n  DbPassword:\n    NoEcho: true\nResources:\n  Db:\n    Properties:\n      MasterUserPassword: !Sub '{{resolve:secretsmanager:${Secret}:SecretString:password}}'\n"),
    ("spring.properties", "spring.datasource.pass|word=${DB_PASSWORD}\napp.jwt.secret=@jwt.secret@\nkeystore.pass|word=changeit\npassword.encoder.algorithm=PBKDF2WithHmacSHA256\n"),
    ("pom.xml", "<properties><password>${env.NEXUS_PASSWORD}</password><sonar.login>${sonar.token}</sonar.login></properties>\n"),
    ("words.txt", "antidisestablishmentarianism\npneumonoultramicroscopicsilicovolcanoconiosis\npassword\nsecret\nLlanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogoch\n"),
    ("kconfig", "CONFIG_SECRETMEM=y\nCONFIG_KEYS_REQUEST_CACHE=y\nCONFIG_SYSTEM_TRUSTED_KEYS=\"certs/signing_key.pem\"\nCONFIG_CRYPTO_USER_API_SKCIPHER=m\n"),
    ("go.mod", "module example.org/x\nrequire (\n\tgithub.com/golang-jwt/jwt/v5 v5.0.0-20230101120000-{hex:12}\n\tgithub.com/zalando/go-keyring v0.2.3\n)\n"),
    ("snapshot.snap", "exports[`renders the password field 1`] = `\n<input className=\"password-input-0-2-14 MuiInputBase-root-{d:3}\" id=\"password-helper-text\" type=\"password\" />\n`;\n"),
    ("CHANGELOG.md", "## 2.0.0\n- the secret key is read from a file ([#1234](https://github.com/a/b/issues/1234), {hex:40})\n- token: refreshed ([{hex:7}](https://github.com/a/b/commit/{hex:40}))\n"),
    ("keyboard.json", '{"key":"KeyQWERTYUIOP","token":"identifier.name.function","secret|ary":"Miss Moneypenny","pass|wordless":true,"tokenizer":"ByteLevelBPETokenizer"}\n'),
    ("proto.proto", "message Login {\n  string pass|word = 1;\n  string client_secret = 2;\n  bytes session_token = 3;\n  string api_key = 4 [deprecated = true];\n}\n"),
    ("graphql.graphql", "mutation ResetPassword($token: String!, $pass|word: String!) {\n  resetPassword(token: $token, pass|word: $password) { accessToken refreshToken }\n}\n"),
    ("ldap.conf", "bindpw_file /etc/ldap.secret\npam_password md5\ntls_cacert /etc/ssl/certs/ca-certificates.crt\n"),
    ("url.md", "See https://docs.example.org/tokens/personal-access-tokens#creating-a-fine-grained-personal-access-token and https://example.org/reset-password?token=TOKEN&redirect=/account\n"),
    ("api_key_kinds.ts", "type Api|KeyKind = 'publishable' | 'secret';\nenum TokenKind { Access|Token = 'access|_token', Refresh|Token = 'refresh|_token' }\nconst pass|wordRegex=/^(?=.*[A-Z])(?=.*[0-9]).{12,}$/;\n"),
    ("benchmark.csv", "name,secret_size,token_count\nllama-2-70b-chat-hf,4096,1832\ngpt2-medium-english-finetuned,1024,99281\n"),
    ("css-modules.d.ts", "declare const styles: { readonly pass|wordField__input___3xKd9: string; readonly tokenList__item___1aZk2: string };\n"),
    ("latex.tex", "\\newcommand{\\secretkey}{\\mathsf{sk}}\n\\label{sec:password-authenticated-key-exchange}\n\\token{abc} \\cite{Bellare2000AuthenticatedKeyExchangeSecure}\n"),
    ("oauth.py", "AUTHORIZE_URL = 'https://login.example.org/oauth2/v2.0/authorize'\nTOKEN_URL = 'https://login.example.org/oauth2/v2.0/token'\nclient_id = '{uuid}'\nGRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'\n"),
    ("saml.xml", '<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">x</saml:NameID>\n<ds:DigestValue>{bytes:32}</ds:DigestValue>\n<ds:SignatureValue>{bytes:256}</ds:SignatureValue>\n<ds:X509Certificate>MIID{b64:800}</ds:X509Certificate>\n'),
    ("project.pbxproj", "\t\t{HEX:24} /* PasswordField.swift in Sources */ = {isa = PBXBuildFile; fileRef = {HEX:24} /* PasswordField.swift */; };\n\t\t{HEX:24} /* Token.swift */ = {isa = PBXFileReference; };\n"),
    ("solution.sln", 'Project("{UUID}") = "Secret", "Secret\\Secret.csproj", "{UUID}"\nEndProject\n'),
    ("assembly.cs", '[assembly: InternalsVisibleTo("Tests, PublicKey=0024000004800000940000000602000000240000525341310004000001000100{hex:256}")]\n// PublicKeyToken={hex:16}\n'),
    ("token_addresses.ts", "export const USDC_TOKEN = '0x{hex:40}';\nexport const tokenAddress = '0x{hex:40}';\nconst txHash = '0x{hex:64}';\n"),
    ("solana.ts", "export const TOKEN_PROGRAM_ID = new PublicKey('{b58:44}');\n"),
    ("ipfs.md", "ipfs://Qm{b58:44}\nipns://bafybeig{b32l:52}\n"),
    ("magnet.txt", "magnet:?xt=urn:btih:{hex:40}&dn=debian-12.iso\n"),
    ("youtube.md", "https://www.youtube.com/watch?v={b64u:11}&list=PL{b64u:32}\nhttps://docs.google.com/document/d/1{b64u:43}/edit\nhttps://www.figma.com/file/{b62:22}/Design\n"),
    ("trace.log", "traceparent: 00-{hex:32}-{hex:16}-01\nrequest_id={uuid} session={hex:8} span={hex:16} user_key=none\n"),
    ("nix.nix", 'fetchFromGitHub { owner = "a"; repo = "b"; rev = "{hex:40}"; hash = "sha256-{bytes:32}"; }\nsha256 = "{az:52}";\n'),
    ("bazel.bzl", 'http_archive(name = "x", sha256 = "{hex:64}", urls = ["https://example.org/x.tar.gz"], strip_prefix = "x-{hex:40}")\n'),
    ("homebrew.rb", 'class X < Formula\n  sha256 "{hex:64}"\n  bottle do\n    sha256 cellar: :any, arm64_sonoma: "{hex:64}"\n  end\nend\n'),
    ("gradle-verification.xml", '<component group="org.x" name="y"><artifact name="y.jar"><sha256 value="{hex:64}"/><pgp value="{HEX:40}"/></artifact></component>\n'),
    ("cdn.html", '<link rel="preload" href="/_next/static/{b64u:21}/_buildManifest.js"><script src="/assets/application-{hex:64}.js"></script>\n'),
    ("migration.py", "revision = '{hex:12}'\ndown_revision = '{hex:12}'\nbranch_labels = None\n"),
    ("unity.meta", "fileFormatVersion: 2\nguid: {hex:32}\nMonoImporter:\n  externalObjects: {}\n"),
    ("mqtt.c", 'static const char *KEY_NAMES[] = { "KEY_LEFTSHIFT", "KEY_PASSWORDMANAGER", "KEY_SECRET_MENU" };\n#define TOKEN_TYPE_IDENTIFIER_WITH_SUFFIX 0x7f\n'),
]
# Names that hold "key", "token" or "secret" and mean something else, some with random values.
OTHER_KEYS = [
    ("cache.py", "cache_key = '{hex:32}'\nCACHE_KEY_PREFIX = 'user:profile:v2:details'\nsort_key = 'created_at_descending'\n"),
    ("dynamo.tf", 'hash_key = "TenantIdAndCreatedAt"\nrange_key = "EntityTypeAndIdentifier"\npartition_key_path = "/customerAccountId"\n'),
    ("s3.json", '{"Bucket":"assets","Key":"uploads/2024/05/{uuid}/avatar-{hex:16}.png","VersionId":"{b62:32}"}\n'),
    ("pay.ts", "await stripe.charges.create(body, { idempotencyKey: '{uuid}' });\nconst publicKey = '{b64:44}';\n"),
    ("tokens.json", '{"color":{"brand":{"500":{"value":"#{hex:6}","token":"color.brand.primary.500"}}},"spacing":{"token":"spacing-layout-extra-large"}}\n'),
    ("tokenizer.json", '{"bos_token":"<s>","eos_token":"</s>","pad_token_id":50256,"unk_token":"<BEGIN_OF_UNKNOWN>","added_tokens":[{"content":"<EXTRA_TOKEN_17>"}]}\n'),
    ("model.py", "max_tokens = 4096\ntoken_type_ids = tokenizer.convert_tokens_to_ids('[SEPARATOR_TOKEN_1]')\nprompt_token_count=1832\n"),
    ("app.jsx", "<Row key={`${item.id}-{hex:8}`} translationKey='settings.security.api|Keys.createNew' accessKey='s' />\n"),
    ("ci-cache.yml", "- uses: actions/cache@v4\n  with:\n    key: v1-deps-{hex:64}\n    restore-keys: v1-deps-linux-x86_64-gnu-\n"),
    ("kms.tf", 'kms_master_key_id = "{uuid}"\nkey_arn = "arn:aws:kms:eu-west-1:{d:12}:key/{uuid}"\nsec|ret_arn = "arn:aws:sec|retsmanager:eu-west-1:{d:12}:sec|ret:prod/db-{b62:6}"\n'),
    ("tls.yaml", "tls:\n- sec|retName: wildcard-example-org-tls-certificate\n  hosts: ['*.example.org']\nimagePullSec|rets:\n- name: registry-pull-sec|ret-7d9f8b6c5\n"),
    ("users.rb", "t.string :pas|sword_digest, null: false\nt.string :reset_pas|sword_token\nhas_secure_token :auth_token, length: 36\nhas_secure_pas|sword :recovery_pas|sword, validations: false\n"),
    ("gpg.yml", "signing_key: {HEX:40}\nkey_fingerprint: 'SHA256:{b64:43}'\nkeyserver: hkps://keys.openpgp.org\napt_key_id: {HEX:16}\n"),
    ("audit.json", '{"actor":"ci","token_id":"{hex:16}","key_id":"{uuid}","api|_key_name":"deploy-production-readonly","sec|ret_version":"{uuid}","pas|sword_changed_at":"2024-05-01T10:00:00Z"}\n'),
    ("apq.ts", "export const persisted = { sha256Hash: '{hex:64}', queryKey: ['organizations', 'membersWithRoles'] };\n"),
    ("crypto.go", "salt, _ := hex.DecodeString(\"{hex:32}\")\niv := mustHex(\"{hex:24}\")\n// nonce = {hex:24}\nkeySize := 256\n"),
    ("csrf.html", '<input type="hidden" name="csrf_token" value="{{ csrf_token() }}">\n<meta name="csrf-param" content="authenticity_token">\n'),
    ("plist.xml", "<key>CFBundleIdentifier</key>\n<string>org.example.Sec|retAgentGameForMobile</string>\n<key>NSFaceIDUsageDescription</key><string>To unlock your pas|swords</string>\n"),
    ("vault.hcl", 'path "sec|ret/data/production/*" {\n  capabilities = ["read"]\n}\nsec|ret_path = "sec|ret/data/production/payments/stripe"\n'),
    ("es.json", '{"settings":{"analysis":{"tokenizer":{"edge_ngram_tokenizer":{"type":"edge_ngram","token_chars":["letter","digit"]}},"filter":{"keyword_repeat_token_filter":{"type":"keyword_repeat"}}}}}\n'),
    ("errors.json", '{"invalid_token":"TOKEN_EXPIRED_OR_REVOKED","pas|sword":"PAS|SWORD_TOO_WEAK_FOR_POLICY","api|_key":"API|_KEY_MISSING_OR_INVALID","sec|ret":"SEC|RET_ROTATION_REQUIRED_NOW"}\n'),
    ("Policy.cs", 'public const string Sec|retKeySettingName = "Payments:Gateway:Sec|retKeyReference";\nprivate readonly string pas|swordResetTokenProvider = "DefaultDataProtectorTokenProvider";\n'),
    ("prefs.kt", 'const val KEY_ACCESS_TOKEN = "org.example.prefs.ACCESS_TOKEN"\nconst val PREF_PAS|SWORD_VISIBLE = "pref_pas|sword_visible_on_login"\n'),
    ("redux.ts", "export const SET_AUTH_TOKEN = '@@session/SET_AUTH_TOKEN_SUCCESS';\nexport const FETCH_API|_KEYS = 'integrations/fetchApiKeysRequested';\n"),
    ("secret-scan.md", "The token starts with `gh|p_`, the sec|ret key is 40 characters of base64, and the pas|sword: anything else.\nSet `api|_key` to the value of the page *Keys*; client_sec|ret: see below.\n"),
    ("fake.rb", "let(:api|_key) { 'abc123' }\nlet(:sec|ret) { 'shhh' }\nlet(:token) { SecureRandom.uuid }\nstub_const('API|_KEY', 'fake-key')\npas|sword { 'Pas|sword1!' }\n"),
    ("test.properties", "spring.security.user.pas|sword=test\napi.key=dummy\njwt.sec|ret=test-sec|ret-test-sec|ret-test-sec|ret-test\nclient-sec|ret=my-client-sec|ret\n"),
    ("e2e.ts", "await page.fill('#pas|sword', 'corr|ect horse batt|ery staple');\nawait page.fill('[name=token]', '000000');\ncy.login('admin@example.org', '<pass|word>');\n"),
    ("docs.md", "| `SEC|RET_KEY` | string | the sec|ret key of the app | `change-this-in-production` |\n| `API_TOKEN` | string | token of the API | none |\n"),
    ("mock.json", '{"access_token":"mock_access_token","refresh_token":"mock_refresh_token","id_token":"header.payload.signature","client_sec|ret":"TEST_CLIENT_SEC|RET"}\n'),
    ("vim.lua", "vim.g.mapleader_key = '<Space>'\nkeymap.set('n', '<leader>tk', '<cmd>TokenInspectUnderCursor<cr>')\n"),
    ("ssh_config", "Host *\n  Pas|swordAuthentication no\n  IdentityFile ~/.ssh/id_ed25519_production_deploy_key\n  HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com\n"),
    ("nginx.conf", "ssl_certificate_key /etc/letsencrypt/live/www.example.org/privkey.pem;\nproxy_set_header Authorization \"Bearer $http_x_token\";\nauth_basic_user_file /etc/nginx/.htpasswd;\n"),
    ("pg.sql", "GRANT SELECT ON sec|rets_of_the_deep TO app;\nALTER ROLE app PAS|SWORD NULL;\nSELECT pgp_sym_decrypt(data, current_setting('app.encryption_key')) FROM vault;\n"),
    ("helm-secret.yaml", "data:\n  pas|sword: {{ .Values.pas|sword | b64enc | quote }}\n  token: {{ randAlphaNum 32 | b64enc }}\n  ca.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t\n"),
    ("k8s-default.yml", "data:\n  username: YWRtaW4=\n  pas|sword: cGFzc3dvcmQ=\n  note: Y2hhbmdlbWU=\n"),
]
# Patterns as a scanner's own rules hold them.
PATTERNS = [
    "gh[pousr]_[A-Za-z0-9]{36}", "AKIA[0-9A-Z]{16}", "sk_live_[0-9a-zA-Z]{24,}", "xox[baprs]-[0-9]{10,13}-[0-9a-zA-Z-]+", "-----BEGIN ((RSA|EC|DSA|OPENSSH) )?PRIVATE KEY-----", "glpat-[0-9a-zA-Z_-]{20}", "SG\\.[\\w-]{22}\\.[\\w-]{43}",
    "(?i)(password|secret|token)\\s*[:=]\\s*['\\\"][^'\\\"]{8,}['\\\"]", "AIza[0-9A-Za-z_-]{35}", "npm_[A-Za-z0-9]{36}", "eyJ[A-Za-z0-9_-]+\\.eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+", "postgres(ql)?:" "//[^:]+:[^@]+@[^/]+", "hooks\\.slack\\.com/services/T[0-9A-Z]{8,}/B[0-9A-Z]{8,}/\\w{24}", "pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}",
]
# Keys that are made to be published.
PUBLIC = [
    ("stripe.js", "const stripe = Stripe('pk|_live_51{b62:97}');\n"), ("stripe_test.js", "loadStripe('pk|_test_51{b62:97}');\n"), ("mapbox.js", "mapboxgl.accessToken = 'pk|.eyJ1Ijoi{b64u:50}.{b62:22}';\n"), ("posthog.ts", "posthog.init('ph|c_{b62:43}', { api_host: 'https://eu.posthog.com' });\n"),
    ("sentry.py", "sentry_sdk.init(dsn='https:|//{hex:32}@o{d:6}.ingest.sentry.io/{d:7}')\n"), ("recaptcha.html", '<div class="g-recaptcha" data-sitekey="6L{b64u:38}"></div>\n'), ("ga.html", "<script>gtag('config', 'G-{AZ:10}'); ga('create', 'UA-{d:8}-1')</script>\n"), ("oauth.ts", "export const clientId = '{d:12}-{az:32}.apps.googleusercontent.com';\n"),
    ("paypal.html", '<script src="https://www.paypal.com/sdk/js?client-id=A{b64u:79}&currency=EUR"></script>\n'), ("turnstile.html", '<div class="cf-turnstile" data-sitekey="0x4AAAAAAA{b64u:14}"></div>\n'), ("hcaptcha.html", '<div class="h-captcha" data-sitekey="{uuid}"></div>\n'), ("launchdarkly.js", "const client = LDClient.initialize('{hex:24}', { key: 'user' });\n"),
    ("vapid.js", "const applicationServerKey = 'B{b64u:86}';\n"), ("algolia.js", "docsearch({ appId: '{AZ:10}', indexName: 'docs' });\n"), ("razorpay.js", "var options = { key: 'rz|p_live_{b62:14}', amount: 5 };\n"), ("mobsdk.kt", "// launchdarkly\nval clientSideId = \"{hex:24}\"\n"),
    ("arn.tf", 'role = "arn:aws:iam::{d:12}:role/deploy"\nami = "ami-{hex:17}"\nvpc = "vpc-{hex:17}"\nzone_id = "Z{AZ:20}"\n'), ("cognito.ts", "userPoolId: 'eu-west-1_{b62:9}', userPoolWebClientId: '{az:26}', identityPoolId: 'eu-west-1:{uuid}'\n"), ("azure.tf", 'subscription_id = "{uuid}"\ntenant_id = "{uuid}"\nclient_id = "{uuid}"\n'), ("gcp.yaml", "project: acme-{d:6}\nserviceAccount: ci@acme.iam.gserviceaccount.com\nkey_id: {hex:40}\n"),
    ("auth0.ts", "export const auth = { domain: 'acme.eu.auth0.com', clientId: '{b62:32}', audience: 'https://api.example.org' };\n"), ("segment.html", "<script>analytics.page('{b62:8}')</script>\n"), ("intercom.js", "window.intercomSettings = { app_id: '{az:8}' };\n"), ("amplitude.md", "The dashboard is at https://app.amplitude.com/analytics/acme/chart/{az:8}\n"),
]


def _placeholder_files(g):
    forms = [(".env.example", "@N@=@V@"), ("config.yml", "app:\n  @n@: @V@"), ("app.py", '@N@ = "@V@"'), ("config.json", '{"@n@": "@V@"}'), ("README.md", "```sh\nexport @N@='@V@'\n```"), ("index.ts", "const @n@ = '@V@';")]
    for i, value in enumerate(PLACEHOLDERS):
        path, form = forms[(i + g.randint(0, 5)) % len(forms)]
        name = PLACEHOLDER_NAMES[i % len(PLACEHOLDER_NAMES)]
        yield "placeholder", path, form.replace("@N@", name.upper()).replace("@n@", name.lower()).replace("@V@", value) + "\n"
    for i, value in enumerate(VENDOR_PLACEHOLDERS):
        path, form = forms[i % len(forms)]
        yield "vendor placeholder", path, form.replace("@N@", "TOKEN").replace("@n@", "token").replace("@V@", value.replace("|", "")) + "\n"
    for i, value in enumerate(URLS):
        yield "example url", ["README.md", "docker-compose.yml", ".env.example"][i % 3], "DATABASE_URL=" + value.replace("|", "") + "\n"


def files(g):
    """(kind, path, text) of every file of this table."""
    yield from _placeholder_files(g)
    for lang, password, secret, token, forgot in TRANSLATIONS:
        form = g.choice(['{\n "password": "%s",\n "secret": "%s",\n "access_token": "%s",\n "forgot_password": "%s"\n}\n', "login:\n  password: %s\n  secret: \"%s\"\n  token: '%s'\n  password_hint: %s\n", "password=%s\nsecret=%s\ntoken.label=%s\npassword.forgot=%s\n"])
        yield "translation", "locales/" + lang + g.choice([".json", ".yml", "/auth.json"]), form % (password, secret, token, forgot)
        if g.random() < 0.5:
            yield "translation", "po/" + lang + ".po", 'msgid "Password"\nmsgstr "%s"\n\nmsgid "Secret key"\nmsgstr "%s"\n' % (password, secret)
    for path, body in CODE:
        yield "code", "src/" + path, fill(body, g)
    for path, body in OTHER_KEYS:
        yield "other keys", "lib/" + path, fill(body, g)
    for i, pattern in enumerate(PATTERNS):
        path, form = [("rules.toml", "[[rules]]\nregex = '''%s'''\n"), ("scan.py", 'TOKEN = re.compile(r"%s")\n'), ("detect.go", "var re = regexp.MustCompile(`%s`)\n"), ("rules.yml", "pattern: '%s'\n")][i % 4]
        yield "pattern", path, form % pattern
    for path, body in PUBLIC:
        yield "public key or id", "web/" + path, fill(body, g)


# Neither a miss nor a false positive: shown apart. See README.
DEBATABLE = [
    ("firebase", "web config", "firebase.js", "const firebaseConfig = {\n  api|Key: 'AI|zaSy{b64u:33}',\n  authDomain: 'acme.firebaseapp.com',\n  projectId: 'acme',\n};\n", 2),
    ("google", "maps key in a page", "index.html", "<script src='https://maps.googleapis.com/maps/api/js?key=AI|zaSy{b64u:33}'></script>\n", 1),
    ("supabase", "publishable key", "sb.ts", "createClient('https://x.supabase.co', 'sb|_publishable_{b64u:22}_{b64u:8}')\n", 1),
    ("generic", "bcrypt hash", "users.yml", "- name: a\n  password: '$2b$12${b62:53}'\n", 2),
    ("generic", "htpasswd", ".htpasswd", "admin:$apr1${b62:8}${b62:22}\n", 1),
    ("generic", "shadow line", "shadow", "root:$6${b62:16}${b62:86}:19000:0:99999:7:::\n", 1),
    ("launchdarkly", "mobile key", "ld.kt", 'val k = "mo|b-{uuid}"\n', 1),
    ("new relic", "browser key", "nr.js", "NREUM.info={licenseKey:'NR|JS-{hex:19}',applicationID:'{d:9}'}\n", 1),
    ("algolia", "search key", "search.js", "docsearch({ appId: '{AZ:10}', apiKey: '{hex:32}', indexName: 'docs' });\n", 1),
    ("generic", "basic auth of an example", "api.md", "Authorization: Ba|sic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\n", 1),
    ("datadog", "client token", "rum.js", "datadogRum.init({ clientToken: 'pub{hex:32}', site: 'datadoghq.eu' });\n", 1),
    ("generic", "session cookie", "a.http", "Cookie: session={b64u:64}\n", 1),
]
