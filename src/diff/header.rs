//! What a commit object says of itself.

use super::Bounds;
use super::value::{Header, Text};
use crate::git::{Objects, ReadError};
use crate::model::ObjectId;
use bstr::ByteSlice;
use gix::objs::Kind;
use jiff::Timestamp;

/// Reads author, committer and message. Of a commit object larger than a blob may be, nothing.
pub(super) fn read(objects: &Objects, id: &ObjectId, bounds: &Bounds) -> Result<Header, ReadError> {
    let (_, size) = objects.header(id)?.ok_or(ReadError::Missing(*id))?;
    if size > bounds.blob_bytes_max {
        return Ok(Header { message: Text { cut: size, ..Text::default() }, ..Header::default() });
    }
    let mut buffer = Vec::new();
    objects.read(id, Kind::Commit, &mut buffer)?;
    Ok(parse(&buffer, bounds))
}

fn parse(commit: &[u8], bounds: &Bounds) -> Header {
    let (fields, message) = commit.split_once_str("\n\n").unwrap_or((commit, b""));
    let field = |name: &[u8]| fields.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let person = |line: &[u8]| Text::start_of(who(line), bounds.line_bytes_max).bytes;
    let author = field(b"author ");
    Header {
        author: person(author),
        author_time: time(author),
        committer: person(field(b"committer ")),
        message: Text::start_of(message.trim_end(), bounds.message_bytes_max),
    }
}

fn who(line: &[u8]) -> &[u8] {
    line.rfind_byte(b'>').and_then(|end| line.get(..=end)).unwrap_or(line)
}

fn time(line: &[u8]) -> Option<Timestamp> {
    let after = line.get(line.rfind_byte(b'>')? + 1..)?;
    let seconds = after.fields().next()?.to_str().ok()?.parse().ok()?;
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_no_more() {
        let bounds = Bounds { message_bytes_max: 4, ..Bounds::default() };
        let table = [
            (&b"tree x\nauthor A > <a@b> 7 +0100\ncommitter C\n\nhello\n"[..], "A > <a@b>", Some(7), "hell", 1),
            (&b"author A <a@b> x\n\n\nm"[..], "A <a@b>", None, "\nm", 0),
            (&b"author A <a@b> 99999999999999999999 +0000"[..], "A <a@b>", None, "", 0),
            (&b""[..], "", None, "", 0),
        ];
        for (commit, author, second, message, cut) in table {
            let header = parse(commit, &bounds);
            assert_eq!(header.author, author);
            assert_eq!(header.author_time.map(Timestamp::as_second), second);
            assert_eq!(header.message, Text { bytes: message.into(), cut });
        }
    }
}
