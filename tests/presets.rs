//! The presets: which paths of which file each of them stops, and what a policy can say of their rules.

use refgate::model::{
    Change, CommitFacts, Direction, Effect, Entry, Finding, Group, ObjectId, PrincipalName, PushFacts, RefName,
    RefUpdate, RepoName, UpdateFacts, UpdateKind, Usage,
};
use refgate::policy::presets::PRESETS;
use refgate::policy::{Case, Judgement, Policy};
use refgate::strict::{Problems, position};
use std::collections::{BTreeMap, BTreeSet};

const FILE: u32 = 0o100644;
const SYMLINK: u32 = 0o120000;
const GITLINK: u32 = 0o160000;

const GRANT: &str = "
[agent.claude-1]
[human.dana]
[group]
owners = [\"dana\"]
[[grant]]
to = \"claude-1\"
repo = [\"app\", \"lib\"]
refs = [\"refs/heads/agent/{principal}/**\", \"refs/tags/**\"]
allow = [\"create\", \"update\", \"rewind\", \"delete\"]
write = \"**\"
";

fn id(number: u8) -> ObjectId {
    ObjectId::from([number; 20])
}

fn policy(rest: &str) -> Policy {
    Policy::parse("policy.toml", &[GRANT, rest].concat()).unwrap_or_else(|error| panic!("{error}"))
}

fn change(path: &str, mode: u32) -> Change {
    Change {
        path: path.into(),
        old: vec![Some(Entry { mode, id: id(3) })],
        new: Some(Entry { mode, id: id(4) }),
        size: (mode != GITLINK).then_some(10),
        link_target: (mode == SYMLINK).then(|| "x".into()),
        lfs_size: None,
        twin: None,
        twin_entry: None,
        sightings: Vec::new(),
    }
}

fn push(ref_name: &str, kind: UpdateKind, changes: Vec<Change>) -> PushFacts {
    let name = RefName::parse(ref_name.as_bytes()).expect("a ref");
    let old = (kind != UpdateKind::Create).then(|| id(1));
    let new = (kind != UpdateKind::Delete).then(|| id(9));
    let commit = CommitFacts {
        id: id(9),
        direction: Direction::Added,
        parents: vec![id(1)],
        subject: "work".into(),
        changes,
        sightings: Vec::new(),
        is_new: true,
    };
    PushFacts {
        updates: vec![UpdateFacts { update: RefUpdate { name, old, new }, kind, tags: Vec::new(), commit: new }],
        commits: vec![commit],
        groups: vec![Group { updates: vec![0], commits: vec![0] }],
        lines: Some(1),
        more_sightings: 0,
        pack_bytes: 100,
    }
}

fn judge(policy: &Policy, repo: &str, facts: &PushFacts) -> Judgement {
    let name = PrincipalName::parse("claude-1").expect("a name");
    policy.judge(&Case {
        principal: policy.principal(&name).expect("a principal"),
        repo: &RepoName::parse(repo).expect("a name"),
        facts,
        findings: &[],
        usage: &Usage::default(),
        now: "2026-06-01T12:00:00Z".parse().expect("a time"),
        findings_max: 100,
        hearing: refgate::policy::Hearing::default(),
    })
}

const BRANCH: &str = "refs/heads/agent/claude-1/x";

/// The findings of one changed path, strongest first.
fn findings(policy: &Policy, repo: &str, path: &str) -> Vec<Finding> {
    judge(policy, repo, &push(BRANCH, UpdateKind::Update, vec![change(path, FILE)])).findings
}

/// Each finding as `hold ci-files`.
fn said(policy: &Policy, repo: &str, path: &str) -> Vec<String> {
    let word = |finding: &Finding| match finding.would {
        Some(would) => format!("{} (would {}) {}", finding.effect.as_str(), would.as_str(), finding.rule),
        None => format!("{} {}", finding.effect.as_str(), finding.rule),
    };
    findings(policy, repo, path).iter().map(word).collect()
}

fn problems(rest: &str) -> String {
    let text = [GRANT, rest].concat();
    let problems: Problems = Policy::parse("policy.toml", &text).map(|_| ()).expect_err("an error");
    let start = position(&text, GRANT.len()).0 - 1;
    let line = |p: &refgate::strict::Problem| {
        let (line, column) = position(&text, p.span.start);
        format!("{}:{column} {} | {}\n", line - start, p.message, p.help)
    };
    problems.list.iter().map(line).collect()
}

const DEFAULT: &str = "[repo.app]\npreset = \"agent-default\"\n";

/// A path for every cell of the table of paths that execute or instruct, by the rule that holds it.
const HELD: [(&str, &[&str]); 10] = [
    (
        "agent-settings",
        &[
            ".claude/settings.json",
            ".claude/settings.local.json",
            ".mcp.json",
            ".claude/agents/a.md",
            ".claude/commands/a.md",
            ".claude/skills/a/run.sh",
            ".claude/hooks/a.sh",
            ".claude/plugins/a.json",
            ".claude/output-styles/a.md",
            ".claude/instructions/a.md",
            ".claude/rules/a.md",
            ".claude-plugin/plugin.json",
            ".agents/hooks.json",
            ".agents/mcp.json",
            ".agents/mcp_config.json",
            ".agents/rules/a.md",
            ".agents/skills/a.md",
            ".agents/agents/a.md",
            ".agent/rules/a.md",
            ".codex/config.toml",
            ".codex/hooks.json",
            ".codex/agents/a.toml",
            ".codex/skills/a.md",
            ".codex/rules/a.md",
            ".codex/prompts/a.md",
            ".cursor/hooks.json",
            ".cursor/mcp.json",
            ".cursor/cli.json",
            ".cursor/environment.json",
            ".cursor/worktrees.json",
            ".cursor/rules/a.mdc",
            ".cursor/commands/a.md",
            ".cursor/agents/a.md",
            ".cursor/skills/a.md",
            ".cursorignore",
            ".github/hooks/a.json",
            ".github/copilot/a.json",
            ".copilot/mcp.json",
            ".gemini/settings.json",
            ".gemini/commands/a.toml",
            ".gemini/agents/a.md",
            ".gemini/extensions/a.json",
            ".gemini/hooks/a.sh",
            ".qwen/settings.json",
            ".iflow/settings.json",
            ".windsurf/rules/a.md",
            ".devin/a.yml",
            ".codeium/a.json",
            ".cline/mcp.json",
            ".roo/mcp.json",
            ".roomodes",
            ".kilo/a.json",
            ".kilocode/mcp.json",
            "kilo.jsonc",
            ".kilocodemodes",
            "opencode.json",
            "opencode.jsonc",
            ".opencode/plugin/a.ts",
            ".opencode/plugins/a.ts",
            ".opencode/command/a.md",
            ".opencode/agent/a.md",
            ".opencode/tool/a.ts",
            "crush.json",
            ".crush.json",
            ".crush/a.json",
            ".pi/extensions/a.ts",
            ".pi/mcp.json",
            ".pi/skills/a.md",
            ".amp/settings.json",
            ".factory/droids/a.md",
            ".goose/config.yaml",
            ".goosehints",
            ".aider.conf.yml",
            ".aider.model.settings.yml",
            ".kiro/hooks/a.hook",
            ".kiro/steering/a.md",
            ".kiro/settings/mcp.json",
            ".kiro/specs/a.md",
            ".amazonq/mcp.json",
            ".junie/guidelines.md",
            ".continue/config.yaml",
            ".trae/rules/a.md",
            ".augment/rules/a.md",
            ".augmentignore",
            ".tabnine/a.md",
            ".codebuddy/settings.json",
            ".qoder/rules/a.md",
            ".forge/a.yaml",
            ".openhands/setup.sh",
            ".openhands/microagents/a.md",
            ".openhands/pre-commit.sh",
            ".sourcegraph/a.md",
            ".warp/a.yaml",
        ],
    ),
    (
        "agent-instructions",
        &[
            "CLAUDE.md",
            "CLAUDE.local.md",
            "AGENTS.md",
            "AGENT.md",
            "AGENTS.override.md",
            "AGENTS.local.md",
            ".cursorrules",
            ".github/copilot-instructions.md",
            ".github/instructions/a.md",
            ".github/prompts/a.md",
            ".github/agents/a.md",
            ".github/skills/a/a.py",
            ".github/chatmodes/a.md",
            "GEMINI.md",
            "QWEN.md",
            "IFLOW.md",
            ".windsurfrules",
            ".clinerules",
            ".clinerules/a.md",
            ".clinerules-code",
            ".roorules",
            ".roorules-code/a.md",
            "CONVENTIONS.md",
            ".hermes.md",
            "WARP.md",
            "JULES.md",
            "SKILL.md",
            "llms.txt",
            "a.prompt.md",
            "a.instructions.md",
            "a.chatmode.md",
        ],
    ),
    (
        "editor-tasks",
        &[
            ".vscode/tasks.json",
            ".vscode/settings.json",
            ".vscode/launch.json",
            ".vscode/mcp.json",
            ".vscode/extensions.json",
            "a.code-workspace",
            ".idea/runConfigurations/a.xml",
            ".idea/workspace.xml",
            ".idea/externalDependencies/a.xml",
            ".idea/externalDependencies.xml",
            ".idea/watcherTasks.xml",
            "a.iml",
            ".run/a.run.xml",
            ".fleet/run.json",
            ".zed/tasks.json",
            ".zed/settings.json",
            ".zed/debug.json",
            ".nvim.lua",
            ".nvimrc",
            ".exrc",
            ".vimrc",
            ".dir-locals.el",
            ".helix/languages.toml",
            ".sublime-project",
            "a.sublime-project",
        ],
    ),
    (
        "dev-containers",
        &[
            ".devcontainer/devcontainer.json",
            ".devcontainer/a/Dockerfile",
            ".devcontainer.json",
            ".gitpod.yml",
            ".gitpod/a.sh",
            ".replit",
            ".idx/dev.nix",
        ],
    ),
    (
        "shell-settings",
        &[
            ".envrc",
            ".mise.toml",
            "mise.toml",
            ".mise/tasks/a",
            ".tool-versions",
            ".asdfrc",
            "flake.nix",
            "shell.nix",
            "devenv.nix",
            ".tmuxinator.yml",
            ".tmuxinator/a.yml",
            ".bazelrc",
        ],
    ),
    ("git-settings", &[".gitattributes", ".gitmodules", ".gitconfig", ".lfsconfig", ".gitallowed", ".mailmap"]),
    (
        "git-hooks",
        &[
            ".husky/pre-commit",
            ".githooks/pre-push",
            ".pre-commit-config.yaml",
            ".pre-commit-hooks.yaml",
            "lefthook.yml",
            "lefthook.yaml",
            ".lefthook/pre-push/a.sh",
            ".overcommit.yml",
            ".lintstagedrc",
            ".lintstagedrc.json",
            ".simple-git-hooks.json",
            "commitlint.config.js",
        ],
    ),
    (
        "ci-files",
        &[
            ".github/workflows/ci.yml",
            ".github/workflows/copilot-setup-steps.yml",
            ".github/actions/a/index.js",
            "action.yml",
            "action.yaml",
            ".gitlab-ci.yml",
            ".gitlab-ci/build.yml",
            "a.gitlab-ci.yml",
            ".gitea/workflows/a.yml",
            ".forgejo/workflows/a.yml",
            "Jenkinsfile",
            "Jenkinsfile.release",
            ".circleci/config.yml",
            ".travis.yml",
            "azure-pipelines.yml",
            "azure-pipelines/a.yml",
            "bitbucket-pipelines.yml",
            ".buildkite/pipeline.yml",
            ".drone.yml",
            ".woodpecker.yml",
            ".woodpecker/a.yml",
            ".teamcity/settings.kts",
            "appveyor.yml",
            "cloudbuild.yaml",
            "buildspec.yml",
            ".semaphore/semaphore.yml",
            ".cirrus.yml",
            ".tekton/a.yaml",
            ".argo/a.yaml",
            ".argocd-source.yaml",
            "skaffold.yaml",
            "Tiltfile",
        ],
    ),
    (
        "ci-review-routing",
        &[
            ".github/dependabot.yml",
            ".github/CODEOWNERS",
            ".github/settings.yml",
            ".github/rulesets/a.json",
            "CODEOWNERS",
            "docs/CODEOWNERS",
            ".gitlab/CODEOWNERS",
            "renovate.json",
            "renovate.json5",
            ".renovaterc",
            ".renovaterc.json",
            ".mergify.yml",
            ".kodiak.toml",
            ".bors.toml",
        ],
    ),
    (
        "check-settings",
        &[
            "codecov.yml",
            "sonar-project.properties",
            ".snyk",
            ".gitleaks.toml",
            "gitleaks.toml",
            ".gitleaksignore",
            ".betterleaks.toml",
            ".secrets.baseline",
            ".trufflehog.yml",
            ".semgrepignore",
            ".trivyignore",
            "refgate.toml",
            "policy.toml",
        ],
    ),
];

/// The same for what is warned of.
const WARNED: [(&str, &[&str]); 4] = [
    (
        "build-code",
        &[
            "Makefile",
            "justfile",
            "Taskfile.yml",
            "Taskfile.yaml",
            "Rakefile",
            "tox.ini",
            "noxfile.py",
            "conftest.py",
            "sitecustomize.py",
            "a.pth",
            "jest.config.js",
            "vitest.config.ts",
            "vite.config.ts",
            "webpack.config.js",
            "eslint.config.mjs",
            "prettier.config.js",
            "babel.config.js",
            "postcss.config.js",
            "tailwind.config.js",
            "next.config.mjs",
            ".eslintrc.js",
            ".eslintrc.cjs",
            ".prettierrc.mjs",
            ".mocharc.yml",
            "build.rs",
            ".cargo/config",
            ".cargo/config.toml",
            "rust-toolchain",
            "rust-toolchain.toml",
            "go.work",
            "gradlew",
            "gradlew.bat",
            "gradle/wrapper/gradle-wrapper.jar",
            ".mvn/wrapper/maven-wrapper.properties",
            "settings.gradle",
            "settings.gradle.kts",
            "Directory.Build.props",
            "nuget.config",
            ".config/dotnet-tools.json",
            "WORKSPACE",
            "MODULE.bazel",
        ],
    ),
    (
        "install-settings",
        &[
            ".npmrc",
            ".yarnrc",
            ".yarnrc.yml",
            ".yarn/releases/yarn.cjs",
            ".yarn/plugins/a.cjs",
            ".pnpmfile.cjs",
            "bunfig.toml",
            "pip.conf",
            "uv.toml",
            "poetry.toml",
            ".bundle/config",
        ],
    ),
    (
        "deploy-files",
        &[
            "Dockerfile",
            "Dockerfile.prod",
            "docker-compose.yml",
            "docker-compose.override.yml",
            "main.tf",
            "Chart.yaml",
            "k8s/a.yaml",
            "ansible.cfg",
            "serverless.yml",
            "vercel.json",
            "netlify.toml",
            "fly.toml",
            "Procfile",
            "app.json",
        ],
    ),
    ("env-files", &[".env", ".env.production", ".env-local"]),
];

#[test]
fn agent_default_holds_what_runs_or_instructs_elsewhere_at_any_depth_and_in_any_case() {
    let policy = policy(DEFAULT);
    for (effect, table) in [(Effect::Hold, &HELD[..]), (Effect::Warn, &WARNED[..])] {
        for (rule, paths) in table {
            for path in *paths {
                let deep = ["packages/a b/", path].concat();
                for path in [(*path).to_owned(), deep.clone(), deep.to_uppercase()] {
                    let found = findings(&policy, "app", &path);
                    assert!(found.iter().any(|f| f.rule == *rule), "{path}: {found:?}");
                    assert_eq!(found[0].effect, effect, "{path}: {found:?}");
                }
            }
        }
    }
}

#[test]
fn agent_default_holds_settings_of_shells_in_the_home_of_the_repository_only() {
    let policy = policy(DEFAULT);
    for path in [".bashrc", ".profile", ".zshenv", ".BASHRC"] {
        assert_eq!(said(&policy, "app", path), ["hold shell-settings"], "{path}");
        assert_eq!(said(&policy, "app", &["dotfiles/", path].concat()), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn agent_default_holds_links_in_the_place_of_such_a_folder() {
    let policy = policy(&format!("{DEFAULT}symlink_targets = \"any\"\n"));
    for (path, rule) in [
        (".claude", "agent-settings"),
        ("sub/.claude", "agent-settings"),
        (".github", "ci-files"),
        (".github/workflows", "ci-files"),
        (".vscode", "editor-tasks"),
        (".Husky", "git-hooks"),
        (".zed", "editor-tasks"),
        ("CLAUDE.md", "agent-instructions"),
    ] {
        for mode in [SYMLINK, GITLINK] {
            let facts = push(BRANCH, UpdateKind::Update, vec![change(path, mode)]);
            let judgement = judge(&policy, "app", &facts);
            assert_eq!(judgement.decision.as_str(), "hold", "{path}");
            assert!(judgement.findings.iter().any(|f| f.rule == rule), "{path}: {judgement:?}");
        }
    }
}

#[test]
fn agent_default_lets_ordinary_work_and_near_misses_pass() {
    let policy = policy(DEFAULT);
    for path in [
        "src/main.rs",
        "README.md",
        "docs/agents.rst",
        "claude/settings.json",
        ".claudex/settings.json",
        "x.claude/settings.json",
        "CLAUDE.md.txt",
        "MYCLAUDE.md",
        "docs/claude.mdx",
        "cursor/rules/a.mdc",
        ".cursorrulesx",
        ".github/ISSUE_TEMPLATE/bug.yml",
        ".github/PULL_REQUEST_TEMPLATE.md",
        ".github/FUNDING.yml",
        "github/workflows/ci.yml",
        ".idea/vcs.xml",
        ".idea/codeStyles/a.xml",
        "vscode/tasks.json",
        "run/a.run.xml",
        "zed/tasks.json",
        "envrc",
        "src/envrc.rs",
        "mise.toml.md",
        "gitattributes",
        ".gitignore",
        ".gitkeep",
        "husky/pre-commit",
        "actions.yml",
        "reaction.yml",
        "src/Jenkins.java",
        "src/codeowners.rs",
        "makefiles/a.txt",
        "src/build.rst",
        "rebuild.rs",
        "src/env.rs",
        "npmrc",
        "package.json",
        "Cargo.toml",
        "Cargo.lock",
        "src/docker/file.rs",
        "src/policy.rs",
        "src/apps.json",
        "terraform.tfvars.md",
    ] {
        assert_eq!(said(&policy, "app", path), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn agent_default_refuses_large_files_at_one_byte_over() {
    let policy = policy(DEFAULT);
    let sized = |size| Change { size: Some(size), ..change("a.bin", FILE) };
    for (size, decision) in [(5 << 20, "accept"), ((5 << 20) + 1, "refuse")] {
        let judgement = judge(&policy, "app", &push(BRANCH, UpdateKind::Update, vec![sized(size)]));
        assert_eq!(judgement.decision.as_str(), decision);
    }
}

#[test]
fn read_mostly_docs_lets_documentation_pass_and_nothing_else() {
    let policy = policy("[repo.app]\npreset = \"read-mostly-docs\"\n");
    for path in ["README.md", "docs/a/b.md", "src/notes.md", "docs/a.rst", "docs/img/a.png", "CHANGELOG.md"] {
        assert_eq!(said(&policy, "app", path), Vec::<String>::new(), "{path}");
    }
    for path in ["src/main.rs", "LICENSE", "a.png", "docs/conf.py", "docs/a.mdx", "README.MD", "Makefile", ".envrc"] {
        assert_eq!(said(&policy, "app", path), ["hold not-docs"], "{path}");
    }
    for path in ["AGENTS.md", "docs/CLAUDE.md", ".claude/commands/a.md", ".github/a.md", "x.prompt.md"] {
        assert_eq!(said(&policy, "app", path), ["hold docs-for-agents"], "{path}");
    }
    let link = push(BRANCH, UpdateKind::Update, vec![change("docs/a.md", GITLINK)]);
    assert_eq!(judge(&policy, "app", &link).decision.as_str(), "hold");
}

#[test]
fn moved_tags_stops_every_way_a_tag_can_move() {
    let policy = policy("[repo.app]\npreset = \"moved-tags\"\n");
    for (name, kind, decision) in [
        ("refs/tags/v1", UpdateKind::Create, "accept"),
        ("refs/tags/v1", UpdateKind::Update, "refuse"),
        ("refs/tags/v1", UpdateKind::Rewind, "refuse"),
        ("refs/tags/v1", UpdateKind::Delete, "refuse"),
        (BRANCH, UpdateKind::Rewind, "accept"),
        (BRANCH, UpdateKind::Delete, "accept"),
    ] {
        let mut facts = push(name, kind, vec![change("a", FILE)]);
        if kind == UpdateKind::Delete {
            (facts.groups, facts.commits) = (Vec::new(), Vec::new());
        }
        assert_eq!(judge(&policy, "app", &facts).decision.as_str(), decision, "{name} {kind:?}");
    }
}

#[test]
fn shai_hulud_stops_the_files_of_the_worm() {
    let policy = policy("[repo.app]\npreset = \"shai-hulud\"\n");
    for (path, rule) in [
        (".github/workflows/shai-hulud-workflow.yml", "worm-workflows"),
        (".github/workflows/discussion.yaml", "worm-workflows"),
        ("bundle.js", "worm-payload"),
        ("packages/a/setup_bun.js", "worm-payload"),
        ("bun_environment.js", "worm-payload"),
        (".npmrc", "worm-registry"),
    ] {
        assert_eq!(said(&policy, "app", path)[0], format!("hold {rule}"), "{path}");
    }
    assert_eq!(said(&policy, "app", "src/index.js"), Vec::<String>::new());
}

#[test]
fn observe_all_stops_nothing_and_says_what_it_would() {
    let policy = policy("[repo.app]\npreset = \"observe-all\"\n");
    assert_eq!(said(&policy, "app", ".claude/settings.json"), ["warn (would hold) agent-settings"]);
    assert_eq!(said(&policy, "app", "Makefile"), ["warn (would warn) build-code"]);
    let big = Change { size: Some(6 << 20), ..change("a.bin", FILE) };
    let judgement = judge(&policy, "app", &push(BRANCH, UpdateKind::Update, vec![big]));
    assert_eq!(judgement.decision.as_str(), "accept");
    assert_eq!(judgement.findings[0].would, Some(Effect::Refuse));
    // One rule of it can be let loose.
    let policy = self::policy("[repo.app]\npreset = \"observe-all\"\n[rule.agent-settings]\nmode = \"enforce\"\n");
    assert_eq!(said(&policy, "app", ".claude/settings.json"), ["hold agent-settings"]);
    assert_eq!(said(&policy, "app", "CLAUDE.md"), ["warn (would hold) agent-instructions"]);
}

#[test]
fn a_rule_and_a_repository_can_observe() {
    let rule = "[rule.x]\nkind = \"path\"\nmatch = \"a\"\nthen = \"refuse\"\n";
    for (more, expected) in [
        ("", "refuse x"),
        ("mode = \"enforce\"\n", "refuse x"),
        ("mode = \"observe\"\n", "warn (would refuse) x"),
        ("[repo.app]\nmode = \"observe\"\n", "warn (would refuse) x"),
        ("mode = \"enforce\"\n[repo.app]\nmode = \"observe\"\n", "warn (would refuse) x"),
        ("mode = \"observe\"\n[repo.app]\nmode = \"enforce\"\n", "warn (would refuse) x"),
    ] {
        assert_eq!(said(&policy(&[rule, more].concat()), "app", "a"), [expected], "{more}");
    }
    // Where it cannot measure, a rule that observes blocks nothing either.
    let size = "[rule.x]\nkind = \"size\"\nbytes_max = 1\nthen = \"warn\"\n";
    let unknown = Change { size: None, ..change("a", FILE) };
    for (mode, decision, would) in [("enforce", "refuse", None), ("observe", "accept", Some(Effect::Refuse))] {
        let policy = policy(&format!("{size}mode = \"{mode}\"\n"));
        let judgement = judge(&policy, "app", &push(BRANCH, UpdateKind::Update, vec![unknown.clone()]));
        assert_eq!((judgement.decision.as_str(), judgement.findings[0].would), (decision, would));
    }
}

#[test]
fn a_preset_is_for_its_repositories_only_and_its_rules_are_overridden_by_their_ids() {
    let both = format!("{DEFAULT}[repo.lib]\npreset = [\"agent-default\", \"moved-tags\"]\n");
    // Rule of the policy, then what is said of a CI file in `app` and in `lib`.
    let table = [
        ("", "hold", "hold"),
        ("[rule.ci-files]\nthen = \"warn\"\n", "warn", "warn"),
        ("[rule.ci-files]\nthen = \"refuse\"\nrepos = \"lib\"\n", "hold", "refuse"),
        ("[rule.ci-files]\nthen = \"off\"\n", "", ""),
        ("[rule.ci-files]\nthen = \"off\"\nrepos = \"app\"\n", "", "hold"),
        ("[rule.ci-files]\nmode = \"observe\"\n", "warn (would hold)", "warn (would hold)"),
        ("[rule.ci-files]\nmatch = \"ci/**\"\n", "", ""),
        ("[rule.ci-files]\nexcept = [\".github/workflows/a.yml\"]\n", "", ""),
        ("[rule.ci-files]\nexcept = [\".github/workflows/b.yml\"]\n", "hold", "hold"),
        ("[rule.ci-files]\nkind = \"path\"\nmatch = \"**/.github/**\"\nthen = \"refuse\"\n", "refuse", "refuse"),
        ("[rule.ci-files]\nkind = \"path\"\nmatch = \"x\"\nthen = \"warn\"\nrepos = \"lib\"\n", "hold", ""),
        ("[rule.ci-files]\nrefs = \"refs/tags/**\"\n", "", ""),
        ("[rule.ci-files]\nprincipals = \"dana\"\n", "", ""),
        ("[rule.ci-files]\napprovers = \"owners\"\n", "hold", "hold"),
    ];
    for (rule, app, lib) in table {
        let policy = policy(&[&both, rule].concat());
        for (repo, expected) in [("app", app), ("lib", lib)] {
            let expected = if expected.is_empty() { vec![] } else { vec![format!("{expected} ci-files")] };
            assert_eq!(said(&policy, repo, ".github/workflows/a.yml"), expected, "{repo} {rule}");
        }
        assert_eq!(
            policy.lint("2026-06-01T12:00:00Z".parse().expect("a time")).len(),
            usize::from(!rule.contains("owners"))
        );
    }
    let own_words = policy(&format!("{DEFAULT}[rule.ci-files]\nmessage = \"no\"\nfix = \"ask dana\"\n"));
    let found = findings(&own_words, "app", ".github/workflows/a.yml");
    assert_eq!((found[0].message.as_str(), found[0].fix.as_str()), ("no", "ask dana"));
    assert_eq!(said(&policy(DEFAULT), "lib", ".github/workflows/a.yml"), Vec::<String>::new());
}

#[test]
fn what_overrides_nothing_or_cannot_is_an_error_at_its_place() {
    let table = [
        ("[repo.app]\npreset = [\"agent-default\", \"agent-default\"]\n", "2:28 this preset is named twice | \n"),
        (
            "[repo.app]\npreset = \"shai\"\n",
            "2:10 there is no preset `shai` | known here: agent-default, read-mostly-docs, observe-all, shai-hulud, moved-tags, rules-file-backdoor\n",
        ),
        (
            "[repo.app]\npreset = [\"agent-default\", \"observe-all\"]\n",
            "2:28 `agent-default` and `observe-all` both have the rule `agent-settings` | use one of the two presets\n",
        ),
        (
            "[repo.app]\npreset = \"agent-default\"\n[rule.ci-flies]\nthen = \"warn\"\n",
            "3:7 this rule has no `kind`, and no preset in use has a rule `ci-flies` | did you mean `ci-files`?\n",
        ),
        (
            "[rule.ci-files]\nthen = \"warn\"\n",
            "1:7 this rule has no `kind`, and no preset in use has a rule `ci-files` | the preset `agent-default` has it: write preset = \"agent-default\" in [repo.NAME]\n",
        ),
        ("[rule.x]\nthen = \"warn\"\n", "1:1 the key `kind` is missing here | \n"),
        (
            "[repo.app]\npreset = \"agent-default\"\n[rule.ci-files]\nthen = \"off\"\nmatch = \"a\"\n",
            "5:1 unknown key `match` | known here: then, repos\n",
        ),
        (
            "[repo.app]\npreset = \"agent-default\"\n[rule.ci-files]\nthen = \"of\"\n",
            "4:8 `of` is not possible here | did you mean `off`?\n",
        ),
        (
            "[repo.app]\npreset = \"agent-default\"\n[rule.ci-files]\nthen = \"warn\"\nrepos = \"lib\"\n",
            "3:7 no repository of this rule has a preset with the rule `ci-files` | see `repos`\n",
        ),
        (
            "[repo.app]\npreset = \"agent-default\"\n[repo.lib]\npreset = \"observe-all\"\n[rule.ci-files]\nmach = 1\n",
            "6:1 unknown key `mach` | did you mean `match`?\n",
        ),
        (
            "[repo.app]\npreset = \"agent-default\"\n[rule.large-files]\nbytes_max = \"big\"\nmatch = \"x/\"\n",
            "4:13 not a size | write a number of bytes, or a number with KiB, MiB, GiB, kB, MB or GB: \"200 MiB\"\n5:9 a pattern does not end with `/` | write `dir/**` for all that is below a directory\n",
        ),
        (
            "[repo.app]\npreset = \"agent-default\"\n[rule.ci-files]\nthen = \"warn\"\napprovers = \"owners\"\n",
            "5:13 only a rule with then = \"hold\" has approvers | \n",
        ),
        (
            "[rule.x]\nkind = \"path\"\nmatch = \"a\"\nthen = \"off\"\n",
            "4:8 `off` is not possible here | known here: warn, hold, refuse\n",
        ),
        (
            "[repo.app]\npreset = \"agent-default\"\n[rule.ci-files]\nexcept = \"!a\"\n",
            "4:10 a list of nothing but exceptions matches nothing | add what they are exceptions from, such as `**`\n",
        ),
        (
            "[repo.app]\npreset = \"agent-default\"\n[rule.ci-files]\nexcept = [\"a\", \"!b\"]\n",
            "4:10 an exception has no exceptions | leave the `!` out\n",
        ),
        (
            "[repo.app]\npreset = \"agent-default\"\n[rule.ci-files]\nexcept = \"**\"\n",
            "4:10 the exceptions leave nothing to match | \n",
        ),
        ("[repo.app]\npreset = 1\n", "2:10 expected an array, found an integer | \n"),
    ];
    for (text, expected) in table {
        assert_eq!(problems(text), expected, "{text}");
    }
}

#[test]
fn every_preset_is_whole_says_what_it_is_and_shares_no_id() {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for preset in PRESETS {
        let summary = preset.summary();
        let policy = policy(&format!("[repo.app]\npreset = \"{}\"\n", preset.name));
        let warnings = policy.lint("2026-06-01T12:00:00Z".parse().expect("a time"));
        // The group of the frame.
        assert_eq!(
            warnings.iter().map(|w| w.message.as_str()).collect::<Vec<_>>(),
            ["the group `owners` is never used"]
        );
        assert!(!summary.about.is_empty() && !summary.about.contains('\n'), "{}", preset.name);
        assert!(preset.comment().len() > 100, "{} says why it is there", preset.name);
        assert!(summary.rules.len() + summary.includes.len() > 0, "{}", preset.name);
        for [id, ..] in summary.rules {
            assert_eq!(owners.insert(id.clone(), preset.name), None, "{id} of {}", preset.name);
        }
    }
    let names: BTreeSet<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    assert_eq!(names.len(), PRESETS.len());
}
