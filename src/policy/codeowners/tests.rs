use super::*;
use crate::policy::Policy;

fn read(syntax: Syntax, text: &str) -> CodeOwners {
    CodeOwners::parse(syntax, text.as_bytes()).expect("a readable file")
}

/// `section:owner,owner×approvals` of each demand; `nobody` for one that cannot be met, `free` for none.
fn show(owners: &CodeOwners, path: impl AsRef<[u8]>) -> String {
    let demands: Vec<String> = owners.demands(path.as_ref()).iter().map(show_demand).collect();
    if demands.is_empty() { "free".to_owned() } else { demands.join(" ") }
}

fn show_demand(demand: &Demand) -> String {
    let section = demand.section.as_ref().map(|name| format!("{name}:")).unwrap_or_default();
    let owners: Vec<String> = demand.owners.iter().map(ToString::to_string).collect();
    let owners = if owners.is_empty() { "nobody".to_owned() } else { owners.join(",") };
    let approvals = if demand.approvals == 1 { String::new() } else { format!("×{}", demand.approvals) };
    format!("{section}{owners}{approvals}")
}

fn check(syntax: Syntax, table: &[(&str, &str, &str)]) {
    for (text, path, expected) in table {
        assert_eq!(show(&read(syntax, text), path), *expected, "{text:?} {path}");
    }
}

#[test]
fn github_patterns() {
    check(
        Syntax::GitHub,
        &[
            ("* @a", "x", "@a"),
            ("* @a", "x/y/.z", "@a"),
            ("** @a", "x/y", "@a"),
            ("*.rs @a", "x/y.rs", "@a"),
            ("*.rs @a", "y.rs.txt", "free"),
            ("*.rs @a", "dir.rs/file", "@a"),
            ("/*.rs @a", "y.rs", "@a"),
            ("/*.rs @a", "x/y.rs", "free"),
            ("lib @a", "lib", "@a"),
            ("lib @a", "x/lib/y/z", "@a"),
            ("lib @a", "library", "free"),
            ("/lib @a", "lib/x", "@a"),
            ("/lib @a", "x/lib", "free"),
            ("lib/ @a", "x/lib/y/z", "@a"),
            ("lib/ @a", "x/lib", "free"),
            ("/lib/ @a", "lib/x/y", "@a"),
            ("/lib/ @a", "x/lib/y", "free"),
            ("lib/sub @a", "lib/sub/x", "@a"),
            ("lib/sub @a", "x/lib/sub", "free"),
            ("lib/sub/ @a", "lib/sub/x", "@a"),
            ("lib/* @a", "lib/x", "@a"),
            ("lib/* @a", "lib/x/y", "free"),
            ("/* @a", "x", "@a"),
            ("/* @a", "x/y", "free"),
            ("lib/** @a", "lib/x/y", "@a"),
            ("lib/** @a", "lib", "free"),
            ("lib/*/ @a", "lib/x/y", "@a"),
            ("lib/*/ @a", "lib/x", "free"),
            ("**/lib @a", "lib", "@a"),
            ("**/lib @a", "x/y/lib/z", "@a"),
            ("a/**/b @a", "a/b", "@a"),
            ("a/**/b @a", "a/x/y/b", "@a"),
            ("a/**/b @a", "a/xb", "free"),
            ("a?c @a", "abc", "@a"),
            ("a?c @a", "aéc", "@a"),
            ("/a?c @a", "a/c", "free"),
            ("a*c*e @a", "abcde", "@a"),
            ("a*c*e @a", "abde", "free"),
            ("a**c @a", "abc", "@a"),
            ("Lib @a", "lib", "free"),
            ("with\\ space/ @a", "with space/x", "@a"),
            ("with\\ space/ @a", "with/x", "free"),
            ("a\\*b @a", "a*b", "@a"),
            ("a\\*b @a", "axb", "free"),
            ("\\!x @a", "!x", "@a"),
            ("x#y @a", "x#y", "@a"),
            ("./lib @a", "lib", "free"),
        ],
    );
}

#[test]
fn github_lines() {
    check(
        Syntax::GitHub,
        &[
            ("* @a\n*.rs @b", "x.rs", "@b"),
            ("*.rs @b\n* @a", "x.rs", "@a"),
            ("lib/ @a\n* @b\nsrc/ @c\n*.rs @d\n/x/ @e", "lib/x.rs", "@d"),
            ("lib/ @a\n* @b\nsrc/ @c\n*.rs @d\n/x/ @e", "lib/src/y", "@c"),
            ("lib/ @a\nsrc/ @c\n/x/lib/src/ @e\nlib/ @f", "x/lib/src/y", "@f"),
            ("src/ @a\nlib/ @b", "src/lib/y", "@b"),
            ("src/ @a\nlib/ @b", "lib/src/y", "@b"),
            ("/apps/ @a\n/apps/web", "apps/web/x", "free"),
            ("/apps/ @a\n/apps/web  # for all", "apps/web/x", "free"),
            ("/apps/ @a\n/apps/web", "apps/api", "@a"),
            ("# * @b\n\n\t* @a # @b\r\n", "x", "@a"),
            ("* @a #b", "x", "@a"),
            ("* @org/team x@acme.dev @a-b_c", "x", "@org/team,x@acme.dev,@a-b_c"),
            ("\u{feff}* @a", "x", "@a"),
            ("[Section] @b\n* @a", "x", "@a"),
            // What GitHub skips must not open a path.
            ("* @a\nlib @b#c", "lib", "nobody"),
            ("* @a\nlib team", "lib", "nobody"),
            ("* @a\nlib @@maintainer", "lib", "nobody"),
            ("* @a\nlib @a/b/c", "lib", "nobody"),
            ("* @a\nlib @b team", "lib", "@b"),
            ("* @a\n/app/[id]/ @b", "app/i/x", "nobody"),
            ("* @a\n/app/[id]/ @b", "app/[id]/x", "nobody"),
            ("* @a\n/app/[id]", "app/i", "nobody"),
            ("* @a\n/app/[id]/ @b", "lib/x", "@a"),
            ("* @a\n/app/[id] @b", "app/i/x", "nobody"),
            ("* @a\n[x @b", "y", "nobody"),
            ("* @a\n!lib @b", "x", "nobody"),
            ("* @a\n!lib", "lib", "@a"),
            ("* @a\n\\#x @b", "x", "nobody"),
            ("\\#x @b\n* @a", "x", "@a"),
            ("* @a\n/ @b", "x", "nobody"),
            ("* @a\nx\\", "y", "nobody"),
            ("* @a\nlib\\ @b", "y", "nobody"),
            ("* @a\nlib\\\\ @b", "y", "nobody"),
        ],
    );
}

#[test]
fn gitlab_patterns() {
    check(
        Syntax::GitLab,
        &[
            ("* @a", "x/y/.z", "@a"),
            ("/* @a", "x", "@a"),
            ("/* @a", "x/y", "free"),
            ("/ @a", "x/y", "@a"),
            ("README.md @a", "README.md", "@a"),
            ("README.md @a", "x/y/README.md", "@a"),
            ("/README.md @a", "x/README.md", "free"),
            ("lib @a", "lib", "@a"),
            ("lib @a", "lib/x", "free"),
            ("lib/ @a", "x/lib/y/z", "@a"),
            ("lib/ @a", "lib", "free"),
            ("/lib/ @a", "x/lib/y", "free"),
            ("in/x @a", "y/in/x", "@a"),
            ("/lib/* @a", "lib/x", "@a"),
            ("/lib/* @a", "lib/x/y", "free"),
            ("/lib/** @a", "lib/x", "@a"),
            ("/lib/** @a", "lib/x/y", "free"),
            ("/lib/**/* @a", "lib/x/y", "@a"),
            ("/lib/**/x @a", "lib/x", "@a"),
            ("/lib/**/x @a", "lib/.y/z/x", "@a"),
            ("/lib/*/x @a", "lib/x", "free"),
            ("*.rb @a", "x/.rb", "@a"),
            ("[a @x\n", "a", "free"),
            ("/[a-c]x @a", "bx", "@a"),
            ("/[a-c]x @a", "dx", "free"),
            ("/[!a-c]x @a", "dx", "@a"),
            ("/[^a-c]x @a", "bx", "free"),
            ("/x[a-] @a", "x-", "@a"),
            ("/x[é-ü] @a", "xö", "@a"),
            ("/x[\\]] @a", "x]", "@a"),
            ("/x[] @a", "x[]", "free"),
            ("/x[!/]y @a", "x/y", "free"),
            ("/x[ab @a", "xa", "free"),
            ("/x?y @a", "xöy", "@a"),
            ("/{a,b} @a", "a", "free"),
            ("a\\ b @a", "x/a b", "@a"),
            ("a\\ b/*.md @a", "a b/x.md", "@a"),
            ("\\#x @a", "#x", "@a"),
            ("\\!x @a", "!x", "@a"),
            ("LIB/ @a", "lib/x", "free"),
        ],
    );
}

#[test]
fn gitlab_sections() {
    let both = "* @all\n[Docs][2] @writers\ndocs/\n*.md @md\n^[Go]\n*.go @go\n[Data] @data @dba\nmodel/\n!*.lock\n/model/x @x\n";
    check(
        Syntax::GitLab,
        &[
            (both, "x", "@all"),
            (both, "docs/x", "@all Docs:@writers×2"),
            (both, "docs/x.md", "@all Docs:@md×2"),
            (both, "x.go", "@all"),
            (both, "model/y", "@all Data:@data,@dba"),
            (both, "model/x", "@all Data:@x"),
            (both, "model/y.lock", "@all"),
            ("[D]\na @x\n[E]\na @y\n[d]\na @z", "a", "D:@z E:@y"),
            ("[D] @x\na\n[d]\na", "a", "D:nobody"),
            ("^[D]\na @x\n[D]\nb @y", "a", "D:@x"),
            ("[D]\n^[D]\na @x", "a", "D:@x"),
            ("^[D][2]\na @x", "a", "free"),
            ("[D][0]\na @x", "a", "D:@x"),
            ("[D][ 2 ]\na @x", "a", "D:@x×2"),
            ("[D][two]\na @x", "a", "D:@x"),
            ("[D][2]@x\na", "a", "D:@x×2"),
            ("[D][99999999999999999999999]\na @x", "a", "D:@x×18446744073709551615"),
            ("[Äb]\na @x\n[äB]\na @y", "a", "Äb:@y"),
            // A heading that does not close may not let its lines overrule others.
            ("* @a\n[D\n* @x", "a", "@a D:@x"),
            ("[]\na @x", "a", ":@x"),
        ],
    );
}

#[test]
fn gitlab_lines() {
    check(
        Syntax::GitLab,
        &[
            ("a @x # ask @y", "a", "@x,@y"),
            ("a @x y @z", "a", "@x,@z"),
            ("a @g/sub/team @@Developers x@acme.dev", "a", "@g/sub/team,@@developers,x@acme.dev"),
            ("a @@reporter", "a", "nobody"),
            ("* @x\na", "a", "nobody"),
            ("* @x\na # free", "a", "nobody"),
            ("[D] @x\na # free", "a", "D:nobody"),
            ("* @x\n!a\na/b @y", "a", "free"),
            ("* @x\n!*.rb  # none\n/y/*.rb @y", "y/a.rb", "free"),
            ("!a\n* @x", "a", "free"),
            ("!a\na @x", "a", "@x"),
            ("a @x\n!a", "a", "free"),
            ("[D]\n!a\n[E]\na @x", "a", "E:@x"),
            ("!**/gen/\n* @x", "y/gen/z", "free"),
            ("* @x\n! a", "a", "@x"),
            ("* @x\n!/x[ab", "x[ab", "@x"),
        ],
    );
}

#[test]
fn gitea_expressions() {
    check(
        Syntax::Gitea,
        &[
            (r".*\\.go @a", "x/y.go", "@a"),
            (r".*\\.go @a", "x/y_go", "free"),
            (r".*\.go @a", "x/y_go", "@a"),
            ("lib/ @a", "lib/x", "free"),
            ("lib/.* @a", "lib/x/y", "@a"),
            ("lib/.* @a", "x/lib/y", "free"),
            (".* @a\nlib/.* @b @o/t", "lib/x", "@a @b,@o/t"),
            ("!lib/.* @a", "lib/x", "free"),
            ("!lib/.* @a", "x", "@a"),
            ("docs/(aws|gcp)/[^/]*\\\\.md @a", "docs/gcp/x.md", "@a"),
            ("docs/(aws|gcp)/[^/]*\\\\.md @a", "docs/gcp/x/y.md", "free"),
            // Tied to the start by the first half, to the end by the second.
            ("a|b @a", "ax", "@a"),
            ("a|b @a", "xb", "@a"),
            ("a|b @a", "xbx", "free"),
            ("with\\ space @a", "with space", "@a"),
            ("with\\#hash @a # b", "with#hash", "@a"),
            ("back\\\\\\\\slash @a", "back\\slash", "@a"),
            ("x#y @a", "x", "nobody"),
            (".* a b#c", "x", "@a,@b"),
            (".* @a @o/t/u x@acme.dev", "x", "@a"),
            ("LIB @a", "lib", "free"),
            ("(?i)LIB @a", "lib", "@a"),
            ("x.y @a", "x\ny", "@a"),
            // Go's own: ASCII, no operators in classes, braces that repeat nothing.
            (r"\\d @a", "٣", "free"),
            (r"\\w+ @a", "é", "free"),
            (r"[\\w-.]+ @a", "a-b.c", "@a"),
            ("[a&&b] @a", "&", "@a"),
            ("[a[b]] @a", "[]", "@a"),
            ("[]x]+ @a", "]x", "@a"),
            ("[^-/]+ @a", "a", "@a"),
            (r"x\\<y @a", "x<y", "@a"),
            ("x{,2} @a", "x{,2}", "@a"),
            ("x{2} @a", "xx", "@a"),
            ("x{2}? @a", "xx", "@a"),
            (r".*\\bx @a", "y/x", "@a"),
            ("[[:alpha:]]+ @a", "ab", "@a"),
            ("(?P<n>x) @a", "x", "@a"),
            ("*.js @a", "x/y.js", "@a"),
            // What it skips is asked of everybody, for every path.
            ("docs/** @a", "x", "nobody"),
            ("( @a", "x", "nobody"),
            ("(?x)a @a", "x", "nobody"),
            ("(?=a) @a", "x", "nobody"),
            ("!( @a", "x", "nobody"),
            ("[[:foo:]] @a", "x", "nobody"),
            (r"\\Qx\\E @a", "x", "nobody"),
            (r"\\12 @a", "x", "nobody"),
            ("x{1000}{1000} @a", "y", "nobody"),
            ("x", "x", "nobody"),
            ("x", "y", "free"),
        ],
    );
}

#[test]
fn paths_that_are_not_utf8() {
    let raw = b"* @a\nlib/\xff @b\n";
    for syntax in [Syntax::GitHub, Syntax::GitLab] {
        let owners = CodeOwners::parse(syntax, raw).expect("a file");
        assert_eq!(show(&owners, b"lib/\xff"), "@b");
        assert_eq!(show(&owners, b"lib/\xfe"), "@a");
        assert_eq!(show(&read(syntax, "/x?y @a"), b"x\xffy"), "@a");
    }
    assert_eq!(show(&read(Syntax::Gitea, "lib/.. @a"), b"lib/\xff\xfe"), "@a");
    assert_eq!(show(&read(Syntax::Gitea, "lib/. @a"), b"lib/\xff\xfe"), "free");
}

#[test]
fn files_are_bounded() {
    for syntax in [Syntax::GitHub, Syntax::GitLab, Syntax::Gitea] {
        let error = |text: &[u8]| CodeOwners::parse(syntax, text).err();
        assert_eq!(error(&b"#".repeat(BYTES_MAX - 1)), None);
        assert_eq!(error(&b"#".repeat(BYTES_MAX)), Some(CodeOwnersError::TooLarge));
        assert_eq!(error(b"a\0 @a"), Some(CodeOwnersError::NotText));
        assert_eq!(error(&b"x @a\n".repeat(RULES_MAX)), None);
        assert_eq!(error(&b"x @a\n".repeat(RULES_MAX + 1)), Some(CodeOwnersError::TooManyRules));
        assert_eq!(show(&read(syntax, ""), "x"), "free");
    }
    for syntax in [Syntax::GitHub, Syntax::GitLab] {
        let long = |length: usize| format!("{} @a", "x".repeat(length));
        assert_eq!(show(&read(syntax, &long(PATTERN_BYTES_MAX)), "y"), "free");
        assert_eq!(show(&read(syntax, &long(PATTERN_BYTES_MAX + 1)), "y"), "nobody");
    }
    // An expression is bounded by what it compiles to.
    assert_eq!(show(&read(Syntax::Gitea, &format!("{} @a", "x".repeat(500))), "y"), "free");
    assert_eq!(show(&read(Syntax::Gitea, &format!("{} @a", "x".repeat(4000))), "y"), "nobody");
    let one_bad = read(Syntax::Gitea, &format!("{}( @b\n{}", "x @a\n".repeat(40), "y @c\n".repeat(9)));
    assert_eq!(show(&one_bad, "z"), "nobody");
    assert_eq!(show(&one_bad, "y"), format!("nobody{}", " @c".repeat(9)));
}

#[test]
fn flaws_are_told_by_line() {
    let flaws = |syntax, text| read(syntax, text).flaws().to_vec();
    let github = "# ok\n* @a\nx y\n[ab] @a\n!z\n./q @a\n";
    let expected = [
        (3, Flaw::NotAnOwner),
        (3, Flaw::NoOwner),
        (4, Flaw::Unreadable),
        (5, Flaw::NotAnException),
        (6, Flaw::MatchesNothing),
    ];
    assert_eq!(flaws(Syntax::GitHub, github), expected);
    let gitlab = "[D\na @a\nb\n! c\n/x[ab @a\n[E][x] @a\n";
    let expected = [
        (1, Flaw::Heading),
        (3, Flaw::NoOwner),
        (4, Flaw::NotAnException),
        (5, Flaw::MatchesNothing),
        (6, Flaw::Heading),
    ];
    assert_eq!(flaws(Syntax::GitLab, gitlab), expected);
    assert_eq!(flaws(Syntax::Gitea, "a @a\n( @a\nb\n"), [(2, Flaw::Unreadable), (3, Flaw::NoOwner)]);
    assert_eq!(flaws(Syntax::GitHub, &"x y\n".repeat(FLAWS_MAX)).len(), FLAWS_MAX);
}

#[test]
fn a_thousand_paths_against_all_rules_end() {
    let line = |n: usize| match n % 4 {
        0 => format!("/src/part{n}/ @team{n}\n"),
        1 => format!("*.ext{n} @team{n}\n"),
        2 => format!("name{n}.rs @team{n}\n"),
        _ => format!("/lib/**/part{n}/*.rs @team{n}\n"),
    };
    let text: String = (0..RULES_MAX).map(line).collect();
    let expressions: String = (0..RULES_MAX).map(|n| format!("src/(a|b)/part{n}/[^/]*\\\\.rs @team{n}\n")).collect();
    for (syntax, text) in [(Syntax::GitHub, &text), (Syntax::GitLab, &text), (Syntax::Gitea, &expressions)] {
        let owners = read(syntax, text);
        let owned = (0..1000).filter(|n| !owners.demands(format!("src/a/part{n}/x/y{n}/z.rs").as_bytes()).is_empty());
        assert_eq!(owned.count(), 0);
    }
}

#[test]
fn owners_are_the_policys_humans() {
    let policy = r#"
agent.bot = { sponsor = "dana" }
ci.runner = {}
human.dana = { emails = ["dana@acme.dev"], handles = ["octo-dana", "d_acme"] }
human.lee = { handles = "Lee", emails = ["lee@acme.dev", "team@acme.dev"] }
human.kim = { emails = ["team@acme.dev"] }
[group]
web = ["dana", "bot", "runner"]
acme-web = ["lee"]
Ops = ["kim"]
ops = ["lee"]
Docs = ["kim"]
"#;
    let policy = Policy::parse("policy.toml", policy).unwrap_or_else(|e| panic!("{e}"));
    let table = [
        ("@dana", "dana"),
        ("@DANA", "dana"),
        ("@Octo-Dana", "dana"),
        ("@octo", ""),
        ("@bot", ""),
        ("@runner", ""),
        ("@web", "dana"),
        ("@acme/web", "lee"),
        ("@other/web", "dana"),
        ("@acme/deep/web", "dana"),
        ("@acme/none", ""),
        ("@ops", "lee"),
        ("@OPS", ""),
        ("@docs", "kim"),
        ("@x/docs", "kim"),
        ("Dana@acme.dev", "dana"),
        ("team@acme.dev", "kim lee"),
        ("nobody@acme.dev", ""),
        ("@@owner", ""),
        ("@lee @dana @web", "dana lee"),
    ];
    for (words, expected) in table {
        let demands = read(Syntax::GitLab, &format!("* {words}")).demands(b"x");
        let names: Vec<&str> = policy.owners(&demands[0]).iter().map(|name| name.as_str()).collect();
        assert_eq!(names.join(" "), expected, "{words}");
    }
}
