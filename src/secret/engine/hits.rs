//! Puts hits together: pairs, the same value found twice, line numbers.

use super::candidate::Found;
use crate::secret::rule::Rule;
use crate::secret::{Certainty, Hit};
use std::cmp::Reverse;

pub(super) fn finish(rules: &'static [Rule], mut found: Vec<Found>, bytes: &[u8]) -> Vec<Hit> {
    // The surest first, and what was found as it stands before what was decoded.
    found.sort_by(|a, b| {
        let order = |hit: &Found| (hit.span.start, Reverse(hit.certainty), hit.encoding.is_some(), hit.rule);
        order(a).cmp(&order(b))
    });
    let lines = lines(&found, bytes);
    raise_pairs(rules, &mut found, &lines);
    let mut hits: Vec<Hit> = Vec::with_capacity(found.len());
    for (found, line) in found.into_iter().zip(lines) {
        let Some(rule) = rules.get(found.rule) else { continue };
        hits.push(Hit {
            rule,
            line,
            span: found.span,
            certainty: found.certainty,
            encoding: found.encoding,
            secret: found.secret,
        });
    }
    without_repeats(hits)
}

/// The line of each, which are in order.
fn lines(found: &[Found], bytes: &[u8]) -> Vec<u32> {
    let (mut at, mut line) = (0, 1_u32);
    let mut lines = Vec::with_capacity(found.len());
    for found in found {
        let ends = memchr::memchr_iter(b'\n', bytes.get(at..found.span.start).unwrap_or_default()).count();
        line = line.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
        at = at.max(found.span.start);
        lines.push(line);
    }
    lines
}

/// An id and its secret together are surer than either.
fn raise_pairs(rules: &[Rule], found: &mut [Found], lines: &[u32]) {
    let mut places: Vec<(usize, u32)> = found.iter().zip(lines).map(|(found, line)| (found.rule, *line)).collect();
    places.sort_unstable();
    for (found, line) in found.iter_mut().zip(lines) {
        let Some(pair) = rules.get(found.rule).and_then(|rule| rule.pair.as_ref()) else { continue };
        let Some(partner) = rules.iter().position(|rule| rule.id == pair.rule) else { continue };
        let first = places.partition_point(|place| *place < (partner, line.saturating_sub(pair.lines)));
        let is_near =
            places.get(first).is_some_and(|(rule, near)| *rule == partner && *near <= line.saturating_add(pair.lines));
        if is_near && !found.is_wrong {
            found.certainty = found.certainty.raised();
        }
    }
}

/// How many of the hits before are looked at for one that says more of the same place: a bound on the work.
const NEIGHBOURS: usize = 32;

/// One hit for one value: the surest, of equally sure ones the most special rule's, which comes first in the table.
///
/// A general rule never takes the place of a special one: who lets the general rule be silent still hears of the other.
fn without_repeats(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.span.start, Reverse(hit.span.end), Reverse(hit.certainty)));
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    // How far the hits so far reach, by certainty.
    let mut reach = [0; 3];
    for hit in hits {
        let is_within_surer = (hit.certainty as usize + 1..reach.len()).any(|level| reach[level] >= hit.span.end);
        let is_beside_surer =
            hit.certainty == Certainty::Possible && reach[1..].iter().any(|end| *end > hit.span.start);
        let says_more = |other: &Hit| {
            let is_around = other.span.start <= hit.span.start && other.span.end >= hit.span.end;
            let is_same_rule = other.rule.id == hit.rule.id && other.span.end > hit.span.start;
            other.certainty >= hit.certainty && (is_same_rule || is_around && other.rule.place < hit.rule.place)
        };
        if is_within_surer || is_beside_surer || kept.iter().rev().take(NEIGHBOURS).any(says_more) {
            continue;
        }
        let near = kept.len().saturating_sub(NEIGHBOURS);
        let says_less = |other: &Hit| {
            let is_weaker = other.certainty < hit.certainty || other.rule.place > hit.rule.place;
            let is_within = other.span.start >= hit.span.start && other.span.end <= hit.span.end;
            let is_beside = other.certainty == Certainty::Possible && other.span.end > hit.span.start;
            let is_sure = hit.certainty > Certainty::Possible;
            is_within && is_weaker && other.certainty <= hit.certainty || is_beside && is_sure
        };
        let tail: Vec<Hit> = kept.drain(near..).filter(|other| !says_less(other)).collect();
        kept.extend(tail);
        let level = &mut reach[hit.certainty as usize];
        *level = hit.span.end.max(*level);
        kept.push(hit);
    }
    kept
}
