//! Takes in what one rule sees in one place.

use crate::model::{Effect, Fix, Sighting};

/// Sightings of one rule in one file or object kept; more are counted in the last one's message.
const SIGHTINGS_MAX: usize = 20;

/// For one call of one rule.
#[derive(Debug)]
pub struct Spotted<'a> {
    rule: usize,
    sightings: &'a mut Vec<Sighting>,
    kept: usize,
    more: usize,
    strongest: Option<Effect>,
}

impl<'a> Spotted<'a> {
    pub fn new(rule: usize, sightings: &'a mut Vec<Sighting>) -> Self {
        Self { rule, sightings, kept: 0, more: 0, strongest: None }
    }

    /// The rule speaks, with its own effect.
    pub fn add(&mut self, line: Option<u32>, message: impl Into<String>, fix: Fix) {
        self.push(Sighting { rule: self.rule, effect: None, line, message: message.into(), fix });
    }

    /// The rule speaks with another effect than its own.
    pub fn add_as(&mut self, effect: Effect, line: Option<u32>, message: impl Into<String>, fix: Fix) {
        self.push(Sighting { rule: self.rule, effect: Some(effect), line, message: message.into(), fix });
    }

    /// The rule could not do its work here: that refuses, whatever its effect, unless the rule only observes.
    pub fn unable(&mut self, message: impl Into<String>) {
        self.add_as(Effect::Refuse, None, message, Fix::Ask);
    }

    fn push(&mut self, sighting: Sighting) {
        // A stronger one is never dropped for weaker ones that came first.
        let is_stronger = sighting.effect > self.strongest && sighting.effect.is_some();
        if self.kept >= SIGHTINGS_MAX && !is_stronger {
            self.more += 1;
            return;
        }
        self.strongest = self.strongest.max(sighting.effect);
        self.kept += 1;
        self.sightings.push(sighting);
    }
}

impl Drop for Spotted<'_> {
    fn drop(&mut self) {
        if let (1.., Some(last)) = (self.more, self.sightings.last_mut()) {
            last.message.push_str(&format!(" (and {} more here)", self.more));
        }
    }
}
