//! What humans are called at the forge: `handles`. Whom a file at the forge names is `codeowners`' part.

use crate::model::PrincipalKind;
use crate::policy::pattern_list::one_or_more;
use crate::policy::people::{People, Person};
use crate::strict::{Problem, Value};

impl People {
    /// The human that a forge calls so: by name or by handle, upper and lower case alike.
    #[must_use]
    pub fn by_handle(&self, handle: &str) -> Option<&Person> {
        let is_it = |p: &&Person| p.has_handle(handle) || p.principal.name.as_str().eq_ignore_ascii_case(handle);
        self.list.iter().find(|person| person.principal.kind == PrincipalKind::Human && is_it(person))
    }

    /// A handle that could mean somebody else would let the wrong one approve.
    pub fn read_handles(&mut self, index: usize, value: Value<'_, '_>, problems: &mut Vec<Problem>) {
        for (handle, span) in one_or_more(value, problems).unwrap_or_default() {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if handle.is_empty() || !handle.chars().all(is_plain) {
                let help = "write it without the `@`: letters, digits, `.`, `_` and `-`";
                problems.push(Problem::new(span, "not a user name of a forge").help(help));
                continue;
            }
            let other = self.list.iter().enumerate().find(|(at, person)| {
                let is_name = person.principal.name.as_str().eq_ignore_ascii_case(handle);
                is_name && *at != index || person.has_handle(handle)
            });
            if let Some((at, person)) = other {
                let name = &person.principal.name;
                let is_own = at == index;
                let problem = if is_own { "this is given twice".to_owned() } else { format!("this is also `{name}`") };
                problems.push(Problem::new(span, problem));
            } else if let Some(person) = self.list.get_mut(index) {
                person.handles.push(handle.to_owned());
            }
        }
    }
}

impl Person {
    fn has_handle(&self, handle: &str) -> bool {
        self.handles.iter().any(|own| own.eq_ignore_ascii_case(handle))
    }
}
