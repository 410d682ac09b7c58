//! What tests, assertions and skipped tests look like, line by line, in the languages people write them in.

use regex::bytes::Regex;
use std::sync::LazyLock;

/// How one family of languages writes its tests.
#[derive(Debug)]
pub struct Marks {
    extensions: &'static [&'static str],
    /// What a line that is only a comment starts with.
    comments: &'static [&'static str],
    test: Regex,
    assertion: Regex,
    skip: Regex,
    /// Tests stand beside the code, from here on.
    tests_from: Option<Regex>,
}

/// What a text has of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub tests: usize,
    pub assertions: usize,
    pub skips: usize,
}

static ALL: LazyLock<Vec<Marks>> = LazyLock::new(|| {
    let marks = |extensions, comments, test: &str, assertion: &str, skip: &str| {
        let pattern = |text: &str| Regex::new(text).expect("a good pattern");
        Marks {
            extensions,
            comments,
            test: pattern(test),
            assertion: pattern(assertion),
            skip: pattern(skip),
            tests_from: None,
        }
    };
    let slashes = &["//", "/*", "*"][..];
    let rust = marks(
        &["rs"],
        slashes,
        r"^\s*#\[(?:\w+::)*(?:test|rstest|test_case|quickcheck|wasm_bindgen_test|proptest)\b",
        r"\b(?:debug_|prop_|insta::)?assert\w*!|#\[should_panic|\bpanic!",
        r"^\s*#\[(?:ignore\b|cfg_attr\(.*\bignore\b)|^\s*#\[cfg\(any\(\)\)\]",
    );
    let tests_from = Some(Regex::new(r"^\s*#\[cfg\(test\)\]|^\s*#\[(?:\w+::)*test\b").expect("a good pattern"));
    vec![
        Marks { tests_from, ..rust },
        marks(
            &["py", "pyi"],
            &["#"],
            r"^\s*(?:async\s+)?def\s+test",
            r"\bassert\b|\bassert_\w+|\.assert\w+\(|\bself\.fail\w*\(|\bpytest\.(?:raises|warns|fail)\b",
            r"\bpytest\.(?:mark\.)?(?:skip|skipif|xfail)\b|\bunittest\.(?:skip|expectedFailure)|^\s*@(?:skip|expectedFailure)|\.skipTest\(|\bSkipTest\b",
        ),
        marks(
            &["js", "jsx", "ts", "tsx", "mjs", "cjs", "mts", "cts", "vue", "svelte", "dart"],
            slashes,
            r"(?:^|[^\w.])[xf]?(?:it|test|specify)(?:\.\w+)*\s*[(`]",
            r"\bexpect\w*\s*\(|\bassert\w*(?:\.\w+)*\s*\(|\.should\b|\bt\.(?:is|deepEqual|throws|true|false|truthy|ok)\(",
            r"(?:^|[^\w.])(?:it|test|describe|context|suite|specify)(?:\.\w+)*\.(?:skip|only|todo|fixme|failing|fails|skipIf|runIf)\b|(?:^|[^\w.])[xf](?:it|describe|test|context|specify)\s*\(|\bthis\.skip\(|\bt\.skip\(",
        ),
        marks(
            &["go"],
            slashes,
            r"^func\s+(?:\([^)]*\)\s*)?(?:Test|Fuzz|Example)\w*\(|\bt\.Run\(",
            r"\b(?:require|assert)\.\w+\(|\b[tbf]\.(?:Error|Fatal|Fail)\w*\(|\b(?:Expect|Eventually|Consistently)\(|\bcmp\.Diff\(",
            r"\b[tbf]\.Skip\w*\(|^//\s*(?:go:build|\+build)\s+ignore",
        ),
        marks(
            &["java", "kt", "kts", "scala", "groovy", "cs", "fs", "vb"],
            slashes,
            r"@(?:Test|ParameterizedTest|RepeatedTest|TestFactory|Property)\b|\[(?:Test|Fact|Theory|TestMethod|TestCase|DataTestMethod)\b|\btest\(\x22",
            r"\b(?:assert|Assert)\w*(?:\.\w+)*\s*\(|\bverify\s*\(|\bshould\w*\b|\bfail\s*\(|\bexpect\w*\s*\(",
            r"@(?:Disabled|Ignore)\w*\b|\[(?:Ignore|Explicit)\b|\bSkip\s*=|\b(?:assumeTrue|assumeFalse|Assert\.Ignore|Assert\.Inconclusive)\(",
        ),
        marks(
            &["rb"],
            &["#"],
            r"^\s*[xf]?(?:it|specify|scenario|test)\b\s*[('\x22{]|^\s*def\s+test_",
            r"\bexpect\b|\bassert\w*|\brefute\w*|\bshould\b|\bmust_\w+",
            r"^\s*(?:xit|xdescribe|xcontext|xspecify|fit|fdescribe|pending|skip)\b|,\s*(?:skip|pending|focus):",
        ),
        marks(
            &["php"],
            &["//", "/*", "*", "#"],
            r"\bfunction\s+test|#\[Test\]|@test\b|^\s*(?:it|test)\s*\(",
            r"\bassert\w*\s*\(|\bexpect\w*\s*\(|->should",
            r"\bmarkTest(?:Skipped|Incomplete)\b|->(?:skip|todo|only)\(|@group\s+skip",
        ),
        marks(
            &["c", "cc", "cpp", "cxx", "h", "hh", "hpp", "m", "mm", "swift"],
            slashes,
            r"\bTEST(?:_F|_P|_CASE|_METHOD)?\s*\(|\bTYPED_TEST|\bSCENARIO\s*\(|\bfunc\s+test|^-\s*\(void\)\s*test|@Test\b",
            r"\b(?:EXPECT|ASSERT|CHECK|REQUIRE|XCTAssert|XCTFail|BOOST_\w+)\w*\s*\(|\bassert\w*\s*\(|#expect\(",
            r"\bDISABLED_|\bGTEST_SKIP|\bXCTSkip|\[\.\]|\.disabled\(|\bSKIP\s*\(",
        ),
        marks(
            &["ex", "exs"],
            &["#"],
            r"^\s*test\s+[\x22']",
            r"\bassert\w*\b|\brefute\w*\b",
            r"@(?:module)?tag\s+:?skip",
        ),
        marks(
            &["sh", "bash", "bats", "t"],
            &["#"],
            r"^\s*@test\s|^\s*test_expect_(?:success|failure)\b|^(?:function\s+)?test_\w+\s*\(\)",
            r"\bassert\w*\b|\btest_(?:cmp|must_fail|grep|expect_code)\b|^\s*\[\[?\s|^\s*run\s",
            r"^\s*skip(?:_all)?\b|\btest_expect_failure\b|\btest_skip\b",
        ),
    ]
});

/// The marks for a path, by its extension.
#[must_use]
pub fn marks_for(path: &[u8]) -> Option<&'static Marks> {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let extension = name.rsplit(|b| *b == b'.').next().filter(|extension| extension.len() < name.len())?;
    let is_of = |marks: &&Marks| marks.extensions.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(extension));
    ALL.iter().find(is_of)
}

impl Marks {
    #[must_use]
    pub fn count(&self, text: &[u8], place: Place) -> Counts {
        let mut counts = Counts::default();
        let mut is_among_tests = place == Place::TestFile || self.tests_from.is_none();
        for line in text.split(|b| *b == b'\n') {
            is_among_tests = is_among_tests || self.tests_from.as_ref().is_some_and(|from| from.is_match(line));
            if !is_among_tests {
                continue;
            }
            counts.skips += usize::from(self.skips(line));
            if self.is_comment(line) {
                continue;
            }
            counts.tests += usize::from(self.test.is_match(line));
            counts.assertions += usize::from(self.assertion.is_match(line));
        }
        counts
    }

    /// Whether a line leaves a test out, or all but one.
    #[must_use]
    pub fn skips(&self, line: &[u8]) -> bool {
        let is_build_tag = line.starts_with(b"//go:") || line.starts_with(b"// +build");
        self.skip.is_match(line) && (is_build_tag || !self.is_comment(line))
    }

    fn is_comment(&self, line: &[u8]) -> bool {
        let line = line.trim_ascii_start();
        // An attribute is none.
        let is_attribute = line.starts_with(b"#[");
        !is_attribute && self.comments.iter().any(|comment| line.starts_with(comment.as_bytes()))
    }
}

/// Where a file's tests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    TestFile,
    BesideCode,
}
