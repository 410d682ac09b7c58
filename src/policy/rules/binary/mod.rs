//! `binary`: what is no text, and of what type it is.

mod magic;

use crate::model::Change;
use crate::policy::content::{Content, Unreadable};
use crate::policy::findings::Fix;
use crate::policy::pattern::{Subject, Who};
use crate::policy::pattern_list::{PatternList, one_or_more};
use crate::policy::rules::{Check, read_match};
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Table, Value, suggest};
use magic::{Group, Type};

pub const DOC: &str = r#"kind = "binary"
Speaks of files, new or changed, that are of these types by their content; names do not count.
    what  = ["binary"]                # or of some types only: "executable", "archive", "elf", …
    allow = ["png", "jpeg", "woff2"]  # types that pass; none, if not given
    match = ["**"]                    # all paths, if not given
binary: every file of a known type, and every one with a NUL byte but UTF-16 text. executable: elf, pe, mach-o,
shared-library, wasm, class, jar, dex, pyc, lua, llvm. archive: zip, tar, gzip, bzip2, xz, lzma, lzip, zstd, lz4, compress,
7z, rar, ar, cab, cpio, rpm, xar, crx, squashfs, ole, iso, dmg. Others: png, jpeg, gif, webp, bmp, ico, tiff, avif, heic,
icns, psd, pdf, woff, woff2, ttf, otf, mp3, mp4, mov, webm, ogg, flac, wav, sqlite, git-pack.
A file can be of several types at once, such as an image with a ZIP archive at its end, which is how one gets past a
check of the first bytes: all of its types must be allowed. shared-library is an ELF, PE or Mach-O file made to be
loaded (an ELF program may say so too); jar is a ZIP archive with a Java manifest, and so of both types. Scripts with
`#!` are text. Office documents of today, wheels and apk files are of type zip."#;

/// What a rule speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Binary,
    Group(Group),
    Type(&'static str),
}

#[derive(Debug)]
struct Binary {
    what: Vec<What>,
    allow: Vec<&'static str>,
    paths: PatternList,
}

const GROUPS: [(&str, What); 3] = [
    ("binary", What::Binary),
    ("executable", What::Group(Group::Executable)),
    ("archive", What::Group(Group::Archive)),
];

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let paths = read_match(table, problems);
    let allow = table.get("allow");
    let what = table.require("what", problems).and_then(|value| read_what(value, problems));
    let allow = match allow {
        Some(value) => read_types(value, problems)?,
        None => Vec::new(),
    };
    Some(Box::new(Binary { what: what?, allow, paths: paths? }))
}

fn read_what(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Vec<What>> {
    let mut what = Vec::new();
    for (word, span) in one_or_more(value, problems)? {
        let group = GROUPS.iter().find(|(name, _)| *name == word).map(|(_, what)| *what);
        match group.or_else(|| magic::by_name(word).map(|kind| What::Type(kind.name))) {
            Some(known) => what.push(known),
            None => {
                let known: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).chain(magic::names()).collect();
                let problem = Problem::new(span, format!("there is no file type `{}`", word.escape_debug()));
                problems.push(problem.help(suggest(word, &known)));
            }
        }
    }
    Some(what)
}

fn read_types(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Vec<&'static str>> {
    let mut types = Vec::new();
    for (word, span) in one_or_more(value, problems)? {
        match magic::by_name(word) {
            Some(kind) => types.push(kind.name),
            None => {
                let problem = Problem::new(span, format!("there is no file type `{}`", word.escape_debug()));
                problems.push(problem.help(suggest(word, &magic::names())));
            }
        }
    }
    Some(types)
}

impl Binary {
    fn speaks_of(&self, kind: Type) -> bool {
        let is_meant = |what: &What| match what {
            What::Binary => true,
            What::Group(group) => *group == kind.group,
            What::Type(name) => *name == kind.name,
        };
        self.what.iter().any(is_meant) && !self.allow.contains(&kind.name)
    }
}

impl Check for Binary {
    fn looks_into_files(&self) -> bool {
        true
    }

    fn wants(&self, change: &Change, path: &Subject<'_>, who: Who<'_>) -> bool {
        let is_file = change.new.is_some_and(|new| new.is_blob());
        is_file && change.brings_content() && self.paths.forbids(path, who)
    }

    fn content(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        let ends = content.ends()?;
        let is_text = ends.first_nul.is_none() || content.is_utf16()?;
        let types = magic::types(ends.head, ends.tail);
        if let Some(kind) = types.iter().find(|kind| self.speaks_of(**kind)) {
            let besides = types.first().filter(|first| *first != kind);
            let besides = besides.map(|first| format!(" that is also {}", first.called)).unwrap_or_default();
            spotted.add(None, format!("{}{besides}", kind.called), Fix::Undo);
        } else if let (Some(at), true) = (ends.first_nul, types.is_empty() && !is_text)
            && self.what.contains(&What::Binary)
        {
            spotted.add(None, format!("a binary file of no known type (a NUL at byte {at})"), Fix::Undo);
        }
        Ok(())
    }

    fn patterns(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::*;

    fn found(keys: &str, old: Option<&[u8]>, new: &[u8]) -> String {
        let rule = with_rule(&format!("kind = \"binary\"\nmatch = [\"**\", \"!docs/**\"]\n{keys}"));
        judge_files(&rule, &[("a", old, Some(new)), ("docs/a", None, Some(new))]).join("; ").replace("refuse r a ", "")
    }

    #[test]
    fn speaks_of_types_unless_all_that_a_file_is_are_allowed() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        let zipped = [png.clone(), b"PK\x05\x06".to_vec(), vec![0; 18]].concat();
        let elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
        let text = b"#!/bin/sh\necho MZ\n".to_vec();
        let utf16: Vec<u8> =
            [0xfeff].into_iter().chain("te\u{e9}t\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let not_utf16 = [&b"\xff\xfe"[..], b"\0\xd8\x1b\0\0\0abcd"].concat();
        let late = [b"x".repeat(9000), vec![0]].concat();
        let large = [elf.clone(), b"x".repeat(7 * 1024 * 1024)].concat();
        let large_zip = [b"x".repeat(7 * 1024 * 1024), b"PK\x05\x06".to_vec(), vec![0; 18]].concat();
        let (binary, allow) = ("what = [\"binary\"]", "what = \"binary\"\nallow = [\"png\", \"zip\"]");
        let png_only = "what = \"binary\"\nallow = \"png\"";
        let no_type = "a binary file of no known type (a NUL at byte ";
        let table: [(&str, &[u8], String); 24] = [
            (binary, &text, String::new()),
            (binary, &utf16, String::new()),
            (binary, &not_utf16, format!("{no_type}2)")),
            (binary, &late, format!("{no_type}9000)")),
            (binary, &png, "a PNG image".to_owned()),
            (binary, &elf, "an ELF executable".to_owned()),
            (binary, b"BMW, and GIF89a", String::new()),
            (binary, b"GIF89a, and ID3", String::new()),
            (binary, b"", String::new()),
            (png_only, &png, String::new()),
            (png_only, &zipped, "a ZIP archive that is also a PNG image".to_owned()),
            (png_only, &elf, "an ELF executable".to_owned()),
            (png_only, &late, format!("{no_type}9000)")),
            (allow, &zipped, String::new()),
            ("what = \"executable\"", &elf, "an ELF executable".to_owned()),
            ("what = \"executable\"", &png, String::new()),
            ("what = \"executable\"", &late, String::new()),
            ("what = \"executable\"", &large, "an ELF executable".to_owned()),
            ("what = \"archive\"", &elf, String::new()),
            ("what = \"archive\"", &zipped, "a ZIP archive that is also a PNG image".to_owned()),
            ("what = \"archive\"", &large_zip, "a ZIP archive".to_owned()),
            ("what = [\"elf\", \"pe\"]", &elf, "an ELF executable".to_owned()),
            ("what = [\"pe\"]", &elf, String::new()),
            ("what = \"executable\"\nallow = \"elf\"", &elf, String::new()),
        ];
        for (keys, bytes, expected) in table {
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]);
            assert_eq!(found(keys, None, bytes), expected, "{keys} {start:?}");
        }
        assert_eq!(found(binary, Some(&elf), &[elf.clone(), vec![1]].concat()), "an ELF executable", "changed");
    }

    #[test]
    fn bad_settings_are_named() {
        for (keys, problem) in [
            ("", "`what` is missing"),
            ("what = []", "an empty list"),
            ("what = [\"binry\"]", "did you mean `binary`?"),
            ("what = \"binary\"\nallow = [\"pgn\"]", "there is no file type `pgn`"),
            ("what = \"binary\"\nallow = [\"archive\"]", "there is no file type `archive`"),
        ] {
            assert!(problems(&format!("kind = \"binary\"\n{keys}")).contains(problem), "{keys}");
        }
    }
}
