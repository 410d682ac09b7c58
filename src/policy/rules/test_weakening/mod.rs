//! `test-weakening`: tests that are gone, check less or are left out.

mod marks;

use crate::model::Change;
use crate::policy::content::{Content, Unreadable};
use crate::policy::findings::Fix;
use crate::policy::pattern::{PatternOf, Subject, Who};
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::Check;
use crate::policy::rules::test_weakening::marks::{Counts, Marks, Place, marks_for};
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Table};
use bstr::ByteSlice;

pub const DOC: &str = r#"kind = "test-weakening"
Speaks of a commit by which tests check less: a test file is deleted, a file has fewer tests or fewer lines with
assertions than before, a test is marked to be left out.
    match = ["**/tests/**", "**/*_test.go"]   # the usual places of tests, if not given, and all Rust files
It counts lines, and understands no code: `fn` with `#[test]`, `def test…`, `it(`, `func Test…`, `@Test` and the like
as tests; `assert…`, `expect(`, `require.`, `t.Error…` and the like as assertions; `#[ignore]`, `pytest.mark.skip`,
`xfail`, `it.skip`, `.only`, `xit(`, `t.Skip(`, `@Disabled`, `@Ignore` and the like as left out. Lines that are only a
comment count for nothing, so that a test that is commented out is gone. Languages are told by the file's extension; of
other files in these places only a deletion is spoken of. In a Rust file elsewhere all counts from the first
`#[cfg(test)]` or `#[test]` on.
A deleted file whose bytes the same commit adds under another of these paths was moved. Tests that move between
files that stay are fewer in one of them: use it with then = "warn". A merge is compared with the parent that has the
least. Also spoken of is `--no-verify` in an added line of a script, makefile, hook or package.json, whatever `match`
is."#;

/// Where tests usually are.
const TESTS: [&str; 20] = [
    "**/tests/**",
    "**/test/**",
    "**/__tests__/**",
    "**/spec/**",
    "**/*_test.*",
    "**/*_tests.*",
    "**/test_*.*",
    "**/*.test.*",
    "**/*.spec.*",
    "**/*_spec.*",
    "**/*Test.java",
    "**/*Tests.java",
    "**/*Test.kt",
    "**/*Test.php",
    "**/*Test.cs",
    "**/*Tests.cs",
    "**/*Tests.swift",
    "**/*.bats",
    "**/tests.rs",
    "**/conftest.py",
];
const BESIDE_CODE: [&str; 1] = ["**/*.rs"];
/// Files whose lines are run when somebody commits or builds.
const SCRIPTS: [&str; 10] = [
    "**/*.sh",
    "**/*.bash",
    "**/Makefile",
    "**/*.mk",
    "**/justfile",
    "**/package.json",
    ".husky/**",
    ".githooks/**",
    ".github/workflows/**",
    "**/.gitlab-ci.yml",
];

#[derive(Debug)]
struct TestWeakening {
    matched: Option<PatternList>,
    tests: PatternList,
    beside_code: PatternList,
    scripts: PatternList,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let matched = match table.get("match") {
        Some(value) => Some(PatternList::read(value, PatternOf::Path, problems)?),
        None => None,
    };
    let fixed = |texts: &[&str]| PatternList::fixed(texts, PatternOf::Path);
    let (tests, beside_code, scripts) = (fixed(&TESTS), fixed(&BESIDE_CODE), fixed(&SCRIPTS));
    Some(Box::new(TestWeakening { matched, tests, beside_code, scripts }))
}

impl Check for TestWeakening {
    fn looks_into_files(&self) -> bool {
        true
    }

    fn wants(&self, change: &Change, path: &Subject<'_>, who: Who<'_>) -> bool {
        // With a new file nothing gets less, but a script can skip what checks.
        let is_script = change.brings_content() && self.scripts.forbids(path, who);
        is_script || (change.brings_content() || change.is_deletion()) && self.place(path, who).is_some()
    }

    fn content(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        if content.change.brings_content() && self.scripts.forbids(content.path, content.who) {
            no_verify(content, spotted)?;
        }
        let Some(place) = self.place(content.path, content.who) else { return Ok(()) };
        let marks = marks_for(&content.change.path);
        if content.change.is_deletion() {
            return self.deleted(content, place, marks, spotted);
        }
        let Some(marks) = marks else { return Ok(()) };
        compared(content, place, marks, spotted)
    }

    fn patterns(&self) -> Option<&PatternList> {
        self.matched.as_ref()
    }
}

impl TestWeakening {
    fn place(&self, path: &Subject<'_>, who: Who<'_>) -> Option<Place> {
        let is_test = self.tests.forbids(path, who);
        match &self.matched {
            Some(list) if !list.forbids(path, who) => None,
            Some(_) if !is_test && self.beside_code.forbids(path, who) => Some(Place::BesideCode),
            Some(_) => Some(Place::TestFile),
            None if is_test => Some(Place::TestFile),
            None => self.beside_code.forbids(path, who).then_some(Place::BesideCode),
        }
    }

    fn deleted(
        &self,
        content: &Content<'_>,
        place: Place,
        marks: Option<&Marks>,
        spotted: &mut Spotted<'_>,
    ) -> Result<(), Unreadable> {
        let old = content.change.old.first().copied().flatten();
        let is_move = content.commit.changes.iter().any(|other| {
            let is_same = other.new.zip(old).is_some_and(|(new, old)| new.is_blob() && new.id == old.id);
            is_same && other.is_addition() && self.place(&Subject::name(&other.path), content.who).is_some()
        });
        if is_move || !old.is_some_and(|old| old.is_blob()) {
            return Ok(());
        }
        let counts = match (marks, content.old_text()?) {
            (Some(marks), Some(text)) => marks.count(text, place),
            _ => Counts::default(),
        };
        let message = match (place, counts.tests) {
            (Place::BesideCode, 0) => return Ok(()),
            (_, 0) => "a file of the tests is deleted".to_owned(),
            (_, 1) => "a file with 1 test is deleted".to_owned(),
            (_, tests) => format!("a file with {tests} tests is deleted"),
        };
        spotted.add(None, message, Fix::Undo);
        Ok(())
    }
}

fn compared(content: &Content<'_>, place: Place, marks: &Marks, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
    let olds = content.parent_texts()?;
    let olds: Vec<Counts> = olds.into_iter().flatten().map(|text| marks.count(text, place)).collect();
    let least = |of: fn(&Counts) -> usize| olds.iter().map(of).min().unwrap_or(0);
    let old = Counts { tests: least(|c| c.tests), assertions: least(|c| c.assertions), skips: least(|c| c.skips) };
    let Some(text) = content.text()? else {
        if old != Counts::default() {
            spotted.add(None, "this file is now too large to count its tests", Fix::Undo);
        }
        return Ok(());
    };
    let new = marks.count(text, place);
    if let Some(message) = fewer(old, new) {
        let fix = "put them back; where a test is wrong, say in the commit's message why".to_owned();
        spotted.add(None, message, Fix::Edit(fix));
    }
    // In a new file every mark is new: it is a test all the same that does not run.
    let max = olds.iter().map(|counts| counts.skips).max().unwrap_or(0);
    let mut left = new.skips.saturating_sub(max);
    content.added_lines(&mut |number, line| {
        if left > 0 && marks.skips(line) {
            left -= 1;
            let fix = Fix::Edit("let the test run, and make it pass".to_owned());
            spotted.add(Some(number), "a test is marked to be left out, or others for it", fix);
        }
    })
}

/// What there is less of.
fn fewer(old: Counts, new: Counts) -> Option<String> {
    let less = |old: usize, new: usize, what: &str| {
        let gone = old.checked_sub(new).filter(|gone| *gone > 0)?;
        Some(format!("{gone} {what}{} fewer", if gone == 1 { "" } else { "s" }))
    };
    let tests = less(old.tests, new.tests, "test");
    let assertions = less(old.assertions, new.assertions, "line with an assertion")
        .map(|text| text.replace("line with an assertions", "lines with assertions"));
    let parts: Vec<String> = tests.into_iter().chain(assertions).collect();
    (!parts.is_empty()).then(|| format!("{} than before", parts.join(" and ")))
}

fn no_verify(content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
    content.added_lines(&mut |number, line| {
        let is_comment = line.trim_start().starts_with(b"#");
        if !is_comment && line.contains_str("--no-verify") {
            let fix = Fix::Edit("leave `--no-verify` out".to_owned());
            spotted.add(Some(number), "`--no-verify` skips the hooks that check commits and pushes", fix);
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::*;

    fn said(keys: &str, files: &[File<'_>]) -> Vec<String> {
        let rule = with_rule(&format!("kind = \"test-weakening\"\n{keys}"));
        judge_files(&rule, files).into_iter().map(|line| line.replace("refuse r ", "")).collect()
    }

    #[test]
    fn speaks_of_fewer_tests_and_assertions_in_every_language() {
        let rust = "fn a() { assert!(x); }\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn one() {\n        assert_eq!(a(), 1);\n        assert!(b());\n    }\n    #[tokio::test]\n    async fn two() {}\n}\n";
        let python = "def test_a():\n    assert a() == 1\n\nclass T(TestCase):\n    def test_b(self):\n        self.assertEqual(1, 1)\n";
        let js =
            "describe('x', () => {\n  it('a', () => {\n    expect(a()).toBe(1);\n  });\n  test('b', () => {});\n});\n";
        let go =
            "func TestA(t *testing.T) {\n\tif a() != 1 {\n\t\tt.Errorf(\"x\")\n\t}\n\trequire.NoError(t, err)\n}\n";
        let java = "  @Test\n  void a() {\n    assertEquals(1, a());\n  }\n";
        let bats = "@test \"a\" {\n  run a\n  [ \"$status\" -eq 0 ]\n}\n";
        // File, old, what is replaced by what, what is said.
        let table: &[(&str, &str, &str, &str, &[&str])] = &[
            ("src/a.rs", rust, "        assert!(b());\n", "", &["1 line with an assertion fewer"]),
            ("src/a.rs", rust, "    #[tokio::test]\n    async fn two() {}\n", "", &["1 test fewer"]),
            ("src/a.rs", rust, "assert!(x);", "", &[]),
            (
                "src/a.rs",
                rust,
                "        assert_eq!(a(), 1);\n        assert!(b());\n",
                "",
                &["2 lines with assertions fewer"],
            ),
            (
                "tests/test_a.py",
                python,
                "def test_a():\n    assert a() == 1\n",
                "",
                &["1 test fewer and 1 line with an assertion fewer"],
            ),
            ("test_a.py", python, "    assert a() == 1\n", "    pass\n", &["1 line with an assertion fewer"]),
            ("test_a.py", python, "    def test_b", "    # def test_b", &["1 test fewer"]),
            (
                "src/a.test.ts",
                js,
                "    expect(a()).toBe(1);\n",
                "    // expect(a()).toBe(1);\n",
                &["1 line with an assertion fewer"],
            ),
            ("src/__tests__/a.js", js, "  test('b', () => {});\n", "", &["1 test fewer"]),
            ("pkg/a_test.go", go, "t.Errorf(\"x\")", "t.Log(\"x\")", &["1 line with an assertion fewer"]),
            ("src/ATest.java", java, "  @Test\n", "", &["1 test fewer"]),
            ("ci/a.bats", bats, "  [ \"$status\" -eq 0 ]\n", "", &["1 line with an assertion fewer"]),
            ("test_a.py", python, "assert a() == 1", "assert a() == 2", &[]),
            ("test_a.py", python, "\nclass", "\ndef test_c():\n    assert c()\n\nclass", &[]),
            ("src/a.py", python, "def test_a():\n    assert a() == 1\n", "", &[]),
            ("tests/data.txt", "assert\n", "assert", "", &[]),
        ];
        for (path, old, from, to, expected) in table {
            let new = old.replacen(from, to, 1);
            assert_ne!(new, **old, "{from}");
            let expected: Vec<String> = expected.iter().map(|text| format!("{path} {text} than before")).collect();
            assert_eq!(said("", &[(path, Some(old.as_bytes()), Some(new.as_bytes()))]), expected, "{path} {from}");
        }
    }

    #[test]
    fn speaks_of_marks_that_leave_tests_out() {
        let table = [
            ("src/a.rs", "#[cfg(test)]\n#[test]\nfn a() {}\n", "#[test]\n", "#[test]\n#[ignore = \"slow\"]\n", Some(3)),
            ("tests/a.rs", "#[test]\nfn a() {}\n", "#[test]\n", "#[test]\n#[cfg_attr(unix, ignore)]\n", Some(2)),
            ("test_a.py", "def test_a():\n    pass\n", "def test_a", "@pytest.mark.skip\ndef test_a", Some(1)),
            ("test_a.py", "def test_a():\n    pass\n", "    pass", "    pytest.xfail('x')", Some(2)),
            ("test_a.py", "def test_a():\n    pass\n", "def", "@unittest.skipIf(True, 'x')\ndef", Some(1)),
            ("a.spec.js", "it('a', f)\n", "it(", "it.skip(", Some(1)),
            ("a.spec.js", "it('a', f)\n", "it(", "xit(", Some(1)),
            ("a.spec.js", "it('a', f)\n", "it(", "it.only(", Some(1)),
            ("a.spec.js", "it('a', f)\n", "it(", "test.todo('b')\nit(", Some(1)),
            ("a.spec.js", "describe('a', f)\n", "describe(", "describe.skip(", Some(1)),
            ("a_test.go", "func TestA(t *testing.T) {\n}\n", "{\n", "{\n\tt.Skip(\"x\")\n", Some(2)),
            ("a_test.go", "package a\n", "package", "//go:build ignore\n\npackage", Some(1)),
            ("ATest.java", "  @Test\n", "@Test", "@Disabled @Test", Some(1)),
            ("ATest.kt", "  @Test\n", "@Test", "@Ignore\n  @Test", Some(1)),
            ("a.spec.js", "it('a', f)\n", "f)", "g) // it.skip", Some(1)),
            ("a.spec.js", "it.skip('a', f)\n", "  ", "", None),
            ("a.spec.js", "it.skip('a', f)\n", "it.skip", "  it.skip", None),
            ("a.spec.js", "it('a', f)\n", "it(", "// it.skip('b')\nit(", None),
            ("src/a.js", "it('a', f)\n", "it(", "it.skip(", None),
        ];
        for (path, old, from, to, line) in table {
            let new = old.replacen(from, to, 1);
            let found = said("", &[(path, Some(old.as_bytes()), Some(new.as_bytes()))]);
            let expected = line.map(|line| format!("{path}:{line} a test is marked to be left out, or others for it"));
            assert_eq!(found, Vec::from_iter(expected), "{new}");
        }
        assert_eq!(said("", &[("a.spec.js", None, Some(b"it.skip('a', f)\n"))]).len(), 1, "also in a new file");
    }

    #[test]
    fn speaks_of_deleted_test_files_but_not_of_moved_ones() {
        let (test, code): (&[u8], &[u8]) = (b"#[test]\nfn a() {}\n", b"fn a() {}\n");
        let table: &[(&[File<'_>], &[&str])] = &[
            (&[("tests/a.rs", Some(test), None)], &["tests/a.rs a file with 1 test is deleted"]),
            (&[("tests/a.rs", Some(test), None), ("tests/it/a.rs", None, Some(test))], &[]),
            (
                &[("tests/a.rs", Some(test), None), ("attic/a.txt", None, Some(test))],
                &["tests/a.rs a file with 1 test is deleted"],
            ),
            (&[("tests/data.json", Some(code), None)], &["tests/data.json a file of the tests is deleted"]),
            (&[("src/a.rs", Some(test), None)], &["src/a.rs a file with 1 test is deleted"]),
            (&[("src/a.rs", Some(code), None)], &[]),
        ];
        for (files, expected) in table {
            assert_eq!(said("", files), *expected, "{files:?}");
        }
        assert!(said("match = [\"qa/**\"]", &[("tests/a.rs", Some(test), None)]).is_empty());
        assert_eq!(said("match = [\"qa/**\"]", &[("qa/a.py", Some(b"def test_a():\n"), None)]).len(), 1);
    }

    #[test]
    fn speaks_of_no_verify_in_what_is_run() {
        let table: [(&str, &[u8], &[u8], usize); 4] = [
            ("release.sh", b"git push\n", b"git push --no-verify\n", 1),
            ("package.json", b"{}", b"{\"scripts\": {\"c\": \"git commit --no-verify\"}}", 1),
            ("release.sh", b"git push --no-verify\n", b"git push --no-verify\n# --no-verify\n", 0),
            ("README.md", b"", b"git push --no-verify\n", 0),
        ];
        for (path, old, new, count) in table {
            assert_eq!(said("", &[(path, Some(old), Some(new))]).len(), count, "{path}");
        }
    }
}
