//! What the reviewer knows of languages, for colours.

/// A literal that begins and ends with these.
#[derive(Debug)]
pub struct Quote {
    pub start: &'static str,
    pub end: &'static str,
    /// The byte that takes the meaning from the next one.
    pub escape: Option<u8>,
}

impl Quote {
    /// Whether it may go on in the next line.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.start.len() > 1 || self.start == "`"
    }
}

#[derive(Debug)]
pub struct Language {
    endings: &'static [&'static str],
    pub line_comments: &'static [&'static str],
    pub block_comment: Option<(&'static str, &'static str)>,
    pub quotes: &'static [Quote],
    keywords: &'static str,
}

/// Longer words are no keywords.
const KEYWORD_BYTES_MAX: usize = 16;

impl Language {
    #[must_use]
    pub fn has_keyword(&self, word: &[u8]) -> bool {
        word.len() <= KEYWORD_BYTES_MAX && self.keywords.split(' ').any(|keyword| keyword.as_bytes() == word)
    }
}

/// The language of a path, by the ending of its last part, or all of it.
#[must_use]
pub fn language(path: &[u8]) -> Option<&'static Language> {
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    let ending = name.rsplit(|byte| *byte == b'.').next()?;
    let ending = ending.to_ascii_lowercase();
    LANGUAGES.iter().find(|language| language.endings.iter().any(|known| known.as_bytes() == ending))
}

const fn quote(start: &'static str) -> Quote {
    Quote { start, end: start, escape: Some(b'\\') }
}

const DOUBLE: &[Quote] = &[quote("\"")];
const BOTH: &[Quote] = &[quote("\""), quote("'")];
const ALL: &[Quote] = &[quote("\""), quote("'"), quote("`")];
const TRIPLE: &[Quote] = &[quote("\"\"\""), quote("'''"), quote("\""), quote("'")];
const GO: &[Quote] = &[quote("\""), quote("'"), Quote { start: "`", end: "`", escape: None }];
const SLASHES: &[&str] = &["//"];
const HASH: &[&str] = &["#"];
const STARS: Option<(&str, &str)> = Some(("/*", "*/"));

static LANGUAGES: &[Language] = &[
    Language {
        endings: &["rs"],
        line_comments: SLASHES,
        block_comment: STARS,
        quotes: DOUBLE,
        keywords: "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match \
                   mod move mut pub ref return self Self static struct super trait true type use where while unsafe",
    },
    Language {
        endings: &["c", "h", "cc", "cpp", "cxx", "hpp", "hh", "java", "cs", "kt", "kts", "swift", "scala", "proto"],
        line_comments: SLASHES,
        block_comment: STARS,
        quotes: BOTH,
        keywords: "abstract auto bool boolean break byte case catch char class const continue default delete do double \
                   else enum extends extern false final finally float for fun goto if implements import int interface \
                   let long namespace new null nullptr operator override package private protected public return \
                   short signed sizeof static struct super switch template this throw throws true try typedef union \
                   unsigned using val var virtual void volatile when while",
    },
    Language {
        endings: &["js", "jsx", "mjs", "cjs", "ts", "tsx", "json", "json5", "jsonc"],
        line_comments: SLASHES,
        block_comment: STARS,
        quotes: ALL,
        keywords: "any as async await boolean break case catch class const continue default delete do else enum export \
                   extends false finally for from function if implements import in instanceof interface let new null \
                   number of private public readonly return static string super switch this throw true try type \
                   typeof undefined var void while yield",
    },
    Language {
        endings: &["go"],
        line_comments: SLASHES,
        block_comment: STARS,
        quotes: GO,
        keywords: "break case chan const continue default defer else fallthrough false for func go goto if import \
                   interface map nil package range return select struct switch true type var",
    },
    Language {
        endings: &["py", "pyi", "bzl"],
        line_comments: HASH,
        block_comment: None,
        quotes: TRIPLE,
        keywords: "and as assert async await break class continue def del elif else except False finally for from \
                   global if import in is lambda None nonlocal not or pass raise return True try while with yield",
    },
    Language {
        endings: &["sh", "bash", "zsh", "env", "rb", "pl", "makefile", "mk", "dockerfile", "containerfile"],
        line_comments: HASH,
        block_comment: None,
        quotes: BOTH,
        keywords: "begin break case class continue def do done elif else end ensure esac exit export false fi for \
                   function if in local module nil require rescue return select self set shift then true unless \
                   until unset while yield ADD ARG CMD COPY ENTRYPOINT ENV FROM LABEL RUN USER WORKDIR",
    },
    Language {
        endings: &["toml", "yml", "yaml", "ini", "cfg", "conf", "properties", "tf", "hcl", "nix", "gitignore"],
        line_comments: HASH,
        block_comment: None,
        quotes: BOTH,
        keywords: "true false null yes no on off",
    },
    Language {
        endings: &["sql", "lua", "hs"],
        line_comments: &["--"],
        block_comment: STARS,
        quotes: BOTH,
        keywords: "and as by create delete do drop else end false for from function group if in insert into join let \
                   local nil not null on or order return select set table then true update values where while ALTER \
                   AND AS BY CREATE DELETE DROP FROM GROUP IN INSERT INTO JOIN NOT NULL ON OR ORDER SELECT SET TABLE \
                   UPDATE VALUES WHERE",
    },
    Language {
        endings: &["php"],
        line_comments: &["//", "#"],
        block_comment: STARS,
        quotes: BOTH,
        keywords: "abstract array as break case catch class const continue echo else elseif extends false finally for \
                   foreach function global if implements include interface namespace new null private protected \
                   public require return static switch this throw true try use var while",
    },
    Language {
        endings: &["html", "htm", "xml", "svg", "vue", "csproj"],
        line_comments: &[],
        block_comment: Some(("<!--", "-->")),
        quotes: DOUBLE,
        keywords: "",
    },
    Language {
        endings: &["css", "scss", "less"],
        line_comments: &[],
        block_comment: STARS,
        quotes: BOTH,
        keywords: "",
    },
];
