//! The rule as a whole: what is told of one change, in every ecosystem.

use crate::model::Change;
use crate::policy::testing::*;

const ALL: &str = "kind = \"manifest\"\nallow = [\"known\", \"@acme/*\", \"cargo:serde\", \"python:My.Lib\"]\nregistries = [\"npm.acme.example\", \"git.acme.example\"]\n\
                   what = [\"install-script\", \"new-dependency\", \"registry\", \"source\", \"integrity\", \"unpinned\"]";
const USUAL: &str = "kind = \"manifest\"";

/// What is told without the beginning every finding here has.
fn told(rule: &str, path: &str, old: Option<&str>, new: &str) -> Vec<String> {
    let found = judge_files(&with_rule(rule), &[(path, old.map(str::as_bytes), Some(new.as_bytes()))]);
    let start = format!("refuse r {path}");
    found.into_iter().map(|text| text.strip_prefix(&start).map_or(text.clone(), str::to_owned)).collect()
}

fn hold(table: &[(&str, &str, &str, &str, &[&str])]) {
    for (rule, path, old, new, expected) in table {
        let old = (!old.is_empty()).then_some(*old);
        assert_eq!(told(rule, path, old, new), *expected, "{path}\n{new}");
    }
}

#[test]
fn package_json() {
    let old = "{\n\"scripts\": {\"build\": \"tsc\", \"prepare\": \"npm run build\"},\n\"dependencies\": {\"a\": \"1.0.0\"}\n}";
    hold(&[
        (
            USUAL,
            "package.json",
            old,
            "{\n\"scripts\": {\"build\": \"tsc\", \"prepare\": \"npm run build\", \"test\": \"x\"},\n\"dependencies\": {\"a\": \"2.0.0\", \"b\": \"1\"}\n}",
            &[],
        ),
        (
            USUAL,
            "package.json",
            old,
            "{\n\"scripts\": {\"build\": \"tsc && evil\", \"prepare\": \"npm run build\"},\n\"dependencies\": {\"a\": \"1.0.0\"}\n}",
            &[
                ":2 `scripts.build` is changed: it is run by a script that runs when the package is installed, packed or published",
            ],
        ),
        (
            ALL,
            "web/package.json",
            old,
            "{\n\"dependencies\": {\n\"a\": \"npm:other@1.0.0\",\n\"known\": \"^1\",\n\"@acme/x\": \"1.0.0\",\n\"c\": \"user/repo\",\n\"d\": \"https://git.acme.example/d.git\",\n\"e\": \"file:../../e\"}}",
            &[
                ":3 `a` is another package by that name: `other`",
                ":4 `known` is not asked for in one exact version",
                ":6 `c` is taken from a repository on `github.com`",
                ":6 `c` is not asked for in one exact version",
                ":7 `d` is not asked for in one exact version",
                ":8 `e` is taken from `../../e`, which is not in the repository",
                ":3 `other` is a new dependency",
                ":6 `c` is a new dependency",
                ":7 `d` is a new dependency",
                ":8 `e` is a new dependency",
            ],
        ),
        (
            USUAL,
            "package.json",
            old,
            "{\"dependencies\": {\"a\": \"1.0.0\"}, \"dependencies\": {}}",
            &[":1 the key `dependencies` stands twice in one table: readers differ on which counts"],
        ),
        (
            USUAL,
            "package.json",
            old,
            "{\"dependencies\": {},}",
            &[" this file cannot be parsed, so nobody can say what it brings: `trailing comma at line 1 column 21`"],
        ),
        (USUAL, "package.json", "{,}", "{,,}", &[]),
        (
            USUAL,
            "package.json",
            "{,}",
            "{\"scripts\": {\"install\": \"x\"}}",
            &[":1 `scripts.install` is added: it is run when the package is installed, packed or published"],
        ),
        (USUAL, "src/package.rs", "", "{", &[]),
    ]);
}

/// An entry of package-lock.json.
fn locked(name: &str, version: &str, url: &str, integrity: &str) -> String {
    format!(
        "\"node_modules/{name}\": {{\"version\": \"{version}\", \"resolved\": \"{url}\", \"integrity\": \"{integrity}\"}}"
    )
}

#[test]
fn npm_locks() {
    let npm = |name: &str, version: &str| format!("https://registry.npmjs.org/{name}/-/{name}-{version}.tgz");
    let lock = |entries: &[String]| format!("{{\"packages\": {{\n\"\": {{}},\n{}\n}}}}", entries.join(",\n"));
    let old_a = locked("a", "1.0.0", &npm("a", "1.0.0"), "sha512-A");
    let old = lock(&[old_a.clone(), locked("p", "1.0.0", "https://private.example/p.tgz", "sha512-P")]);
    let table: &[(&str, String, &[&str])] = &[
        (USUAL, locked("a", "1.1.0", &npm("a", "1.1.0"), "sha512-B"), &[]),
        (
            USUAL,
            locked("a", "1.0.0", &npm("a", "1.0.0"), "sha512-B"),
            &[":3 `a` `1.0.0` has another digest than before, for the same version"],
        ),
        (USUAL, locked("a", "1.0.0", &npm("a", "1.0.0"), "sha1-A"), &[":3 `a` `1.0.0` has only a weak digest now"]),
        (USUAL, old_a.replace("integrity", "x"), &[":3 `a` `1.0.0` has lost its digest"]),
        (
            USUAL,
            locked("a", "1.1.0", "https://evil.example/a/-/a-1.1.0.tgz", "sha512-B"),
            &[":3 `a` is taken from `evil.example`, which is no registry known here"],
        ),
        (
            USUAL,
            locked("a", "1.1.0", &npm("evil", "1.1.0"), "sha512-B"),
            &[":3 `a` `1.1.0` is taken from the URL of another package or version"],
        ),
        (
            USUAL,
            locked("a", "1.1.0", &npm("a", "0.1.0"), "sha512-B"),
            &[":3 `a` `1.1.0` is taken from the URL of another package or version"],
        ),
        (
            USUAL,
            locked("a", "1.1.0", &npm("a", "1.1.0").replace("https", "http"), "sha512-B"),
            &[":3 `a` is taken from `registry.npmjs.org` unencrypted"],
        ),
        (
            USUAL,
            locked("a", "1.1.0", "git+ssh://git@github.com/u/a.git#1", ""),
            &[":3 `a` is taken from a repository on `github.com`"],
        ),
        (
            USUAL,
            locked("p", "2.0.0", &npm("p", "2.0.0"), "sha512-Q"),
            &[":3 `p` came from `private.example`, and is now taken from `registry.npmjs.org`"],
        ),
        (ALL, locked("n", "1.0.0", "https://npm.acme.example/n.tgz", "sha512-N"), &[":3 brings a new package: `n`"]),
        (ALL, locked("known", "1.0.0", &npm("known", "1.0.0"), "sha512-N"), &[]),
        (
            USUAL,
            format!("{old_a},\n\"node_modules/s\": {{\"version\": \"1.0.0\", \"hasInstallScript\": true}}"),
            &[":4 `package s` is added: it runs a script when it is installed"],
        ),
        (
            USUAL,
            format!(
                "{old_a},\n\"node_modules/s\": {{\"version\": \"1.0.0\", \"resolved\": \"{}\"}}",
                npm("s", "1.0.0")
            ),
            &[":4 `s` `1.0.0` has no digest, as others in this file have"],
        ),
        (
            USUAL,
            old_a.replace("{\"version", "{\"name\": \"evil\", \"version"),
            &[
                ":3 `evil` `1.0.0` is taken from the URL of another package or version",
                ":3 `a` is another package by that name: `evil`",
            ],
        ),
    ];
    for (rule, entry, expected) in table {
        assert_eq!(
            told(rule, "package-lock.json", Some(&old), &lock(std::slice::from_ref(entry))),
            *expected,
            "{entry}"
        );
    }
    let many: Vec<String> =
        (0..12).map(|i| locked(&format!("n{i}"), "1.0.0", &npm(&format!("n{i}"), "1.0.0"), "sha512-N")).collect();
    let expected = ":3 brings 12 new packages: `n0`, `n1`, `n2`, `n3`, `n4`, `n5`, `n6`, `n7` and 4 more";
    assert_eq!(told(ALL, "package-lock.json", Some(&old), &lock(&many)), [expected]);
}

#[test]
fn yarn_and_pnpm() {
    let yarn = |url: &str, more: &str| {
        format!("# yarn lockfile v1\n\n\na@^1:\n  version \"1.0.0\"\n  resolved \"{url}\"\n{more}")
    };
    let usual = "https://registry.yarnpkg.com/a/-/a-1.0.0.tgz#0000000000000000000000000000000000000000";
    let old = yarn(usual, "  integrity sha512-A\n");
    hold(&[
        (
            USUAL,
            "yarn.lock",
            &old,
            &yarn(usual, "  integrity sha512-B\n"),
            &[":4 `a` `1.0.0` has another digest than before, for the same version"],
        ),
        (USUAL, "yarn.lock", &old, &yarn(usual, ""), &[":4 `a` `1.0.0` has only a weak digest now"]),
        (USUAL, "yarn.lock", &old, &yarn("https://registry.npmjs.org/a/-/a-1.0.0.tgz", "  integrity sha512-A\n"), &[]),
        (
            USUAL,
            "yarn.lock",
            &old,
            &yarn("https://codeload.github.com/u/a/tar.gz/1", ""),
            &[
                ":4 `a` is taken from `codeload.github.com`, which is no registry known here",
                ":4 `a` `1.0.0` has lost its digest",
            ],
        ),
        (
            USUAL,
            ".yarnrc.yml",
            "",
            "nodeLinker: node-modules\nyarnPath: .yarn/releases/yarn.cjs\nnpmRegistryServer: \"https://r.example\"\n",
            &[
                ":2 `yarnPath` is added: it is run instead of yarn",
                ":3 `npmRegistryServer` takes packages from `r.example`, which is no registry known here",
            ],
        ),
        (
            USUAL,
            ".npmrc",
            "registry=https://r.example\n",
            "registry=https://r.example/other/\n//r.example/:_authToken=${T}\n",
            &[],
        ),
        (
            USUAL,
            ".npmrc",
            "",
            "@s:registry=http://npm.example\n",
            &[":1 `@s:registry` takes packages from `npm.example` unencrypted"],
        ),
        (
            USUAL,
            "pnpm-lock.yaml",
            "",
            "packages:\n  a@1.0.0:\n    resolution: {integrity: sha512-A, tarball: https://evil.example/a.tgz}\n",
            &[":2 `a` is taken from `evil.example`, which is no registry known here"],
        ),
        (
            USUAL,
            "pnpm-lock.yaml",
            "",
            "packages: &p\n  a: *p\n",
            &[" this file cannot be parsed, so nobody can say what it brings: `an alias stands for something else`"],
        ),
    ]);
}

#[test]
fn python() {
    let lock = |hash: &str, source: &str| {
        format!(
            "[[package]]\nname = \"a\"\nversion = \"1.0\"\nfiles = [{{file = \"a-1.0.tar.gz\", hash = \"sha256:{hash}\"}}]\n{source}"
        )
    };
    let uv = |registry: &str, host: &str| {
        format!(
            "[[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = {{ registry = \"{registry}\" }}\nsdist = {{ url = \"{host}/a.tar.gz\", hash = \"sha256:aa\" }}\n"
        )
    };
    hold(&[
        (USUAL, "requirements.txt", "a==1\n", "a==2\nb\n", &[]),
        (
            ALL,
            "requirements.txt",
            "a==1\n",
            "a==1\nMy_Lib==1\nb>=2\n-r other.txt\n",
            &[
                ":4 `--requirement` reads a list of packages from a file that is not named like one",
                ":3 `b` is not asked for in one exact version",
                ":3 `b` is a new dependency",
            ],
        ),
        (
            USUAL,
            "requirements.txt",
            "a==1\n",
            "--extra-index-url https://u:p@evil.example/simple\na==1\n",
            &[":1 `--extra-index-url` takes packages from `evil.example`, which is no registry known here"],
        ),
        (
            USUAL,
            "requirements.txt",
            "a==1\n",
            "a @ git+https://tok@github.com/u/a\nhttps://u:p@h.example/x.whl\n",
            &[
                ":1 `a` is taken from a repository on `github.com`",
                ":2 `x.whl` is taken from an archive on `h.example`",
            ],
        ),
        (
            USUAL,
            "requirements.txt",
            "a==1 --hash=sha256:aa\n",
            "a==1 --hash=sha256:bb\n",
            &[":1 `a` `==1` has another digest than before, for the same version"],
        ),
        (USUAL, "requirements.txt", "a==1 --hash=sha256:aa\n", "a==1\n", &[":1 `a` `==1` has lost its digest"]),
        (
            USUAL,
            "pyproject.toml",
            "[build-system]\nrequires = [\"setuptools\"]\n",
            "[build-system]\nrequires = [\"setuptools\", \"evil\"]\nbackend-path = [\".\"]\n",
            &[
                ":2 `build-system.requires` is changed: it is run when the package is built or installed",
                ":3 `build-system.backend-path` is added: it is run when the package is built or installed",
            ],
        ),
        (
            USUAL,
            "pyproject.toml",
            "[project]\n",
            "[project]\ndependencies = [\"a>=1\"]\n[tool.poetry.dependencies]\nb = {git = \"ssh://git@h.example/b\"}\n",
            &[":4 `b` is taken from a repository on `h.example`"],
        ),
        (USUAL, "setup.py", "", "x\n", &[" this file is run when the package is installed or built"]),
        (USUAL, "setup.py", "x\n", "y\n", &[]),
        (
            USUAL,
            "poetry.lock",
            &lock("aa", ""),
            &lock("bb", ""),
            &[":1 `a` `1.0` has another digest than before, for the same version"],
        ),
        (
            USUAL,
            "poetry.lock",
            &lock("aa", ""),
            &lock("aa", "[package.source]\ntype = \"legacy\"\nurl = \"https://evil.example/simple\"\n"),
            &[":1 `a` is taken from `evil.example`, which is no registry known here"],
        ),
        (
            USUAL,
            "uv.lock",
            &uv("https://pypi.org/simple", "https://files.pythonhosted.org"),
            &uv("https://pypi.org/simple", "https://evil.example"),
            &[":1 `a` is taken from `evil.example`, which is no registry known here"],
        ),
        (
            USUAL,
            "uv.lock",
            &uv("https://corp.example/simple", "https://corp.example"),
            &uv("https://pypi.org/simple", "https://files.pythonhosted.org"),
            &[
                ":1 `a` came from `corp.example`, and is now taken from `pypi.org`",
                ":1 `a` came from `corp.example`, and is now taken from `files.pythonhosted.org`",
            ],
        ),
        (
            USUAL,
            "pip.conf",
            "",
            "[global]\ntrusted-host = x\n",
            &[":2 `trusted-host` lets packages come without a valid certificate"],
        ),
    ]);
}

#[test]
fn cargo() {
    let lock = |source: &str, checksum: &str| {
        format!("version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n{source}{checksum}")
    };
    let usual = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let sum = "checksum = \"aa\"\n";
    hold(&[
        (
            USUAL,
            "Cargo.toml",
            "[dependencies]\na = \"1\"\n",
            "[dependencies]\na = \"2\"\nb = { path = \"b\" }\nc = { package = \"d\", version = \"1\" }\n",
            &[],
        ),
        (
            ALL,
            "Cargo.toml",
            "[dependencies]\na = \"1\"\n",
            "[dependencies]\na = \"=1.2.3\"\nserde = \"=1.0.0\"\n[build-dependencies]\ncc = \"=1.0.0\"\n",
            &[":5 `build-dependencies.cc` is added: it runs when the crate is built", ":5 `cc` is a new dependency"],
        ),
        (
            USUAL,
            "Cargo.toml",
            "[dependencies]\na = \"1\"\n",
            "[package]\nbuild = \"x.rs\"\n[dependencies]\na = { package = \"evil\", version = \"1\" }\n[patch.crates-io]\nb = { git = \"https://h.example/b\" }\n",
            &[
                ":2 `package.build` is added: it is run when the crate is built",
                ":4 `a` is another package by that name: `evil`",
                ":6 `b` is taken from a repository on `h.example`",
            ],
        ),
        (
            USUAL,
            "x/Cargo.toml",
            "",
            "[dependencies]\na = { path = \"../../a\" }\nb = { version = \"1\", registry = \"corp\" }\n",
            &[
                ":2 `a` is taken from `../../a`, which is not in the repository",
                ":3 `b` is taken from another registry, `corp`",
            ],
        ),
        (
            USUAL,
            "Cargo.lock",
            &lock(usual, sum),
            &lock(usual, "checksum = \"bb\"\n"),
            &[":3 `a` `1.0.0` has another digest than before, for the same version"],
        ),
        (USUAL, "Cargo.lock", &lock(usual, sum), &lock(usual, ""), &[":3 `a` `1.0.0` has lost its digest"]),
        (
            USUAL,
            "Cargo.lock",
            &lock(usual, sum),
            &lock("source = \"registry+https://evil.example/index\"\n", sum),
            &[":3 `a` is taken from `evil.example`, which is no registry known here"],
        ),
        (
            USUAL,
            ".cargo/config.toml",
            "",
            "[source.crates-io]\nreplace-with = \"m\"\n[build]\nrustc-wrapper = \"./x\"\n",
            &[
                ":4 `build.rustc-wrapper` is added: it can change what runs when cargo is called",
                ":2 `source.*.replace-with` takes all packages of a registry from somewhere else",
            ],
        ),
        (USUAL, "a/build.rs", "", "fn main() {}\n", &[" this file is run when the package is installed or built"]),
        (
            USUAL,
            "Cargo.toml",
            "",
            "[dependencies\n",
            &[" this file cannot be parsed, so nobody can say what it brings: `unclosed table, expected `]``"],
        ),
    ]);
}

#[test]
fn go() {
    hold(&[
        (
            USUAL,
            "go.mod",
            "module x\nrequire a.example/a v1.0.0\n",
            "module x\nrequire a.example/a v1.1.0\nrequire b.example/b v1.0.0\nreplace b.example/b => ./b\n",
            &[],
        ),
        (
            ALL,
            "go.mod",
            "module x\n",
            "module x\nrequire b.example/b v1.0.0\n",
            &[":2 `b.example/b` is a new dependency"],
        ),
        (
            USUAL,
            "go.mod",
            "module x\nrequire a.example/a v1.0.0\n",
            "module x\nrequire a.example/a v1.0.0\nreplace a.example/a => evil.example/a v1.0.0\nreplace (\n a.example/b => ../../b\n)\ntoolchain go1.22.1-evil\n",
            &[
                ":7 `toolchain` names a toolchain that is no release of Go",
                ":3 `a.example/a` is another package by that name: `evil.example/a`",
                ":5 `a.example/b` is taken from `../../b`, which is not in the repository",
            ],
        ),
        (
            USUAL,
            "go.sum",
            "a v1.0.0 h1:aa=\n",
            "a v1.0.0 h1:bb=\n",
            &[":1 `a` `v1.0.0` has another digest than before, for the same version"],
        ),
        (USUAL, "go.sum", "a v1.0.0 h1:aa=\n", "a v1.0.0 h1:aa=\na v1.0.0/go.mod h1:bb=\nb v1.0.0 h1:cc=\n", &[]),
    ]);
}

#[test]
fn others() {
    let composer = |url: &str| {
        format!(
            "{{\"packages\": [{{\n\"name\": \"a/b\", \"version\": \"1.0.0\", \"source\": {{\"type\": \"git\", \"url\": \"{url}\"}}}}]}}"
        )
    };
    let pom = |more: &str| format!("<project>\n{more}\n</project>\n");
    hold(&[
        (
            USUAL,
            "composer.lock",
            &composer("https://github.com/a/b.git"),
            &composer("https://github.com/evil/b.git"),
            &[":2 `a/b` came from `github.com a/b`, and is now taken from `github.com`"],
        ),
        (USUAL, "composer.lock", "{}", &composer("https://github.com/a/b.git"), &[]),
        (
            USUAL,
            "composer.json",
            "{}",
            "{\"scripts\": {\n\"post-install-cmd\": \"x\"}}",
            &[":2 `scripts.post-install-cmd` is added: it is run by composer"],
        ),
        (
            USUAL,
            "Gemfile",
            "source 'https://rubygems.org'\n",
            "source 'https://rubygems.org'\ngem 'a', git: 'https://h.example/a'\nsource 'http://gems.example'\n",
            &[
                ":3 `source` takes packages from `gems.example` unencrypted",
                ":2 `a` is taken from a repository on `h.example`",
            ],
        ),
        (
            USUAL,
            "Gemfile.lock",
            "",
            "GEM\n  remote: https://evil.example/\n  specs:\n    a (1.0)\n",
            &[":4 `a` is taken from `evil.example`, which is no registry known here"],
        ),
        (
            USUAL,
            "pom.xml",
            &pom(""),
            &pom("<repositories><repository><url>https://evil.example/m2</url></repository></repositories>"),
            &[":2 `repository` takes packages from `evil.example`, which is no registry known here"],
        ),
        (
            USUAL,
            "gradle/wrapper/gradle-wrapper.properties",
            "distributionUrl=https\\://services.gradle.org/distributions/gradle-8.5-bin.zip\n",
            "distributionUrl=https\\://evil.example/gradle-8.5-bin.zip\n",
            &[
                ":1 `distributionUrl` is changed: it is downloaded and run when the project is built",
                ":1 `distribution` is taken from `evil.example`, which is no registry known here",
            ],
        ),
        (
            USUAL,
            "gradle/wrapper/gradle-wrapper.jar",
            "PK1",
            "PK2",
            &[" this file is run when the package is installed or built"],
        ),
    ]);
}

#[test]
fn links_large_files_and_merges() {
    let mut memory = Memory::default();
    let link = Change { size: Some(4), link_target: Some("else".into()), ..change("package.json") };
    let entry = crate::model::Entry { mode: SYMLINK, id: memory.add(b"else") };
    let facts = one(vec![Change { new: Some(entry), ..link }]);
    let found = judge_examined(&with_rule(USUAL), facts, &memory, b"");
    let expected = "refuse r package.json a symbolic link in place of a manifest: what it leads to is not looked into";
    assert_eq!(found, [expected]);
    let large = " ".repeat(usize::try_from(CONTENT_BYTES_MAX).unwrap() + 1);
    let warning = with_rule(USUAL).replace("then = \"refuse\"", "then = \"warn\"");
    let found = judge_files(&warning, &[("yarn.lock", None, Some(large.as_bytes()))]);
    assert_eq!(found, ["refuse r yarn.lock this file is too large to be parsed as a manifest or lock file"]);
    // What a merge takes over from its other parent is no news.
    let mut memory = Memory::default();
    let [ours, theirs, both] =
        ["{}", "{\"bin\": \"x\"}", "{\"bin\": \"x\", \"name\": \"y\"}"].map(|text| memory.add(text.as_bytes()));
    let file = |id| Some(crate::model::Entry { mode: FILE, id });
    let merged =
        Change { old: vec![file(ours), file(theirs)], new: file(both), size: Some(30), ..change("package.json") };
    assert!(judge_examined(&with_rule(USUAL), one(vec![merged]), &memory, b"").is_empty());
}

#[test]
fn manifests_and_locks_go_together() {
    let rule = "kind = \"manifest\"\nwhat = [\"lock-without-manifest\", \"manifest-without-lock\"]\nmatch = [\"**\", \"!vendor/**\"]";
    let table: &[(&[&[&str]], &[&str])] = &[
        (&[&["package.json", "yarn.lock"]], &[]),
        (&[&["package.json"], &["yarn.lock"]], &[]),
        (&[&["packages/a/package.json", "pnpm-lock.yaml"]], &[]),
        (
            &[&["package.json", "packages/a/yarn.lock"]],
            &[
                "`packages/a/yarn.lock` changed without a manifest beside or below; `package.json` changed without a lock file beside or above",
            ],
        ),
        (
            &[&["Cargo.toml", "yarn.lock"]],
            &[
                "`yarn.lock` changed without a manifest beside or below; `Cargo.toml` changed without a lock file beside or above",
            ],
        ),
        (&[&["vendor/go.mod", "requirements.txt", "setup.py", ".npmrc", "src/a"]], &[]),
        (
            &[&["a/Cargo.lock", "b/Cargo.lock", "c/Cargo.lock", "d/Cargo.lock", "e/Cargo.lock", "f/Cargo.lock"]],
            &[
                "`a/Cargo.lock`, `b/Cargo.lock`, `c/Cargo.lock`, `d/Cargo.lock`, `e/Cargo.lock` and 1 more changed without a manifest beside or below",
            ],
        ),
        (&[&["go.sum"]], &["`go.sum` changed without a manifest beside or below"]),
    ];
    for (commits, expected) in table {
        let commits = (9_u8..).zip(*commits).map(|(number, paths)| commit(number, paths.iter().map(change).collect()));
        let facts =
            push(vec![update("refs/heads/agent/claude-1/x", crate::model::UpdateKind::Update)], commits.collect());
        let judgement = judge(&with_rule(rule), &facts);
        let found: Vec<&str> = judgement.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(found, *expected);
    }
}

#[test]
fn settings_of_the_rule_are_checked() {
    for (keys, problem) in [
        ("what = [\"install-scripts\"]", "there is nothing called `install-scripts` here"),
        ("what = []", "an empty list speaks of nothing"),
        ("registries = [\"https://x.example\"]", "not a host"),
        ("registries = [\"*.example\"]", "not a host"),
        ("registries = [\"\"]", "not a host"),
        ("allowed = [\"x\"]", "unknown key"),
    ] {
        let text = with_rule(&format!("kind = \"manifest\"\n{keys}"));
        let error = crate::policy::Policy::parse("policy.toml", &text).unwrap_err().to_string();
        assert!(error.contains(problem), "{keys}: {error}");
    }
}

#[test]
fn names_match_their_patterns() {
    for (pattern, name, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("@s/*", "@s/x", true),
        ("@s/*", "@t/x", false),
        ("*-x-*", "a-x-b", true),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("*", "", true),
    ] {
        assert_eq!(super::matches(pattern, name), expected, "{pattern} {name}");
    }
}

#[test]
fn hostile_files_take_bounded_time() {
    let many = |each: fn(usize) -> String, count: usize| (0..count).map(each).collect::<String>();
    let files: Vec<(&str, String)> = vec![
        (
            "package.json",
            format!(
                "{{\"scripts\": {{\"install\": \"s0\"{}}}}}",
                many(|i| format!(",\"s{i}\": \"s{}\"", i + 1), 10_000)
            ),
        ),
        (
            "package.json",
            format!(
                "{{\"scripts\": {{\"install\": \"{}\"{}}}}}",
                many(|i| format!("x{i}* "), 10_000),
                many(|i| format!(",\"s{i}\": \"a\""), 10_000)
            ),
        ),
        (
            "package.json",
            format!("{{\"dependencies\": {{\"a\": \"1\"{}}}}}", many(|i| format!(",\"u{i}\": \"u/r{i}\""), 20_000)),
        ),
        ("package.json", format!("{{\"a\": 1{}}}", many(|_| ",\"a\": 1".to_owned(), 20_000))),
        (
            "uv.lock",
            format!(
                "[[package]]\nname = \"a\"\nwheels = [{}]\n",
                many(|i| format!("{{url = \"https://h{i}.example/x\", hash = \"sha256:{i}\"}},"), 10_000)
            ),
        ),
        ("requirements.txt", format!("a==1{}\n", many(|i| format!(" --hash=sha256:{i}"), 20_000))),
        ("requirements.txt", "a \\\n".repeat(20_000)),
        ("Cargo.lock", "[[package]]\nname = \"a\"\n".repeat(10_000)),
        ("yarn.lock", format!("{}:\n  version \"1\"\n", many(|i| format!("a{i}@1, "), 20_000))),
        ("pnpm-lock.yaml", "[".repeat(100_000)),
        ("pnpm-lock.yaml", "{a: ".repeat(20_000)),
        ("pnpm-lock.yaml", format!("a: {}", "- ".repeat(20_000))),
        ("pnpm-lock.yaml", format!("\"{}", "a: b ".repeat(20_000))),
        ("pnpm-lock.yaml", many(|i| format!("? k{i}\n"), 20_000)),
        ("pom.xml", format!("<a>{}</a>", "<b>x</b>\n".repeat(20_000))),
        ("pom.xml", "<a ".repeat(20_000)),
        ("go.sum", many(|i| format!("a v1 h1:{i}\n"), 20_000)),
        ("Gemfile", "gem 'a', git: ".repeat(20_000)),
        ("pyproject.toml", format!("a = {}", "{a = ".repeat(20_000))),
        (".npmrc", "a=1\n b\n".repeat(20_000)),
    ];
    let rule = with_rule(ALL);
    for (path, text) in &files {
        let start = std::time::Instant::now();
        for old in [None, Some(text.as_bytes())] {
            judge_files(&rule, &[(path, old, Some(format!("{text}\n\n").as_bytes()))]);
        }
        let begin: String = text.chars().take(40).collect();
        assert!(start.elapsed().as_secs() < 20, "{path} {begin}: {:?}", start.elapsed());
    }
}
