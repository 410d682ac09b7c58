//! The queue: a line for each push that waits.

use super::Window;
use crate::review::canvas::{Pen, Role};
use crate::review::desk::{MayDecide, Waiting};
use crate::review::overview::age;
use crate::review::state::State;
use ratatui_core::buffer::Buffer;

/// Narrower windows show only age, ref and reason.
const WIDE_COLUMNS: u16 = 70;
/// In wider ones there is room for the sponsor.
const SPONSOR_COLUMNS: u16 = 110;

pub(super) fn draw(state: &State, picture: &mut Buffer, window: &Window) {
    if state.queue.is_empty() {
        Pen::new(picture, window.first, window.colors).text(" nothing is held", Role::Plain);
        return;
    }
    let shown = state.queue.iter().enumerate().skip(state.list.top);
    for (y, (number, waiting)) in window.rows().zip(shown) {
        let mut pen = Pen::new(picture, y, window.colors);
        let is_selected = number == state.list.cursor;
        pen.text(if is_selected { ">" } else { " " }, Role::Strong);
        line(waiting, &age(waiting.since, state.now), &mut pen);
        if is_selected {
            pen.select();
        }
    }
}

fn line(waiting: &Waiting, age: &str, pen: &mut Pen<'_>) {
    let role = match waiting.verdict {
        MayDecide::Decide => Role::Plain,
        MayDecide::OnlyLook => Role::Dim,
    };
    let more = |count: usize| if count > 1 { format!(" +{}", count - 1) } else { String::new() };
    let reason = format!("{}{}", waiting.first_rule, more(waiting.findings));
    let name = format!("{}{}", waiting.refs.first().map_or("", String::as_str), more(waiting.refs.len()));
    let total = pen.columns_left();
    let mut field = |text: &str, columns: u16, role: Role| {
        pen.field(text, columns, role);
        pen.text(" ", Role::Plain);
    };
    field(age, 4, role);
    if total < WIDE_COLUMNS {
        field(&name, total / 2, role);
        pen.text(&reason, Role::Hold);
        return;
    }
    // The rest is for the names, which may be long.
    let rest = total - 5;
    let who = match &waiting.sponsor {
        Some(sponsor) if total >= SPONSOR_COLUMNS => format!("{} ({sponsor})", waiting.principal),
        Some(_) | None => waiting.principal.to_string(),
    };
    field(waiting.repo.as_str(), rest / 9, role);
    field(&who, rest / 7, role);
    field(&name, rest / 3, role);
    field(&reason, rest / 5, Role::Hold);
    pen.text(&waiting.missing, role);
}
