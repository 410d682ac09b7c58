//! Which humans of the policy the owners of a file are.

use crate::model::{PrincipalKind, PrincipalName};
use crate::policy::Policy;
use crate::policy::codeowners::{Demand, Owner};
use crate::policy::people::{People, Person};

impl Policy {
    /// Who can meet a demand, each once; fewer than it asks for, if the policy does not know them. Never agents or CI.
    #[must_use]
    pub fn owners(&self, demand: &Demand) -> Vec<&PrincipalName> {
        let mut names: Vec<&PrincipalName> =
            demand.owners.iter().flat_map(|owner| humans(owner, &self.people)).map(|p| &p.principal.name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn humans<'p>(owner: &Owner, people: &'p People) -> Vec<&'p Person> {
    let mut found: Vec<&Person> = match owner {
        Owner::User(name) => match people.by_handle(name) {
            Some(person) => vec![person],
            None => group(&[name], people),
        },
        Owner::Team(path) => {
            let last = path.rsplit('/').next().unwrap_or_default();
            group(&[&path.replace('/', "-"), last], people)
        }
        Owner::Email(address) => people.everybody().filter(|p| p.has_email(address.as_bytes())).collect(),
        // Who has a role at the forge is not known here.
        Owner::Role(_) => Vec::new(),
    };
    found.retain(|person| person.principal.kind == PrincipalKind::Human);
    found
}

/// Who is in the first of these groups that there is. Forges do not tell upper from lower case; of two groups that
/// differ in nothing else, only the one written the same is meant.
fn group<'p>(names: &[&str], people: &'p People) -> Vec<&'p Person> {
    for name in names {
        let mut alike = people.groups().keys().filter(|group| group.eq_ignore_ascii_case(name));
        let group = match (people.groups().get_key_value(*name), alike.next(), alike.next()) {
            (Some((group, _)), _, _) | (None, Some(group), None) => group,
            (None, Some(_), Some(_)) => return Vec::new(),
            (None, None, _) => continue,
        };
        return people.members(group).collect();
    }
    Vec::new()
}
