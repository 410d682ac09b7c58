//! `identity`: in whose name commits and tags come in.

use crate::model::{Escaped, PrincipalKind};
use crate::policy::findings::{Fix, Word, shell_word};
use crate::policy::ident::{Address, Ident};
use crate::policy::object_text::{CommitText, TagText, headers};
use crate::policy::pattern_list::one_or_more;
use crate::policy::people::Person;
use crate::policy::pusher::Pusher;
use crate::policy::rules::Check;
use crate::policy::rules::message::trailers::{is_token, trailers};
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Table, Value};

pub const DOC: &str = r#"kind = "identity"
Speaks of added commits and annotated tags that are in somebody else's name.
    author    = "principal-or-sponsor"      # or "principal", "sponsor", "known", "any"
    committer = "principal"
    tagger    = "principal"
    domains   = ["mail.acme.dev", "*.agents.acme.dev"]  # every address is in one of these
    names     = true                        # the name must be one of the `names` of whose address it is
    sponsor_trailer = "Co-authored-by"      # an agent's commits name its sponsor: Co-authored-by: Name <address>
At least one of `author`, `committer`, `tagger`, `domains` and `sponsor_trailer`. Addresses are the `emails` of
[agent.NAME], [human.NAME] and [ci.NAME]: principal means those of who pushes, known those of anybody in the policy.
They are compared byte for byte, but for upper and lower case of ASCII letters; a form such as 1+x@users.noreply.github.com
is an address like any other. A header that is missing, there twice, or not plainly `Name <address> seconds zone` is
spoken of, whatever is asked for. Commits that come with a merge of what is upstream already are not added.
Who has no address in the policy can push nothing under a rule that asks for his: that is said."#;

/// Longest part of an address or name shown.
const SHOWN_MAX: usize = 80;

#[derive(Debug)]
struct Identity {
    author: Whose,
    committer: Whose,
    tagger: Whose,
    domains: Vec<String>,
    names: bool,
    sponsor_trailer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Whose {
    Principal,
    Sponsor,
    PrincipalOrSponsor,
    Known,
    #[default]
    Any,
}

const WHOSE: [(&str, Whose); 5] = [
    ("principal", Whose::Principal),
    ("sponsor", Whose::Sponsor),
    ("principal-or-sponsor", Whose::PrincipalOrSponsor),
    ("known", Whose::Known),
    ("any", Whose::Any),
];

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let before = problems.len();
    let fields = [table.get("author"), table.get("committer"), table.get("tagger")];
    let (domains, sponsor_trailer) = (table.get("domains"), table.get("sponsor_trailer"));
    if fields.iter().all(Option::is_none) && domains.is_none() && sponsor_trailer.is_none() {
        let message =
            "one of the keys `author`, `committer`, `tagger`, `domains` and `sponsor_trailer` is missing here";
        problems.push(Problem::new(table.span.clone(), message));
    }
    let [author, committer, tagger] =
        fields.map(|field| field.and_then(|v| v.one_of(&WHOSE, problems)).unwrap_or_default());
    let names = table.get("names").and_then(|v| v.boolean(problems)).unwrap_or_default();
    let domains = domains.map(|v| read_domains(v, problems)).unwrap_or_default();
    let sponsor_trailer = sponsor_trailer.and_then(|v| read_token(v, problems));
    let rule = Identity { author, committer, tagger, domains, names, sponsor_trailer };
    (problems.len() == before).then(|| Box::new(rule) as Box<dyn Check>)
}

fn read_domains(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Vec<String> {
    let domains = one_or_more(value, problems).unwrap_or_default();
    for (domain, span) in &domains {
        let name = domain.strip_prefix("*.").unwrap_or(domain);
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !name.split('.').all(is_part) {
            let help = "write it as in an address; `*.` before it means all domains below";
            problems.push(Problem::new(span.clone(), "not a domain").help(help));
        }
    }
    domains.into_iter().map(|(domain, _)| domain.to_owned()).collect()
}

/// The key of a trailer.
pub fn read_token(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = value.string(problems)?;
    if !is_token(text.as_bytes()) {
        let help = "write it without the colon: \"Signed-off-by\"";
        problems.push(Problem::new(value.span(), "not the key of a trailer").help(help));
        return None;
    }
    Some(text.to_owned())
}

/// One header that says who.
#[derive(Debug, Clone, Copy)]
struct Field {
    name: &'static str,
    whose: Whose,
}

impl Check for Identity {
    fn looks_into_objects(&self) -> bool {
        true
    }

    fn commit_object(&self, commit: &CommitText<'_>, pusher: &Pusher<'_>, spotted: &mut Spotted<'_>) {
        for (name, whose) in [("author", self.author), ("committer", self.committer)] {
            if let Some((message, fix)) = self.field(Field { name, whose }, commit.raw, pusher) {
                spotted.add(None, message, fix);
            }
        }
        if let Some((message, fix)) = self.sponsor(commit.message(), pusher) {
            spotted.add(None, message, fix);
        }
    }

    fn tag_object(&self, tag: &TagText<'_>, pusher: &Pusher<'_>, spotted: &mut Spotted<'_>) {
        if let Some((message, fix)) = self.field(Field { name: "tagger", whose: self.tagger }, tag.raw, pusher) {
            spotted.add(None, message, fix);
        }
    }
}

impl Identity {
    /// What is wrong with one header.
    fn field(&self, field: Field, raw: &[u8], pusher: &Pusher<'_>) -> Option<(String, Fix)> {
        if field.whose == Whose::Any && self.domains.is_empty() && !self.names {
            return None;
        }
        let name = field.name;
        let wrong = |what: String| Some((what, self.fix(field, pusher)));
        let mut values = headers(raw, name);
        let ident = match (values.next(), values.next()) {
            (None, _) => return wrong(format!("there is no {name}")),
            (Some(_), Some(_)) => return wrong(format!("there is more than one {name}")),
            (Some(value), None) => Ident::parse(value),
        };
        let Some(Ident { who, .. }) = ident else {
            return wrong(format!("the {name} is not a plain `Name <address>` with a date"));
        };
        let people = allowed(field.whose, pusher);
        let owners: Vec<&&Person> = people.iter().filter(|person| person.has_email(who.email.as_bytes())).collect();
        let shown = shown(who.email.as_bytes());
        if owners.is_empty() && field.whose != Whose::Any {
            return wrong(format!("the {name} <{shown}> is not {}", whose(field.whose, pusher)));
        }
        if !self.is_in_domains(&who) {
            let domains = self.domains.join(", ");
            return wrong(format!("the {name} <{shown}> has no address at {domains}"));
        }
        let has_name =
            |person: &&&Person| person.names.is_empty() || person.names.iter().any(|own| own.as_bytes() == who.name);
        if self.names && !owners.is_empty() && !owners.iter().any(has_name) {
            let name = self::shown(who.name);
            return wrong(format!("the {} <{shown}> is not called `{name}` in the policy", field.name));
        }
        None
    }

    fn is_in_domains(&self, who: &Address<'_>) -> bool {
        let is_in = |allowed: &String, domain: &str| match allowed.strip_prefix('*') {
            // With the dot: `*.acme.dev` is no `evilacme.dev`, and not `acme.dev` itself.
            Some(below) => {
                let cut = domain.len().checked_sub(below.len()).filter(|at| *at > 0);
                cut.and_then(|at| domain.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(below))
            }
            None => domain.eq_ignore_ascii_case(allowed),
        };
        self.domains.is_empty() || who.domain().is_some_and(|d| self.domains.iter().any(|allowed| is_in(allowed, d)))
    }

    /// The command that puts a right name in, with addresses of the pusher and the sponsor only.
    fn fix(&self, field: Field, pusher: &Pusher<'_>) -> Fix {
        let people = match field.whose {
            Whose::Known | Whose::Any => allowed(Whose::PrincipalOrSponsor, pusher),
            other => allowed(other, pusher),
        };
        let is_good = |email: &&String| {
            let text = format!("x <{email}>");
            Address::parse(text.as_bytes()).is_some_and(|address| self.is_in_domains(&address))
        };
        let own = people.iter().find_map(|person| Some((*person, person.emails.iter().find(is_good)?)));
        let Some((person, email)) = own else { return Fix::Ask };
        let name = person.names.first().map_or(person.principal.name.as_str(), String::as_str);
        let word = |text: &str| shell_word(text.as_bytes(), Word::Ref);
        let config = match (word(name), word(email)) {
            (Some(name), Some(email)) if self.names => {
                format!("git config user.name {name} && git config user.email {email}")
            }
            (_, Some(email)) => format!("git config user.email {email}"),
            (_, None) => return Fix::Ask,
        };
        let author = word(&format!("{name} <{email}>"));
        match (field.name, author) {
            ("author", Some(author)) => Fix::Amend(format!("git commit --amend --no-edit --author={author}")),
            ("tagger", _) => Fix::Text(format!("{config}, then make the tag again: git tag -f -a NAME COMMIT")),
            _ => Fix::Amend(format!("{config} && git commit --amend --no-edit")),
        }
    }

    /// What is wrong with the trailer that names the sponsor.
    fn sponsor(&self, message: &[u8], pusher: &Pusher<'_>) -> Option<(String, Fix)> {
        let token = self.sponsor_trailer.as_ref().filter(|_| pusher.principal.kind == PrincipalKind::Agent)?;
        let what = format!("the message does not name the sponsor in a `{token}` trailer");
        let Some((sponsor, email)) = pusher.sponsor.and_then(|person| Some((person, person.emails.first()?))) else {
            return Some((format!("{what}, and the policy knows no address of a sponsor"), Fix::Ask));
        };
        let names_sponsor = |value: &[u8]| Address::parse(value).is_some_and(|a| sponsor.has_email(a.email.as_bytes()));
        if trailers(message).any(|trailer| trailer.is(token) && names_sponsor(&trailer.value)) {
            return None;
        }
        let name = sponsor.names.first().map_or(sponsor.principal.name.as_str(), String::as_str);
        let trailer = shell_word(format!("{token}: {name} <{email}>").as_bytes(), Word::Ref);
        let fix = trailer.map_or(Fix::Ask, |t| Fix::Amend(format!("git commit --amend --no-edit --trailer {t}")));
        Some((what, fix))
    }
}

/// Whose addresses are right.
fn allowed<'a>(whose: Whose, pusher: &Pusher<'a>) -> Vec<&'a Person> {
    match whose {
        Whose::Principal => pusher.person.into_iter().collect(),
        Whose::Sponsor => pusher.sponsor.into_iter().collect(),
        Whose::PrincipalOrSponsor => pusher.person.into_iter().chain(pusher.sponsor).collect(),
        Whose::Known | Whose::Any => pusher.people.everybody().collect(),
    }
}

/// What an address had to be, as a message says it.
fn whose(whose: Whose, pusher: &Pusher<'_>) -> String {
    let has_any = allowed(whose, pusher).iter().any(|person| !person.emails.is_empty());
    let name = &pusher.principal.name;
    let what = match whose {
        Whose::Principal => format!("an address of {name}"),
        Whose::Sponsor => format!("an address of the sponsor of {name}"),
        Whose::PrincipalOrSponsor => format!("an address of {name} or of its sponsor"),
        Whose::Known | Whose::Any => "an address of anybody in the policy".to_owned(),
    };
    if has_any { what } else { format!("{what}; the policy has none") }
}

fn shown(bytes: &[u8]) -> String {
    let cut = bytes.get(..SHOWN_MAX).unwrap_or(bytes);
    format!("{}{}", Escaped(cut), if cut.len() < bytes.len() { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use crate::model::TagFacts;
    use crate::policy::testing::*;

    const POLICY: &str = r#"
[agent.claude-1]
sponsor = "dana"
emails = ["claude-1@agents.acme.dev", "claude+1@other.example"]
names = ["Claude One"]
[agent.claude-2]
emails = ["claude-2@agents.acme.dev"]
[human.dana]
emails = ["dana@acme.dev", "1+dana@users.noreply.github.com"]
names = ["Dana D"]
[ci.bot]
emails = "bot@acme.dev"
[[grant]]
to = "claude-1"
repo = "app"
refs = ["refs/heads/agent/{principal}/**", "refs/tags/**"]
allow = ["create", "update"]
write = "**"
"#;

    fn commit(author: &str, committer: &str, message: &str) -> String {
        let tree = id(7);
        format!("tree {tree}\nauthor {author} 1 +0000\ncommitter {committer} 2 +0000\n\n{message}")
    }

    fn judge(policy: &str, keys: &str, raw: &str) -> Vec<String> {
        let text = format!("{policy}[rule.r]\nkind = \"identity\"\nthen = \"refuse\"\n{keys}\n");
        judge_examined(&text, one(vec![change("a")]), &Memory::default(), raw.as_bytes())
    }

    #[test]
    fn addresses_are_those_of_whom_the_rule_says() {
        let table = [
            ("principal", "claude-1@agents.acme.dev", true),
            ("principal", "CLAUDE-1@Agents.Acme.dev", true),
            ("principal", "claude+1@other.example", true),
            ("principal", "dana@acme.dev", false),
            ("principal", "claude-2@agents.acme.dev", false),
            ("principal", "claude-1@agents.acme.dev.evil.example", false),
            ("principal", "xclaude-1@agents.acme.dev", false),
            ("principal", "\u{441}laude-1@agents.acme.dev", false),
            // The Kelvin sign, which Unicode lowers to a plain k.
            ("sponsor", "dana@acme.dev\u{212a}", false),
            ("sponsor", "dana@acme.dev", true),
            ("sponsor", "1+dana@users.noreply.github.com", true),
            ("sponsor", "2+dana@users.noreply.github.com", false),
            ("sponsor", "claude-1@agents.acme.dev", false),
            ("principal-or-sponsor", "dana@acme.dev", true),
            ("principal-or-sponsor", "claude-1@agents.acme.dev", true),
            ("principal-or-sponsor", "bot@acme.dev", false),
            ("known", "bot@acme.dev", true),
            ("known", "claude-2@agents.acme.dev", true),
            ("known", "eve@acme.dev", false),
            ("any", "eve@acme.dev", true),
        ];
        for (whose, email, passes) in table {
            let who = format!("X <{email}>");
            for (key, raw) in
                [("author", commit(&who, "E <e@e>", "m\n")), ("committer", commit("E <e@e>", &who, "m\n"))]
            {
                let found = judge(POLICY, &format!("{key} = \"{whose}\""), &raw);
                assert_eq!(found.is_empty(), passes, "{key} {whose} {email} {found:?}");
            }
        }
    }

    #[test]
    fn odd_headers_are_spoken_of() {
        let good = "X <claude-1@agents.acme.dev>";
        let rule = "author = \"principal\"";
        let twice = commit(good, good, "m\n").replace("\n\nm", &format!("\nauthor {good} 1 +0000\n\nm"));
        let none = commit(good, good, "m\n").replace("author", "arthur");
        let later = none.replace("\n\nm", &format!("\n\nauthor {good} 1 +0000\n\nm"));
        let plain = "refuse r the author is not a plain `Name <address>` with a date";
        for (raw, expected) in [
            (twice, "refuse r there is more than one author"),
            (none, "refuse r there is no author"),
            (later, "refuse r there is no author"),
            (commit("X <claude-1@agents.acme.dev>x>", good, "m\n"), plain),
            (commit("X claude-1@agents.acme.dev", good, "m\n"), plain),
            (commit("X <>", good, "m\n"), plain),
            (commit("X <eve@x> <claude-1@agents.acme.dev>", good, "m\n"), plain),
        ] {
            assert_eq!(judge(POLICY, rule, &raw), [expected], "{raw}");
        }
        let long = judge(POLICY, rule, &commit(&format!("X <{}\\@x>", "a".repeat(500)), good, "m\n"));
        assert_eq!(long, [format!("refuse r the author <{}…> is not an address of claude-1", "a".repeat(80))]);
    }

    #[test]
    fn domains_and_names_are_looked_at_beside_the_address() {
        let (claude, dana) = ("Claude One <claude-1@agents.acme.dev>", "Dana D <dana@acme.dev>");
        let domain = |d: &str| format!("domains = [{d}]");
        let table = [
            (domain("\"acme.dev\""), dana, true),
            (domain("\"acme.dev\""), "D <dana@ACME.dev>", true),
            (domain("\"acme.dev\""), claude, false),
            (domain("\"*.acme.dev\""), claude, true),
            (domain("\"*.acme.dev\""), dana, false),
            (domain("\"*.acme.dev\""), "E <e@evilacme.dev>", false),
            (domain("\"*.acme.dev\""), "E <e@.acme.dev>", false),
            (domain("\"acme.dev\", \"*.acme.dev\""), "E <e@evil.example@acme.dev>", false),
            ("names = true\nauthor = \"known\"".to_owned(), claude, true),
            ("names = true\nauthor = \"known\"".to_owned(), "Dana D <claude-1@agents.acme.dev>", false),
            ("names = true\nauthor = \"known\"".to_owned(), "Whoever <bot@acme.dev>", true),
            ("names = true\nauthor = \"any\"".to_owned(), "Dana X <dana@acme.dev>", false),
            ("names = true\nauthor = \"any\"".to_owned(), "Dana X <dana@nowhere>", true),
        ];
        for (keys, who, passes) in table {
            let found = judge(POLICY, &keys, &commit(who, who, "m\n"));
            assert_eq!(found.is_empty(), passes, "{keys} {who} {found:?}");
        }
    }

    #[test]
    fn a_trailer_names_the_sponsor() {
        let rule = "sponsor_trailer = \"Co-authored-by\"";
        let who = "X <x@y>";
        for (message, passes) in [
            ("m\n\nCo-authored-by: Dana <dana@acme.dev>\n", true),
            ("m\n\nco-authored-BY: Whoever <DANA@acme.dev>\nSigned-off-by: X <x@y>\n", true),
            ("m\n\nCo-authored-by: Dana <dana@acme.dev>\n\nmore\n", false),
            ("m\nCo-authored-by: Dana <dana@acme.dev>\n", false),
            ("m\n\nCo-authored-by: dana@acme.dev\n", false),
            ("m\n\nCo-authored-by: Dana <dana@acme.dev> <x@y>\n", false),
            ("m\n\nCo-authored-by: Dana <eve@acme.dev>\n", false),
            ("m\n\nSigned-off-by: Dana <dana@acme.dev>\n", false),
            ("", false),
        ] {
            let found = judge(POLICY, rule, &commit(who, who, message));
            assert_eq!(found.is_empty(), passes, "{message} {found:?}");
        }
        let alone = POLICY.replace("sponsor = \"dana\"", "");
        let named = commit(who, who, "m\n\nCo-authored-by: Dana <dana@acme.dev>\n");
        assert_eq!(
            judge(&alone, rule, &named),
            ["refuse r the message does not name the sponsor in a `Co-authored-by` trailer, \
              and the policy knows no address of a sponsor"]
        );
    }

    #[test]
    fn tags_have_a_tagger() {
        let who = |tagger: &str, keys: &str| {
            let raw = format!("object {}\ntype commit\ntag v1\n{tagger}\nm\n", id(9));
            let mut facts = one(vec![change("a")]);
            facts.updates[0].tags.push(TagFacts {
                id: id(30),
                name: "v1".into(),
                message: "m\n".into(),
                has_tagger: !tagger.is_empty(),
                raw: raw.into(),
                sightings: Vec::new(),
            });
            let text = format!("{POLICY}[rule.r]\nkind = \"identity\"\nthen = \"refuse\"\n{keys}\n");
            let found = judge_examined(&text, facts, &Memory::default(), b"");
            found.iter().filter(|f| f.contains(" r ")).count()
        };
        let rule = "tagger = \"principal\"";
        assert_eq!(who("tagger X <claude-1@agents.acme.dev> 1 +0000\n", rule), 0);
        assert_eq!(who("tagger X <dana@acme.dev> 1 +0000\n", rule), 1);
        assert_eq!(who("", rule), 1);
        assert_eq!(who("tagger X <dana@acme.dev> 1 +0000\n", "author = \"principal\""), 0);
    }

    #[test]
    fn the_fix_knows_the_pushers_own_addresses_only() {
        let fix = |policy: &str, keys: &str| {
            let text = format!("{policy}[rule.r]\nkind = \"identity\"\nthen = \"refuse\"\n{keys}\n");
            let raw = commit("E <e@e>", "E <e@e>", "m\n");
            examined_fixes(&text, one(vec![change("a")]), &Memory::default(), raw.as_bytes()).swap_remove(0)
        };
        let table = [
            (
                POLICY.to_owned(),
                "author = \"principal\"",
                "git commit --amend --no-edit --author='Claude One <claude-1@agents.acme.dev>', push again",
            ),
            (
                POLICY.to_owned(),
                "author = \"known\"\ndomains = \"acme.dev\"",
                "git commit --amend --no-edit --author='Dana D <dana@acme.dev>', push again",
            ),
            (
                POLICY.to_owned(),
                "committer = \"principal\"",
                "git config user.email claude-1@agents.acme.dev && git commit --amend --no-edit, push again",
            ),
            (POLICY.replace("sponsor = \"dana\"", ""), "author = \"sponsor\"", "ask the people who run this gate"),
            (
                POLICY.to_owned(),
                "sponsor_trailer = \"Helped-by\"",
                "git commit --amend --no-edit --trailer 'Helped-by: Dana D <dana@acme.dev>', push again",
            ),
        ];
        for (policy, keys, expected) in table {
            assert_eq!(fix(&policy, keys), expected, "{keys}");
        }
    }
}
