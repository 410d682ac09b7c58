//! Files of `key = value` lines in sections: `setup.cfg`, `pip.conf`, `.npmrc`, Java properties.

/// One key, with the section it is in and each line of its value.
#[derive(Debug, Default)]
pub struct Entry {
    pub section: String,
    pub key: String,
    pub line: u32,
    pub values: Vec<(u32, String)>,
}

impl Entry {
    #[must_use]
    pub fn flat(&self) -> String {
        self.values.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// Reads leniently: what is no section, key or continued value is left out.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut section = String::new();
    for (number, line) in (1_u32..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let body = line.trim();
        if body.is_empty() || body.starts_with(['#', ';']) {
            continue;
        }
        let is_continued = line.starts_with([' ', '\t']);
        if let (true, Some(last)) = (is_continued, found.last_mut().filter(|last| last.section == section)) {
            last.values.push((number, body.to_owned()));
            continue;
        }
        if let Some(name) = body.strip_prefix('[') {
            section = name.split(']').next().unwrap_or_default().trim().to_ascii_lowercase();
            continue;
        }
        let end = body.find(['=', ':']).filter(|_| !body.starts_with("//"));
        // Keys of .npmrc may be `//host/:token` or `@scope:registry`.
        let end = if body.starts_with(['@', '/']) { body.find('=') } else { end };
        let (key, value) = body.split_at(end.unwrap_or(body.len()));
        let value = value.trim_start_matches(['=', ':']).trim();
        let values = if value.is_empty() { Vec::new() } else { vec![(number, value.to_owned())] };
        found.push(Entry { section: section.clone(), key: key.trim().to_owned(), line: number, values });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sections_and_continued_values_are_read() {
        let text = "registry=https://a\n@s:registry = https://b\n//h/:x=y\n# c\n[One]\nk: v\nl =\n  a\n\n  b\n[two] # x\nm\n  n\n";
        let found: Vec<String> =
            entries(text).iter().map(|e| format!("{} {} {} {}", e.section, e.key, e.flat(), e.line)).collect();
        let expected = [
            " registry https://a 1",
            " @s:registry https://b 2",
            " //h/:x y 3",
            "one k v 6",
            "one l a b 7",
            "two m n 12",
        ];
        assert_eq!(found, expected);
    }
}
