//! pip's requirement and constraint files.

use super::model::{Dependency, Digest, Manifest, Mark};
use super::pep::requirement;
use super::tree::Malformed;

/// Options that take a value, in their long form.
const WITH_VALUE: [&str; 8] = [
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--requirement",
    "--constraint",
    "--editable",
    "--trusted-host",
    "--pypi-url",
];

pub fn requirements(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    if let Some(encoding) = other_encoding(text) {
        return Err(Malformed(format!("its first lines say that it is in the encoding {encoding}")));
    }
    for (line, text) in logical_lines(text) {
        let mark = Mark::Line(line);
        if !text.starts_with('-') {
            package(&mut found, &text, mark);
            continue;
        }
        let (option, value) = option(&text);
        match option {
            "--index-url" | "--extra-index-url" | "--find-links" => found.registry(option, value, mark),
            "--trusted-host" => found.always(option, value, "lets packages come without a valid certificate", mark),
            "--editable" => package(&mut found, value, mark),
            "--requirement" | "--constraint" => include(&mut found, option, value, mark),
            _ => {}
        }
    }
    Ok(found)
}

/// Another file of the same kind; what is not named like one would not be looked into.
fn include(found: &mut Manifest, option: &str, value: &str, mark: Mark) {
    if value.contains("://") {
        found.always(option, value, "reads a list of packages from a URL", mark);
    } else if !super::files::is_requirements(value.rsplit(['/', '\\']).next().unwrap_or_default().as_bytes()) {
        found.always(option, value, "reads a list of packages from a file that is not named like one", mark);
    }
}

/// The encoding that a comment in the first two lines names, if the text then says something else than it does here.
fn other_encoding(text: &str) -> Option<&str> {
    let comments = text.lines().take(2).filter(|line| line.starts_with('#'));
    let names = comments.filter_map(|line| line.split_once("coding")?.1.strip_prefix([':', '=']));
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let names = names.map(|name| name.trim_start().split(|c| !is_part(c)).next().unwrap_or_default());
    let is_same = |name: &str| ["utf-8", "utf8", "ascii", "us-ascii", "latin-1"].contains(&name);
    names.into_iter().find(|name| !is_same(&name.to_ascii_lowercase().replace('_', "-")))
}

/// What ends a line for Python, and so for pip.
const ENDS: [char; 9] = ['\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];

/// Lines as pip joins them, without comments, with the number of their first.
fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(u32, String)> = None;
    let numbered = (1_u32..).zip(text.trim_start_matches('\u{feff}').lines());
    for (number, line) in numbered.flat_map(|(number, line)| line.split(ENDS).map(move |part| (number, part))) {
        let is_comment = line.trim_start().starts_with('#');
        let (start, mut whole) = open.take().unwrap_or((number, String::new()));
        match line.strip_suffix('\\') {
            Some(part) if !is_comment => {
                whole.push_str(part.trim_start());
                open = Some((start, whole));
            }
            _ => {
                whole.push_str(if is_comment { "" } else { line });
                lines.push((start, whole));
            }
        }
    }
    lines.extend(open);
    let cut = |text: String| {
        let comment = text.match_indices('#').find(|(at, _)| {
            text.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with(char::is_whitespace))
        });
        text.get(..comment.map_or(text.len(), |(at, _)| at)).unwrap_or_default().trim().to_owned()
    };
    let lines = lines.into_iter().map(|(line, text)| (line, cut(text)));
    lines.filter(|(_, text)| !text.is_empty()).collect()
}

/// The long form of an option, and its value. pip takes any beginning that is clear.
fn option(text: &str) -> (&str, &str) {
    let short = [("-i", 0), ("-f", 2), ("-r", 3), ("-c", 4), ("-e", 5)];
    if let Some((start, index)) = short.into_iter().find(|(start, _)| text.starts_with(start)) {
        let value = text.get(start.len()..).unwrap_or_default().trim_start_matches(['=', ' ', '\t']);
        return (WITH_VALUE.get(index).copied().unwrap_or_default(), unquoted(value));
    }
    let end = text.find(['=', ' ', '\t']).unwrap_or(text.len());
    let (name, value) = text.split_at(end);
    let long = WITH_VALUE.into_iter().find(|long| name.len() > 4 && long.starts_with(name)).unwrap_or(name);
    let long = if long == "--pypi-url" { "--index-url" } else { long };
    (long, unquoted(value.trim_start_matches(['=', ' ', '\t'])))
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['"', '\''])
}

/// A package with the options behind it.
fn package(found: &mut Manifest, text: &str, mark: Mark) {
    let options = text.match_indices(" -").map(|(at, _)| at).next().unwrap_or(text.len());
    let (spec, options) = text.split_at(options);
    let Some(mut dependency) = requirement(unquoted(spec), mark.clone()) else { return };
    let words = options.split([' ', '\t', '=']).filter(|word| !word.is_empty());
    let hashes = words.filter(|word| word.starts_with("sha") || word.starts_with("md5"));
    dependency.digests.extend(hashes.filter_map(|word| Digest::parse("", word)));
    if ["--global-option", "--install-option", "--config-setting"].iter().any(|option| options.contains(option)) {
        found.hook(format!("options of {}", dependency.name), options, "changes how the package is built", mark);
    }
    found.dependencies.push(Dependency { ..dependency });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_python_ends_them() {
        for end in ["\r", "\r\n", "\u{b}", "\u{c}", "\u{1e}", "\u{85}", "\u{2028}"] {
            let found = requirements(&format!("a==1 # all{end}-i https://b.example\n")).unwrap();
            assert_eq!(found.settings.len(), 1, "{end:?}");
        }
        assert!(requirements("# -*- coding: utf-7 -*-\na==1\n").is_err());
        assert!(requirements("#\n# vim: set fileencoding=UTF_8 :\na==1\n").is_ok());
    }

    #[test]
    fn files_are_read_as_pip_does() {
        let text = "# all\n-iHTTPS://a.example/simple\n--index-url=https://b.example\n--extra-index https://c.example # c\n\
                    foo==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n-e ../x#egg=x\n-r base.txt\n-r dev-requirements.txt\n\
                    --requirement https://d.example/r.txt\nbar # no\n-f ./wheels\n--trusted-host e.example\n";
        let found = requirements(text).unwrap();
        let settings: Vec<String> =
            found.settings.iter().map(|s| format!("{} {} {:?}", s.key, s.value, s.mark)).collect();
        assert_eq!(
            settings,
            [
                "--index-url HTTPS://a.example/simple Line(2)",
                "--index-url https://b.example Line(3)",
                "--extra-index-url https://c.example Line(4)",
                "--requirement base.txt Line(9)",
                "--requirement https://d.example/r.txt Line(11)",
                "--find-links ./wheels Line(13)",
                "--trusted-host e.example Line(14)",
            ]
        );
        let names: Vec<(&str, usize)> = found.dependencies.iter().map(|d| (d.name.as_str(), d.digests.len())).collect();
        assert_eq!(names, [("foo", 2), ("x", 0), ("bar", 0)]);
    }
}
