//! Puts hits together: pairs, the same value found twice, line numbers.

use super::candidate::Found;
use crate::secret::rule::Rule;
use crate::secret::{Certainty, Hit};

pub(super) fn finish(rules: &'static [Rule], mut found: Vec<Found>, bytes: &[u8]) -> Vec<Hit> {
    // The surest first, and what was found as it stands before what was decoded.
    found.sort_by(|a, b| {
        let order = |hit: &Found| (hit.span.start, std::cmp::Reverse(hit.certainty), hit.encoding.is_some(), hit.rule);
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

/// How many of the hits before one are compared with it.
const REPEATS_LOOKED_AT: usize = 16;

/// One hit for one value of one rule at one place, and none of a mere possibility where something surer is.
fn without_repeats(hits: Vec<Hit>) -> Vec<Hit> {
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    let mut sure_until = 0;
    for hit in hits {
        let is_repeat = kept.iter().rev().take(REPEATS_LOOKED_AT).any(|other| {
            other.span.end > hit.span.start && other.rule.id == hit.rule.id && other.certainty >= hit.certainty
        });
        let is_shadowed = hit.certainty == Certainty::Possible && hit.span.start < sure_until;
        if is_repeat || is_shadowed {
            continue;
        }
        if hit.certainty > Certainty::Possible {
            sure_until = sure_until.max(hit.span.end);
            // Those that reach this far are the last ones; there may be very many before.
            let last = kept.split_off(kept.len().saturating_sub(REPEATS_LOOKED_AT));
            let stays = |other: &Hit| other.certainty > Certainty::Possible || other.span.end <= hit.span.start;
            kept.extend(last.into_iter().filter(stays));
        }
        kept.push(hit);
    }
    kept
}
