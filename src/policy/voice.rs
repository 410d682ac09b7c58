//! Who speaks when something is found.

use crate::model::Effect;
use crate::policy::settings::Mode;

/// What speaks: a rule of the policy or a check that is always on.
#[derive(Debug, Clone, Copy)]
pub struct Voice<'a> {
    pub id: &'a str,
    /// Its own; what follows from it if the rule only observes is for the findings to say.
    pub effect: Effect,
    pub mode: Mode,
    /// The admin's own words instead of ours.
    pub message: Option<&'a str>,
    pub fix: Option<&'a str>,
}

impl<'a> Voice<'a> {
    /// A check that no policy can switch off.
    #[must_use]
    pub fn always(id: &'a str) -> Self {
        Self { id, effect: Effect::Refuse, mode: Mode::Enforce, message: None, fix: None }
    }

    /// The same voice with another effect, if one is given.
    #[must_use]
    pub fn instead(self, effect: Option<Effect>) -> Self {
        Self { effect: effect.unwrap_or(self.effect), ..self }
    }

    /// Whether what it says stops a push.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.mode == Mode::Enforce && self.effect > Effect::Warn
    }
}
