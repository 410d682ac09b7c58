//! Grants that come and go.

use super::document::{Node, entry, items, text_of};
use super::remove::Left;
use super::{Draft, EditError, NewGrant, Told, list};
use crate::model::{Escaped, PrincipalName, RepoName};
use jiff::Timestamp;
use std::fmt::Write;

impl<'d, 't> Draft<'d, 't> {
    pub fn add_grant(&mut self, new: &NewGrant) -> Told {
        if let Some(unknown) = new.to.iter().find(|name| !self.means_somebody(name)) {
            return Err(EditError::Nobody(Escaped(unknown.as_bytes()).to_string()));
        }
        let allow: Vec<String> = new.allow.iter().map(|kind| kind.as_str().to_owned()).collect();
        let mut table = "[[grant]]\n".to_owned();
        let lists = [("refs", &new.refs), ("allow", &allow), ("write", &new.write), ("read", &new.read)];
        let needed = [("to", &new.to), ("repo", &new.repo)].into_iter();
        for (key, texts) in needed.chain(lists.into_iter().filter(|(_, texts)| !texts.is_empty())) {
            let _ = writeln!(table, "{key} = {}", list(texts)?);
        }
        if let Some(until) = new.until {
            let _ = writeln!(table, "until = {until}");
        }
        let last = self.document.grants()?.into_iter().flat_map(|grant| self.document.leaves(grant.span(), grant));
        let after = last.map(|leaf| leaf.span.end).max();
        self.splices.add_table(self.document, after, &table);
        let shown = |texts: &[String]| texts.iter().map(|t| Escaped(t.as_bytes()).to_string()).collect::<Vec<_>>();
        let (to, repo) = (shown(&new.to).join(" "), shown(&new.repo).join(" "));
        let what = if allow.is_empty() { "read".to_owned() } else { allow.join(", ") };
        Ok((format!("policy: grant {to} {what} in {repo}"), Vec::new()))
    }

    pub fn remove_grants(&mut self, name: &PrincipalName, repo: Option<&RepoName>) -> Told {
        let (own, notes) = self.grants_of(name, repo)?;
        for grant in own {
            let Some(to) = entry(grant, "to") else { continue };
            if self.remove_from(to.value, &[name.to_string()]) == Left::Nobody {
                self.splices.drop_lines(self.document, grant.span(), grant);
                self.gone.grants += 1;
            }
        }
        Ok((format!("policy: take grants{} from {name}", place(repo)), notes))
    }

    pub fn expire_grants(&mut self, name: &PrincipalName, repo: Option<&RepoName>, until: Timestamp) -> Told {
        let (own, notes) = self.grants_of(name, repo)?;
        for grant in own {
            let is_alone = entry(grant, "to").is_some_and(|to| items(to.value).len() == 1);
            if !is_alone {
                return Err(EditError::Shared(self.document.line(grant.span().start), name.clone()));
            }
            match entry(grant, "until") {
                Some(old) => self.splices.replace(old.value, until.to_string()),
                None => self.splices.add_entry(self.document, grant, &format!("until = {until}"))?,
            }
        }
        Ok((format!("policy: end grants{} of {name} at {until}", place(repo)), notes))
    }

    /// The grants that name somebody, and a note on each one that gives by a glob or a group.
    fn grants_of(
        &self,
        name: &PrincipalName,
        repo: Option<&RepoName>,
    ) -> Result<(Vec<&'d Node<'t>>, Vec<String>), EditError> {
        self.known(name)?;
        let index = self.before.people.index(name.as_str());
        let (mut own, mut notes) = (Vec::new(), Vec::new());
        for (grant, compiled) in self.document.grants()?.into_iter().zip(&self.before.grants) {
            let is_theirs = index.is_some_and(|index| compiled.to.contains(index));
            if !is_theirs || !repo.is_none_or(|repo| compiled.is_in(repo)) {
                continue;
            }
            let to = entry(grant, "to").map(|to| items(to.value)).unwrap_or_default();
            let names: Vec<&str> = to.into_iter().filter_map(text_of).collect();
            if names.contains(&name.as_str()) {
                own.push(grant);
            } else {
                let line = self.document.line(grant.span().start);
                notes.push(format!("`{name}` still has the grant of line {line}, by {}", names.join(" ")));
            }
        }
        if own.is_empty() {
            let by = if notes.is_empty() { String::new() } else { format!("\n{}", notes.join("\n")) };
            return Err(EditError::NoGrant(name.clone(), format!("{}{by}", place(repo))));
        }
        Ok((own, notes))
    }

    /// Whether there is a principal or group of this name; a glob may be for those who are to come.
    fn means_somebody(&self, name: &str) -> bool {
        let people = &self.before.people;
        name.contains(['*', '?']) || people.principal(name).is_some() || people.groups().contains_key(name)
    }
}

fn place(repo: Option<&RepoName>) -> String {
    repo.map(|repo| format!(" in {repo}")).unwrap_or_default()
}
