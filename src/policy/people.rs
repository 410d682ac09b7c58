//! Principals and groups, and lists of them as grants and rules write them.

use crate::model::{Escaped, PrincipalKind, PrincipalName};
use crate::policy::Principal;
use crate::policy::pattern::{Pattern, PatternOf, Subject, Who};
use crate::policy::pattern_list::one_or_more;
use crate::policy::source::{Key, Origin};
use crate::strict::{Problem, Span, Table, Value};
use ssh_key::public::KeyData;
use std::collections::{BTreeMap, HashMap};

/// Everybody the policy knows.
#[derive(Debug, Default)]
pub struct People {
    pub(super) list: Vec<Person>,
    by_name: BTreeMap<String, usize>,
    by_key: HashMap<KeyData, usize>,
    by_certificate: HashMap<String, usize>,
    groups: BTreeMap<String, Group>,
}

#[derive(Debug)]
pub struct Person {
    pub principal: Principal,
    /// Addresses this principal commits under.
    pub emails: Vec<String>,
    /// Names this principal commits under; empty: any.
    pub names: Vec<String>,
    /// What else a human is called at the forge, where it is not the name: `@handle` of CODEOWNERS, without the `@`.
    pub handles: Vec<String>,
    pub keys: Vec<KeyData>,
    pub span: Span,
    /// Every setting there is, with its value.
    pub settings: Vec<Key>,
}

impl Person {
    /// Whether it is one of this principal's addresses. ASCII case aside byte for byte: a look-alike is another one.
    #[must_use]
    pub fn has_email(&self, email: &[u8]) -> bool {
        self.emails.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(email))
    }
}

#[derive(Debug)]
pub struct Group {
    pub span: Span,
    members: NameList,
    /// As written.
    pub text: String,
}

/// Who a list of names, globs and groups means.
#[derive(Debug, Default, Clone)]
pub struct NameList {
    /// Indices of principals there are.
    members: Vec<usize>,
    /// Whether an agent is meant, or could be one day.
    pub may_be_agent: bool,
    /// Names and globs that nobody has.
    pub unknown: Vec<(String, Span)>,
    /// Groups named in it.
    pub groups: Vec<String>,
}

const KINDS: [(&str, PrincipalKind); 3] =
    [("agent", PrincipalKind::Agent), ("human", PrincipalKind::Human), ("ci", PrincipalKind::Ci)];

impl People {
    /// Reads `[agent.*]`, `[human.*]`, `[ci.*]` and `[group]`.
    pub fn read(root: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Self {
        let mut people = Self::default();
        let mut keys = Vec::new();
        let mut sponsors = Vec::new();
        let mut handles = Vec::new();
        for (word, kind) in KINDS {
            let Some(mut all) = root.get(word).and_then(|v| v.table(problems)) else { continue };
            for (name, span, value) in all.entries() {
                let Some(index) = people.add(&name, span, kind, problems) else { continue };
                let Some(mut table) = value.table(problems) else { continue };
                keys.extend(table.get("keys").map(|v| (index, Credential::Key, v)));
                keys.extend(table.get("principals").map(|v| (index, Credential::Certificate, v)));
                people.read_emails(index, table.get("emails"), problems);
                people.read_names(index, table.get("names"), problems);
                if kind == PrincipalKind::Agent {
                    sponsors.extend(table.get("sponsor").map(|v| (index, v)));
                }
                if kind == PrincipalKind::Human {
                    handles.extend(table.get("handles").map(|v| (index, v)));
                }
                table.finish(problems);
                if let Some(person) = people.list.get_mut(index) {
                    person.settings = Origin::Policy.keys(&table, &[]);
                }
            }
        }
        people.read_credentials(&keys, problems);
        for (index, value) in sponsors {
            people.read_sponsor(index, value, problems);
        }
        for (index, value) in handles {
            people.read_handles(index, value, problems);
        }
        people.read_groups(root, problems);
        people
    }

    #[must_use]
    pub fn principal(&self, name: &str) -> Option<&Principal> {
        self.person(name).map(|p| &p.principal)
    }

    #[must_use]
    pub fn is_human(&self, name: &str) -> bool {
        self.principal(name).is_some_and(|p| p.kind == PrincipalKind::Human)
    }

    #[must_use]
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.list.get(self.index(name)?)
    }

    pub fn everybody(&self) -> impl Iterator<Item = &Person> {
        self.list.iter()
    }

    /// Whether any key or certificate proves this principal.
    #[must_use]
    pub fn can_log_in(&self, principal: &Principal) -> bool {
        let index = self.index(principal.name.as_str());
        self.by_key.values().chain(self.by_certificate.values()).any(|known| Some(*known) == index)
    }

    pub fn all(&self) -> impl Iterator<Item = &Principal> {
        self.list.iter().map(|person| &person.principal)
    }

    /// Who is in a group; nobody, if there is no such group.
    pub fn members(&self, group: &str) -> impl Iterator<Item = &Person> {
        let members = self.groups.get(group).map(|group| group.members.members.as_slice()).unwrap_or_default();
        members.iter().filter_map(|index| self.list.get(*index))
    }

    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    #[must_use]
    pub fn by_key(&self, key: &KeyData) -> Option<&Principal> {
        self.list.get(*self.by_key.get(key)?).map(|p| &p.principal)
    }

    /// The one principal that has any of these certificate principals.
    #[must_use]
    pub fn by_certificate(&self, names: &[String]) -> Option<&Principal> {
        let mut found = names.iter().filter_map(|n| self.by_certificate.get(n));
        let first = found.next()?;
        if found.any(|other| other != first) {
            return None;
        }
        self.list.get(*first).map(|p| &p.principal)
    }

    #[must_use]
    pub fn groups(&self) -> &BTreeMap<String, Group> {
        &self.groups
    }

    fn add(&mut self, name: &str, span: Span, kind: PrincipalKind, problems: &mut Vec<Problem>) -> Option<usize> {
        let parsed = match PrincipalName::parse(name) {
            Ok(parsed) => parsed,
            Err(error) => {
                problems.push(Problem::new(span, error.to_string()));
                return None;
            }
        };
        let same = self.list.iter().find(|p| p.principal.name.as_str().eq_ignore_ascii_case(name));
        if let Some(other) = same {
            let problem = format!("there is already the {} `{}`", other.principal.kind.as_str(), other.principal.name);
            problems.push(Problem::new(span, problem).help("names differ in more than kind and upper or lower case"));
            return None;
        }
        let index = self.list.len();
        let principal = Principal { name: parsed, kind, sponsor: None };
        let (emails, names, handles, keys, settings) = Default::default();
        self.list.push(Person { principal, emails, names, handles, keys, span, settings });
        self.by_name.insert(name.to_owned(), index);
        Some(index)
    }

    fn read_emails(&mut self, index: usize, value: Option<Value<'_, '_>>, problems: &mut Vec<Problem>) {
        for (email, span) in value.and_then(|v| one_or_more(v, problems)).unwrap_or_default() {
            let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '<' && c != '>';
            if !email.contains('@') || !email.chars().all(is_plain) {
                problems.push(Problem::new(span, "not an e-mail address"));
            } else if let Some(person) = self.list.get_mut(index) {
                person.emails.push(email.to_owned());
            }
        }
    }

    fn read_names(&mut self, index: usize, value: Option<Value<'_, '_>>, problems: &mut Vec<Problem>) {
        for (name, span) in value.and_then(|v| one_or_more(v, problems)).unwrap_or_default() {
            let is_plain = |c: char| !c.is_control() && c != '<' && c != '>';
            if name.trim() != name || name.is_empty() || !name.chars().all(is_plain) {
                problems.push(Problem::new(span, "not a name for the author of a commit"));
            } else if let Some(person) = self.list.get_mut(index) {
                person.names.push(name.to_owned());
            }
        }
    }

    fn read_sponsor(&mut self, index: usize, value: Value<'_, '_>, problems: &mut Vec<Problem>) {
        let Some(name) = value.string(problems) else { return };
        let sponsor = self.principal(name).filter(|_| self.is_human(name)).map(|p| p.name.clone());
        if sponsor.is_none() {
            let problem = Problem::new(value.span(), format!("there is no human `{}`", name.escape_debug()));
            problems.push(problem.help("a sponsor is a [human.NAME] of this file"));
        }
        if let Some(person) = self.list.get_mut(index) {
            person.principal.sponsor = sponsor;
        }
    }

    /// A key or certificate name that two principals have would say nothing about who it is.
    fn read_credentials(&mut self, values: &[(usize, Credential, Value<'_, '_>)], problems: &mut Vec<Problem>) {
        let mut seen: HashMap<(Credential, String), (usize, Span)> = HashMap::new();
        for (index, credential, value) in values {
            for (text, span) in one_or_more(*value, problems).unwrap_or_default() {
                let Some(identity) = self.add_credential(*index, *credential, text, span.clone(), problems) else {
                    continue;
                };
                let Some((other, first)) = seen.insert((*credential, identity), (*index, span.clone())) else {
                    continue;
                };
                let message = match (self.list.get(other), self.list.get(*index)) {
                    (Some(a), Some(b)) if other != *index => {
                        format!("this is given to `{}` and to `{}`", a.principal.name, b.principal.name)
                    }
                    _ => "this is given twice".to_owned(),
                };
                problems.push(Problem::new(first, message.clone()).help("the other place is shown below"));
                problems.push(Problem::new(span, message).help("the other place is shown above"));
            }
        }
    }

    /// Takes one in; gives what it is recognised by.
    fn add_credential(
        &mut self,
        index: usize,
        credential: Credential,
        text: &str,
        span: Span,
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
        match credential {
            Credential::Certificate => {
                if text.is_empty() || text.chars().any(|c| c.is_control() || c == ',') {
                    problems.push(Problem::new(span, "not the name of a certificate's principal"));
                    return None;
                }
                self.by_certificate.insert(text.to_owned(), index);
                Some(text.to_owned())
            }
            Credential::Key => {
                let key = read_key(text, span, problems)?;
                self.by_key.insert(key.key_data().clone(), index);
                if let Some(person) = self.list.get_mut(index) {
                    person.keys.push(key.key_data().clone());
                }
                Some(key.fingerprint(ssh_key::HashAlg::Sha256).to_string())
            }
        }
    }

    fn read_groups(&mut self, root: &mut Table<'_, '_>, problems: &mut Vec<Problem>) {
        let Some(mut table) = root.get("group").and_then(|v| v.table(problems)) else { return };
        for (name, span, value) in table.entries() {
            if PrincipalName::parse(&name).is_err() {
                problems.push(
                    Problem::new(span, "not a name for a group")
                        .help("a name has letters, digits, `.`, `_` and `-`, and starts with a letter or digit"),
                );
                continue;
            }
            if let Some(person) = self.person(&name) {
                let problem = format!("there is already the {} `{name}`", person.principal.kind.as_str());
                problems.push(Problem::new(span, problem));
                continue;
            }
            // Groups are read before any is known here: a group in a group is an unknown name.
            let empty = BTreeMap::new();
            if let Some(members) = NameList::read_with(value, self, &empty, problems) {
                self.groups.insert(name, Group { span, members, text: value.show() });
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Credential {
    Key,
    Certificate,
}

/// A bare key: a certificate is known by its CA, and DSA is broken.
pub fn read_key(text: &str, span: Span, problems: &mut Vec<Problem>) -> Option<ssh_key::PublicKey> {
    let is_plain = |key: &KeyData| !matches!(key, KeyData::Certificate(_) | KeyData::Dsa(_) | KeyData::Other(_));
    let key = ssh_key::PublicKey::from_openssh(text).ok().filter(|key| is_plain(key.key_data()));
    if key.is_none() {
        let help = "write one line of a .pub file: \"ssh-ed25519 AAAA… name\"";
        problems.push(Problem::new(span, "not an OpenSSH public key").help(help));
    }
    key
}

impl Group {
    #[must_use]
    pub fn unknown(&self) -> &[(String, Span)] {
        &self.members.unknown
    }
}

impl NameList {
    /// Reads names, globs and groups.
    pub fn read(value: Value<'_, '_>, people: &People, problems: &mut Vec<Problem>) -> Option<Self> {
        Self::read_with(value, people, &people.groups, problems)
    }

    fn read_with(
        value: Value<'_, '_>,
        people: &People,
        groups: &BTreeMap<String, Group>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let mut list = Self::default();
        for (text, span) in one_or_more(value, problems)? {
            if let Some(group) = groups.get(text) {
                list.members.extend(&group.members.members);
                list.may_be_agent |= group.members.may_be_agent;
                list.groups.push(text.to_owned());
                continue;
            }
            match Pattern::parse(text, PatternOf::Name) {
                Ok(pattern) => list.add(&pattern, text, span, people),
                Err(bad) => problems.push(Problem::new(span, bad.to_string()).help(bad.help())),
            }
        }
        list.members.sort_unstable();
        list.members.dedup();
        Some(list)
    }

    fn add(&mut self, pattern: &Pattern, text: &str, span: Span, people: &People) {
        let before = self.members.len();
        for (index, person) in people.list.iter().enumerate() {
            let name = Subject::name(person.principal.name.as_str().as_bytes());
            if pattern.matches(&name, Who::Anyone) {
                self.members.push(index);
                self.may_be_agent |= person.principal.kind == PrincipalKind::Agent;
            }
        }
        let nobody = self.members.len() == before;
        // A glob may match an agent of tomorrow, a name nobody has now may have been an agent's yesterday.
        self.may_be_agent |= nobody || !pattern.is_literal();
        if nobody {
            self.unknown.push((Escaped(text.as_bytes()).to_string(), span));
        }
    }

    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        self.members.binary_search(&index).is_ok()
    }

    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.members.iter().all(|index| self.contains(*index))
    }
}
