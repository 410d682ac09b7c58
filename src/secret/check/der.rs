//! As much DER as it takes to see a private key's outline: tags and lengths, one level at a time.

/// One element: its tag, its content, and what follows it.
pub(super) struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    pub rest: &'a [u8],
}

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// The first element, if its length is a real one and all of it is there.
pub(super) fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (tag, after_tag) = bytes.split_first()?;
    let (first, after_first) = after_tag.split_first()?;
    let (length, body) = if first & 0x80 == 0 {
        (usize::from(*first), after_first)
    } else {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (digits, body) = after_first.split_at_checked(count)?;
        let length = digits
            .iter()
            .try_fold(0usize, |length, digit| length.checked_mul(256)?.checked_add(usize::from(*digit)))?;
        (length, body)
    };
    let (content, rest) = body.split_at_checked(length)?;
    Some(Element { tag: *tag, content, rest })
}

/// The tags of the elements in a row, up to `max` of them, and the first one's content; `None` if they do not parse.
pub(super) fn tags(mut bytes: &[u8], max: usize) -> Option<Vec<u8>> {
    let mut tags = Vec::new();
    while !bytes.is_empty() && tags.len() < max {
        let next = element(bytes)?;
        tags.push(next.tag);
        bytes = next.rest;
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_held_to_what_is_there() {
        let cases: [(&[u8], Option<usize>); 8] = [
            (&[0x30, 0x02, 1, 2], Some(2)),
            (&[0x30, 0x02, 1, 2, 3], Some(2)),
            (&[0x30, 0x03, 1, 2], None),
            (&[0x30, 0x81, 0x02, 1, 2], Some(2)),
            (&[0x30, 0x80, 1, 2], None),
            (&[0x30, 0x85, 0, 0, 0, 0, 1, 1], None),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 1], None),
            (&[0x30], None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(element(bytes).map(|element| element.content.len()), expected, "{bytes:02x?}");
        }
    }
}
