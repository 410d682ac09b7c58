//! Who pushes, as rules on authorship and signatures see it.

use crate::policy::Principal;
use crate::policy::people::{People, Person};

/// The principal of a push with what the policy knows of it.
#[derive(Debug)]
pub struct Pusher<'a> {
    pub principal: &'a Principal,
    /// `None` if the policy no longer knows the principal.
    pub person: Option<&'a Person>,
    /// The human who answers for an agent.
    pub sponsor: Option<&'a Person>,
    pub people: &'a People,
}

impl<'a> Pusher<'a> {
    #[must_use]
    pub fn new(principal: &'a Principal, people: &'a People) -> Self {
        let sponsor = principal.sponsor.as_ref().and_then(|name| people.person(name.as_str()));
        Self { principal, person: people.person(principal.name.as_str()), sponsor, people }
    }
}
