//! The state as a picture of the window. Changes nothing, asks nobody.

mod page;
mod queue;

use super::canvas::{Pen, Role};
use super::desk::MayDecide;
use super::input::Input;
use super::open::Open;
use super::overview::age;
use super::screen::Colors;
use super::state::{Dialog, Message, State};
use ratatui_core::buffer::Buffer;

pub(super) fn draw(state: &State, colors: Colors, picture: &mut Buffer) {
    let rows = picture.area.height;
    let first = u16::from(rows > 2);
    if first > 0 {
        title(state, &mut Pen::new(picture, 0, colors));
    }
    let body = Window { first, end: rows.saturating_sub(1), colors };
    match (&state.dialog, &state.push) {
        (Some(Dialog::Help), _) => help(picture, &body),
        (_, Some(open)) => page::draw(open, picture, &body),
        (_, None) => queue::draw(state, picture, &body),
    }
    last_line(state, &mut Pen::new(picture, rows.saturating_sub(1), colors));
}

/// The rows between title and last line.
struct Window {
    first: u16,
    end: u16,
    colors: Colors,
}

impl Window {
    fn rows(&self) -> std::ops::Range<u16> {
        self.first..self.end
    }
}

fn title(state: &State, pen: &mut Pen<'_>) {
    let text = match &state.push {
        None => match state.queue.len() {
            1 => "refgate review: 1 push is held".to_owned(),
            count => format!("refgate review: {count} pushes are held"),
        },
        Some(open) => {
            let waiting = &open.held.waiting;
            let page = match open.commit {
                None => "overview".to_owned(),
                Some(commit) => format!("commit {} of {}", commit + 1, open.held.commits.len()),
            };
            let first_ref = waiting.refs.first().map_or("", String::as_str);
            format!("{page}: {} {first_ref}, {}", waiting.repo, age(waiting.since, state.now))
        }
    };
    pen.text(" ", Role::Bar);
    pen.text(&text, Role::Bar);
    pen.fill(Role::Bar);
}

fn last_line(state: &State, pen: &mut Pen<'_>) {
    match (&state.message, &state.dialog) {
        (Some(Message::Told(text)), _) => pen.text(text, Role::Strong),
        (Some(Message::Failed(text)), _) => pen.text(text, Role::Refuse),
        (None, Some(Dialog::Help)) => pen.text("any key goes back", Role::Dim),
        (None, Some(Dialog::Approve)) => {
            if let Some(open) = &state.push {
                pen.text(&question(open), Role::Hold);
            }
        }
        (None, Some(Dialog::Reject(input))) => prompt("reject, because: ", input, pen),
        (None, Some(Dialog::Search(input))) => prompt("/", input, pen),
        (None, None) => pen.text(hint(state), Role::Dim),
    }
}

fn hint(state: &State) -> &'static str {
    match state.push.as_ref().map(|open| open.held.waiting.verdict) {
        None => "Enter opens  R refreshes  / searches  ? help  q quits",
        Some(MayDecide::Decide) => "a approve  r reject  Tab next finding  ] file  } commit  ? help  q back",
        Some(MayDecide::OnlyLook) => "not yours to decide  Tab next finding  ] file  } commit  ? help  q back",
    }
}

fn question(open: &Open) -> String {
    let unseen = open.held.commits.len().saturating_sub(open.seen.len());
    match unseen {
        0 => "approve this push? y/n".to_owned(),
        1 => "1 commit not looked at. approve? y/n".to_owned(),
        unseen => format!("{unseen} commits not looked at. approve? y/n"),
    }
}

/// Shows the end of what was typed if it is longer than the line.
fn prompt(label: &str, input: &Input, pen: &mut Pen<'_>) {
    pen.text(label, Role::Strong);
    let room = usize::from(pen.columns_left()).saturating_sub(2).max(1);
    let mut start = input.text().chars().count().saturating_sub(room);
    // Wide characters take the room of two.
    let mut columns = 0;
    for (at, c) in input.text().chars().collect::<Vec<_>>().iter().enumerate().rev() {
        columns += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(1);
        if columns > room {
            start = start.max(at + 1);
            break;
        }
    }
    let shown: String = input.text().chars().skip(start).collect();
    pen.text(&shown, Role::Plain);
    pen.text(" ", Role::Bar);
}

const HELP: [(&str, &str); 15] = [
    ("j k, arrows", "down, up"),
    ("space b, PgDn PgUp", "page down, page up; after the last page the next commit"),
    ("d u", "half a page down, up"),
    ("g G", "start, end"),
    ("h l, left right", "shift a long line"),
    ("Enter", "open the push, the finding, the commit"),
    ("Tab, Shift-Tab", "next, previous finding, in the next commits too"),
    ("] [", "next, previous file; then commit"),
    ("} {", "next, previous commit"),
    ("/ n N", "search, again, backwards"),
    ("a", "approve (asks)"),
    ("r", "reject (asks for a reason)"),
    ("R", "refresh"),
    ("q", "back; from the queue, quit"),
    ("H R W", "at the left: a finding that holds, refuses, warns"),
];

fn help(picture: &mut Buffer, window: &Window) {
    for (y, (keys, text)) in window.rows().zip(HELP) {
        let mut pen = Pen::new(picture, y, window.colors);
        pen.text(" ", Role::Plain);
        pen.field(keys, 20, Role::Strong);
        pen.text(text, Role::Plain);
    }
}
