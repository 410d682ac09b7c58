//! Takes in what one rule sees in one place.

use crate::model::{Effect, Fix, Sighting};

/// Sightings of one rule in one file or object kept; more are counted in the last one's message.
const SIGHTINGS_MAX: usize = 20;

/// For one call of one rule.
#[derive(Debug)]
pub struct Spotted<'a> {
    rule: usize,
    then: Effect,
    sightings: &'a mut Vec<Sighting>,
    kept: usize,
    more: usize,
    strongest: Option<Effect>,
}

impl<'a> Spotted<'a> {
    /// For the rule at this place, with its own effect.
    pub fn new(rule: usize, then: Effect, sightings: &'a mut Vec<Sighting>) -> Self {
        Self { rule, then, sightings, kept: 0, more: 0, strongest: None }
    }

    /// The rule speaks, with its own effect.
    pub fn add(&mut self, line: Option<u32>, message: impl Into<String>, fix: Fix) {
        self.push(Sighting { rule: self.rule, effect: None, line, message: message.into(), fix });
    }

    /// The rule speaks with another effect than its own.
    pub fn add_as(&mut self, effect: Effect, line: Option<u32>, message: impl Into<String>, fix: Fix) {
        self.push(Sighting { rule: self.rule, effect: Some(effect), line, message: message.into(), fix });
    }

    /// The rule speaks, with this effect or its own, whichever is weaker.
    pub fn add_at_most(&mut self, effect: Effect, line: Option<u32>, message: impl Into<String>, fix: Fix) {
        self.add_as(effect.min(self.then), line, message, fix);
    }

    /// The rule could not do its work here: that refuses, whatever its effect.
    pub fn unable(&mut self, message: impl Into<String>) {
        self.add_as(Effect::Refuse, None, message, Fix::Ask);
    }

    fn push(&mut self, sighting: Sighting) {
        // A stronger one is never dropped for weaker ones that came first.
        let effect = Some(sighting.effect.unwrap_or(self.then));
        if self.kept >= SIGHTINGS_MAX && effect <= self.strongest {
            self.more += 1;
            return;
        }
        self.strongest = self.strongest.max(effect);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stronger_one_is_kept_however_many_came_before() {
        let mut sightings = Vec::new();
        let mut spotted = Spotted::new(3, Effect::Hold, &mut sightings);
        for line in 0..100 {
            spotted.add_at_most(Effect::Warn, Some(line), "weak", Fix::Undo);
        }
        spotted.add(Some(100), "own", Fix::Undo);
        spotted.add(Some(101), "own", Fix::Undo);
        spotted.unable("unable");
        drop(spotted);
        let effects: Vec<_> = sightings.iter().map(|s| s.effect).collect();
        assert_eq!(effects[..20], [Some(Effect::Warn); 20]);
        assert_eq!(effects[20..], [None, Some(Effect::Refuse)]);
        assert_eq!(sightings[21].message, "unable (and 81 more here)");
        let mut sightings = Vec::new();
        Spotted::new(3, Effect::Warn, &mut sightings).add_at_most(Effect::Refuse, None, "x", Fix::Undo);
        assert_eq!(sightings[0].effect, Some(Effect::Warn), "no louder than the rule itself");
    }
}
