//! A principal goes, and with it every mention by name: whoever gets the name one day must not get its rights.
//!
//! A grant or group that was for nobody else goes too. What would make a rule weaker is refused: an admin decides that.
//! Globs stay as they are: they name nobody.

use super::document::{Entry, Node, entries, entry, items, text_of};
use super::people::SECTIONS;
use super::{Draft, EditError, Told};
use crate::model::PrincipalName;

/// Lists of a rule or repository that name people, where an unknown name is an error.
const STRICT_LISTS: [&str; 2] = ["approvers", "principals"];

impl Draft<'_, '_> {
    pub fn remove_principal(&mut self, name: &PrincipalName) -> Told {
        let person = self.person(name)?;
        self.splices.drop_lines(self.document, person.span(), person.value);
        let mut notes = Vec::new();
        let mut gone = vec![name.to_string()];
        self.remove_sponsor(name, &mut notes)?;
        for group in self.document.section("group")? {
            if self.remove_from(group.value, &gone[..1]) == Left::Nobody {
                self.splices.drop_lines(self.document, group.span(), group.value);
                self.gone.groups.insert(group.name.to_owned());
                notes.push(format!("the group `{}` was for `{name}` alone and is gone", group.name));
                gone.push(group.name.to_owned());
            }
        }
        for grant in self.document.grants()? {
            let line = self.document.line(grant.span().start);
            let Some(to) = entry(grant, "to") else { continue };
            match self.remove_from(to.value, &gone) {
                Left::All => {}
                Left::Some => notes.push(format!("the grant of line {line} is not for `{name}` any more")),
                Left::Nobody => {
                    self.splices.drop_lines(self.document, grant.span(), grant);
                    self.gone.grants += 1;
                    notes.push(format!("the grant of line {line} was for `{name}` alone and is gone"));
                }
            }
        }
        for section in ["rule", "repo"] {
            for table in self.document.section(section)? {
                let named = format!("[{section}.{}]", table.name);
                let mut lists = entries(table.value).into_iter().filter(|entry| STRICT_LISTS.contains(&entry.name));
                lists.try_for_each(|list| self.remove_strictly(&list, &named, &gone, &mut notes))?;
            }
        }
        if let Some(admins) = self.document.root("admins") {
            self.remove_strictly(&admins, "the policy", &gone, &mut notes)?;
        }
        let kind = self.known(name)?.as_str();
        Ok((format!("policy: remove {kind} {name}"), notes))
    }

    fn remove_sponsor(&mut self, name: &PrincipalName, notes: &mut Vec<String>) -> Result<(), EditError> {
        for (section, _) in SECTIONS {
            for other in self.document.section(section)? {
                let sponsor = entry(other.value, "sponsor").and_then(|sponsor| text_of(sponsor.value));
                if sponsor == Some(name.as_str()) {
                    self.splices.drop_entry(self.document, other.value, "sponsor");
                    notes.push(format!("`{}` has no sponsor any more", other.name));
                }
            }
        }
        Ok(())
    }

    /// The same where nobody left would mean more people than before, or all.
    fn remove_strictly(
        &mut self,
        list: &Entry<'_, '_>,
        table: &str,
        gone: &[String],
        notes: &mut Vec<String>,
    ) -> Result<(), EditError> {
        let (name, key) = (gone.first().cloned().unwrap_or_default(), list.name.to_owned());
        match self.remove_from(list.value, gone) {
            Left::All => {}
            Left::Some => notes.push(format!("`{name}` is not in `{key}` of {table} any more")),
            Left::Nobody => return Err(EditError::LastNamed { name, key, table: table.to_owned() }),
        }
        Ok(())
    }

    /// Takes names out of a list that has others; says who is left.
    pub fn remove_from(&mut self, list: &Node<'_>, names: &[String]) -> Left {
        let all = items(list);
        let is_gone = |item: &&Node<'_>| text_of(item).is_some_and(|text| names.iter().any(|name| name == text));
        let gone: Vec<usize> = (0..all.len()).filter(|index| all.get(*index).is_some_and(is_gone)).collect();
        match gone.len() {
            0 => Left::All,
            count if count == all.len() => Left::Nobody,
            _ => {
                self.splices.drop_items(self.document, list, &gone);
                Left::Some
            }
        }
    }
}

/// Who is left in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    All,
    Some,
    Nobody,
}
