//! The rows of a page: overview or diff.

use super::Window;
use crate::diff::{Body, FileDiff, Line, LineKind};
use crate::model::Entry;
use crate::review::canvas::{Pen, Role};
use crate::review::commit_page::letter;
use crate::review::highlight::{self, Inside};
use crate::review::languages::language;
use crate::review::open::Open;
use crate::review::overview::effect_role;
use crate::review::page::{Flag, Row};
use ratatui_core::buffer::Buffer;
use std::ops::Range;

/// Narrower windows show one line number, or none.
const TWO_NUMBERS_COLUMNS: u16 = 60;
const ONE_NUMBER_COLUMNS: u16 = 30;

pub(super) fn draw(open: &Open, picture: &mut Buffer, window: &Window) {
    let shown = open.page.rows.iter().enumerate().skip(open.pane.top);
    for (y, (number, row)) in window.rows().zip(shown) {
        let mut pen = Pen::new(picture, y, window.colors);
        pen.text(if number == open.pane.cursor { ">" } else { " " }, Role::Strong);
        draw_row(open, row, &mut pen);
    }
}

fn draw_row(open: &Open, row: &Row, pen: &mut Pen<'_>) {
    let shift = open.pane.shift;
    match row {
        Row::Text { text, role, .. } => pen.bytes(text, shift, &|_| *role),
        Row::Finding { flag, text } => {
            gutter(Some(*flag), pen);
            pen.bytes(text.as_bytes(), shift, &|_| effect_role(flag.1));
        }
        Row::File { file, flag } => {
            gutter(*flag, pen);
            if let Some(file) = open.page.file(*file) {
                draw_file(file, shift, pen);
            }
        }
        Row::Hunk { file, hunk, flag, rule } => {
            gutter(*flag, pen);
            if let Some(hunk) = open.page.hunk(*file, *hunk) {
                pen.text(&hunk.range(), Role::Meta);
            }
            if let Some((_, effect)) = flag {
                pen.text("  ", Role::Plain);
                pen.text(rule, effect_role(*effect));
            }
        }
        Row::Line { file, hunk, line, flag, inside } => {
            gutter(*flag, pen);
            if let (Some(line), Some(file)) = (open.page.line(*file, *hunk, *line), open.page.file(*file)) {
                draw_line(line, &file.path, *inside, shift, pen);
            }
        }
    }
}

fn gutter(flag: Flag, pen: &mut Pen<'_>) {
    match flag {
        Some((_, effect)) => pen.text(letter(effect), effect_role(effect)),
        None => pen.text(" ", Role::Plain),
    }
    pen.text(" ", Role::Plain);
}

/// `M src/main.rs  +3 -1`
fn draw_file(file: &FileDiff, shift: u16, pen: &mut Pen<'_>) {
    let kind = |entry: Entry| entry.mode & 0o170000;
    let what = match (file.old, file.new) {
        (None, _) => "A ",
        (_, None) => "D ",
        (Some(old), Some(new)) if kind(old) != kind(new) => "T ",
        (Some(_), Some(_)) => "M ",
    };
    pen.text(what, Role::Strong);
    pen.bytes(&file.path, shift, &|_| Role::Strong);
    if let Body::Hunks { added, removed, .. } = &file.body {
        pen.text(&format!("  +{added}"), Role::Added);
        pen.text(&format!(" -{removed}"), Role::Removed);
    }
}

fn draw_line(line: &Line, path: &[u8], inside: Inside, shift: u16, pen: &mut Pen<'_>) {
    let (sign, role) = match line.kind {
        LineKind::Context => (" ", Role::Plain),
        LineKind::Added => ("+", Role::Added),
        LineKind::Removed => ("-", Role::Removed),
    };
    numbers(line, pen);
    pen.text(sign, role);
    let colors = match line.kind {
        LineKind::Removed => Vec::new(),
        LineKind::Context | LineKind::Added => colors(path, inside, &line.text.bytes),
    };
    pen.bytes(&line.text.bytes, shift, &|at| {
        let before = colors.partition_point(|(range, _)| range.end <= at);
        colors.get(before).filter(|(range, _)| range.start <= at).map_or(role, |(_, role)| *role)
    });
    if line.text.cut > 0 {
        pen.text(&format!(" [{} more bytes]", line.text.cut), Role::Meta);
    }
    if !line.has_newline {
        pen.text(" [no newline at the end]", Role::Dim);
    }
}

fn numbers(line: &Line, pen: &mut Pen<'_>) {
    let number = |number: Option<u32>| number.map_or_else(|| " ".repeat(6), |number| format!("{number:>5} "));
    let columns = pen.columns_left();
    let text = match columns {
        TWO_NUMBERS_COLUMNS.. => number(line.old) + &number(line.new),
        ONE_NUMBER_COLUMNS.. => number(line.new.or(line.old)),
        _ => return,
    };
    pen.text(&text, Role::Dim);
}

fn colors(path: &[u8], inside: Inside, text: &[u8]) -> Vec<(Range<usize>, Role)> {
    let mut found = Vec::new();
    if let Some(language) = language(path) {
        highlight::line(language, inside, text, &mut |range, role| found.push((range, role)));
    }
    found
}
