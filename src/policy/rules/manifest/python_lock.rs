//! `poetry.lock`, `uv.lock`, `pdm.lock`, `pylock.toml` and `Pipfile.lock`.

use super::formats::toml;
use super::location::{host, is_plaintext};
use super::model::{Dependency, Digest, Manifest, Mark, Source};
use super::pep::{normalised, source};
use super::python::table_sources;
use super::tree::{Malformed, Node, json};
use std::collections::{HashMap, HashSet};

/// Versions of one package that share their list of digests.
const USES_MAX: usize = 8;

/// What poetry, uv and pdm write: a list of packages, in slightly different words.
pub fn lock(text: &str) -> Result<Manifest, Malformed> {
    let root = toml(text)?;
    let mut found = Manifest::of(&root);
    // Poetry before 1.2 kept the digests apart.
    let apart = root.at(&["metadata", "files"]).into_iter().flat_map(Node::entries);
    let mut apart: HashMap<&str, (&Node, usize)> = apart.map(|(name, files)| (name, (files, 0))).collect();
    let lists = root.at(&["package"]).into_iter().chain(root.at(&["packages"]));
    for node in lists.flat_map(Node::items) {
        let name = node.word("name").unwrap_or_default();
        let mut digests = Vec::new();
        for keys in [&["files", "*"][..], &["wheels", "*"], &["sdist"], &["archive"]] {
            node.at(keys).into_iter().for_each(|file| digests.extend(file_digests(file)));
        }
        if let Some((files, uses)) = apart.get_mut(name).filter(|(_, uses)| *uses < USES_MAX) {
            *uses = uses.saturating_add(1);
            files.items().iter().for_each(|file| digests.extend(file_digests(file)));
        }
        let one = Dependency {
            name: normalised(name),
            version: node.word("version").unwrap_or_default().to_owned(),
            source: Source::Usual,
            digests,
            is_pinned: true,
            mark: Mark::Line(node.line),
        };
        found.spread(&one, package_sources(node));
    }
    Ok(found)
}

fn file_digests(file: &Node) -> Vec<Digest> {
    let name = ["file", "name", "url", "path"].into_iter().find_map(|key| file.word(key)).unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    let of_hash = file.at(&["hash"]).into_iter().filter_map(Node::text).filter_map(|text| Digest::parse(name, text));
    let tables = file.at(&["hashes"]).into_iter().flat_map(Node::entries);
    let of_hashes = tables.filter_map(|(algorithm, node)| Some(Digest::new(name, algorithm, node.text()?)));
    of_hash.chain(of_hashes).collect()
}

/// Everything a package of a lock may be taken from: its source, and the URL of each file.
fn package_sources(node: &Node) -> Vec<Source> {
    let mut found = Vec::new();
    for from in node.at(&["source"]) {
        let url = from.word("url").unwrap_or_default().to_owned();
        match from.word("type") {
            // Poetry's words.
            Some("legacy") => found.push(Source::Registry(url)),
            Some("git") => found.push(Source::Git(url)),
            Some("directory" | "file") => found.push(Source::Path(url)),
            Some("url") => found.push(Source::Archive(url)),
            Some(_) => found.push(Source::Odd("a kind of source that is not known")),
            None => found.extend(table_sources(from)),
        }
    }
    let git = node.at(&["git"]).into_iter().chain(node.at(&["vcs", "url"])).filter_map(Node::text);
    found.extend(git.map(|url| Source::Git(url.to_owned())));
    let path = node.at(&["path"]).into_iter().chain(node.at(&["directory", "path"])).filter_map(Node::text);
    found.extend(path.map(|path| Source::Path(path.to_owned())));
    found.extend(node.at(&["index"]).into_iter().filter_map(Node::text).map(|url| Source::Registry(url.to_owned())));
    let is_direct = found.iter().any(|source| matches!(source, Source::Archive(_)));
    let files = [&["sdist", "url"][..], &["wheels", "*", "url"], &["files", "*", "url"], &["archive", "url"]];
    // One for each host is enough.
    let place = |url: &str| (host(url), is_plaintext(url));
    let mut seen: HashSet<_> =
        found.iter().filter(|s| matches!(s, Source::Registry(_))).map(|s| place(s.url())).collect();
    for url in files.iter().flat_map(|keys| node.at(keys)).filter_map(Node::text) {
        if is_direct {
            found.push(source(url));
        } else if seen.insert(place(url)) {
            found.push(Source::Registry(url.to_owned()));
        }
    }
    found
}

pub fn pipfile_lock(text: &str) -> Result<Manifest, Malformed> {
    let root = json(text)?;
    let mut found = Manifest::of(&root);
    for url in root.at(&["_meta", "sources", "*", "url"]) {
        found.registry("_meta.sources", url.flat(), Mark::Text(url.flat()));
    }
    for (_, table) in root.entries().filter(|(key, _)| *key != "_meta") {
        for (name, node) in table.entries() {
            let hashes = node.at(&["hashes", "*"]).into_iter().filter_map(Node::text);
            let digests: Vec<Digest> = hashes.filter_map(|text| Digest::parse("", text)).collect();
            let version = node.word("version").unwrap_or_default().to_owned();
            let (name, source, mark) = (normalised(name), Source::Usual, Mark::of(name, node));
            let one = Dependency { name, version, source, digests, is_pinned: true, mark };
            found.spread(&one, table_sources(node));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &Manifest) -> Vec<String> {
        let show = |d: &Dependency| format!("{} {} {:?} {}", d.name, d.version, d.source, d.digests.len());
        found.dependencies.iter().map(show).collect()
    }

    #[test]
    fn locks_of_all_tools_are_read() {
        let poetry = "[[package]]\nname = \"A_b\"\nversion = \"1\"\nfiles = [{file = \"a.whl\", hash = \"sha256:aa\"}]\n[package.source]\ntype = \"legacy\"\nurl = \"https://r.example/simple\"\n";
        assert_eq!(shown(&lock(poetry).unwrap()), ["a-b 1 Registry(\"https://r.example/simple\") 1"]);
        let uv = "[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { registry = \"https://r.example/simple\" }\nsdist = { url = \"https://f.example/a.tar.gz\", hash = \"sha256:aa\" }\nwheels = [\n { url = \"https://f.example/a.whl\", hash = \"sha256:bb\" },\n]\n[[package]]\nname = \"me\"\nsource = { editable = \".\" }\n[[package]]\nname = \"g\"\nsource = { git = \"https://h.example/g?rev=1#2\" }\n";
        assert_eq!(
            shown(&lock(uv).unwrap()),
            [
                "a 1 Registry(\"https://r.example/simple\") 2",
                "a 1 Registry(\"https://f.example/a.tar.gz\") 2",
                "me  Path(\".\") 0",
                "g  Git(\"https://h.example/g?rev=1#2\") 0"
            ]
        );
        let pylock = "[[packages]]\nname = \"a\"\nversion = \"1\"\nwheels = [{ url = \"https://f.example/a.whl\", hashes = { sha256 = \"aa\" } }]\n[[packages]]\nname = \"v\"\nvcs = { type = \"git\", url = \"https://h.example/v\" }\n";
        assert_eq!(
            shown(&lock(pylock).unwrap()),
            ["a 1 Registry(\"https://f.example/a.whl\") 1", "v  Git(\"https://h.example/v\") 0"]
        );
        let pipfile = r#"{"_meta": {"sources": [{"url": "https://p.example"}]}, "default": {"a": {"version": "==1", "hashes": ["sha256:aa"], "index": "pypi"}}, "develop": {"g": {"git": "https://h.example/g", "ref": "1"}}}"#;
        let found = pipfile_lock(pipfile).unwrap();
        assert_eq!(shown(&found), ["a ==1 Usual 1", "g  Git(\"https://h.example/g\") 0"]);
        assert_eq!(found.settings.len(), 1);
    }
}
