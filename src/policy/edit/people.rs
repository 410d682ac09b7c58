//! New principals, their keys, and who is in a group.

use super::document::{Entry, entry, items, text_of};
use super::{Draft, EditError, NewKey, NewPrincipal, Told, list};
use crate::model::{PrincipalKind, PrincipalName};
use crate::policy::people::read_key;
use crate::policy::show::quoted;
use crate::strict;
use std::fmt::Write;

/// The tables of principals.
pub const SECTIONS: [(&str, PrincipalKind); 3] =
    [("agent", PrincipalKind::Agent), ("human", PrincipalKind::Human), ("ci", PrincipalKind::Ci)];

impl<'d, 't> Draft<'d, 't> {
    pub fn add_principal(&mut self, new: &NewPrincipal) -> Told {
        let NewPrincipal { kind, name, keys, sponsor, emails } = new;
        if let Ok(kind) = self.known(name) {
            return Err(EditError::Exists { kind, name: name.clone() });
        }
        if let Some(sponsor) = sponsor.as_ref().filter(|sponsor| !self.before.people.is_human(sponsor.as_str())) {
            return Err(EditError::NoHuman(sponsor.clone()));
        }
        if keys.is_empty() {
            return Err(EditError::NoKey);
        }
        let mut table = format!("[{}.{}]\n", kind.as_str(), quoted(name.as_str()));
        let _ = writeln!(table, "keys = {}", list(&self.lines(name, keys)?)?);
        if !emails.is_empty() {
            let _ = writeln!(table, "emails = {}", list(emails)?);
        }
        if let Some(sponsor) = sponsor {
            let _ = writeln!(table, "sponsor = {}", strict::quoted(sponsor.as_str()));
        }
        let own = SECTIONS.iter().filter(|(_, other)| other == kind);
        let mut after = None;
        for (section, _) in own.chain(SECTIONS.iter().filter(|(_, other)| other != kind)) {
            let all = self.document.section(section)?;
            let ends = all.iter().flat_map(|entry| self.document.leaves(entry.span(), entry.value));
            after = after.or(ends.map(|leaf| leaf.span.end).max());
        }
        self.splices.add_table(self.document, after, &table);
        let sponsor = sponsor.as_ref().map(|sponsor| format!(", sponsor {sponsor}")).unwrap_or_default();
        Ok((format!("policy: add {} {name}{sponsor}", kind.as_str()), Vec::new()))
    }

    pub fn add_keys(&mut self, name: &PrincipalName, keys: &[NewKey]) -> Told {
        let person = self.person(name)?;
        let lines = self.lines(name, keys)?;
        match entry(person.value, "keys") {
            Some(old) => {
                let lines: Vec<String> = lines.iter().map(|line| strict::quoted(line)).collect();
                self.splices.add_items(self.document, old.value, &lines);
            }
            None => self.splices.add_entry(self.document, person.value, &format!("keys = {}", list(&lines)?))?,
        }
        let prints: Vec<String> = keys.iter().map(NewKey::fingerprint).collect();
        let what = if keys.len() == 1 { "a key" } else { "keys" };
        Ok((format!("policy: add {what} to {name}"), prints))
    }

    pub fn remove_key(&mut self, name: &PrincipalName, fingerprint: &str) -> Told {
        let person = self.person(name)?;
        let unknown = || EditError::KeyUnknown(name.clone(), crate::model::Escaped(fingerprint.as_bytes()).to_string());
        let keys = entry(person.value, "keys").ok_or_else(unknown)?;
        let all = items(keys.value);
        let is_it = |text: &str| {
            let key = read_key(text, 0..0, &mut Vec::new());
            key.is_some_and(|key| key.fingerprint(ssh_key::HashAlg::Sha256).to_string() == fingerprint)
        };
        let index = all.iter().position(|item| text_of(item).is_some_and(is_it)).ok_or_else(unknown)?;
        let mut notes = Vec::new();
        if all.len() > 1 {
            self.splices.drop_items(self.document, keys.value, &[index]);
        } else {
            self.splices.drop_entry(self.document, person.value, "keys");
            notes.push(format!("`{name}` has no key any more"));
        }
        Ok((format!("policy: remove a key from {name}"), notes))
    }

    pub fn join(&mut self, group: &str, name: &PrincipalName) -> Told {
        self.known(name)?;
        let list = self.document.find("group", group)?.ok_or_else(|| EditError::NoGroup(shown(group)))?;
        if items(list.value).iter().any(|item| text_of(item) == Some(name.as_str())) {
            return Err(EditError::Member(group.to_owned(), name.clone()));
        }
        self.splices.add_items(self.document, list.value, &[strict::quoted(name.as_str())]);
        Ok((format!("policy: add {name} to the group {group}"), Vec::new()))
    }

    pub fn leave(&mut self, group: &str, name: &PrincipalName) -> Told {
        let list = self.document.find("group", group)?.ok_or_else(|| EditError::NoGroup(shown(group)))?;
        let all = items(list.value);
        let not_member = || EditError::NotMember(group.to_owned(), name.clone());
        let index = all.iter().position(|item| text_of(item) == Some(name.as_str())).ok_or_else(not_member)?;
        if all.len() == 1 {
            return Err(EditError::LastMember(group.to_owned(), name.clone()));
        }
        self.splices.drop_items(self.document, list.value, &[index]);
        Ok((format!("policy: remove {name} from the group {group}"), Vec::new()))
    }

    /// Where a principal is written.
    pub fn person(&self, name: &PrincipalName) -> Result<Entry<'d, 't>, EditError> {
        let kind = self.known(name)?;
        let section = SECTIONS.iter().find(|(_, other)| *other == kind).map_or("agent", |(section, _)| section);
        self.document.find(section, name.as_str())?.ok_or(EditError::Unreadable)
    }

    /// The keys as they are written, none of them known to the policy.
    fn lines(&self, name: &PrincipalName, keys: &[NewKey]) -> Result<Vec<String>, EditError> {
        let taken = keys.iter().find_map(|key| Some((key, self.before.principal_by_key(&key.key)?)));
        if let Some((key, holder)) = taken {
            return Err(EditError::KeyTaken { fingerprint: key.fingerprint(), holder: holder.name.clone() });
        }
        keys.iter().map(|key| key.line(name).ok_or(EditError::Unreadable)).collect()
    }
}

fn shown(text: &str) -> String {
    crate::model::Escaped(text.as_bytes()).to_string()
}
