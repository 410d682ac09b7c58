//! The line that says who and when: `Name <email> seconds zone`.

use super::Cause;

/// The first thing wrong with the value of an `author`, `committer` or `tagger` line, in the order git looks.
pub fn check(line: &[u8]) -> Result<(), Cause> {
    if line.starts_with(b"<") {
        return Err(Cause::MissingNameBeforeEmail);
    }
    let (name, rest) = split_at_bracket(line);
    match rest.first() {
        Some(b'<') => {}
        Some(_) => return Err(Cause::BadName),
        None => return Err(Cause::MissingEmail),
    }
    if !name.ends_with(b" ") {
        return Err(Cause::MissingSpaceBeforeEmail);
    }
    let (_email, rest) = split_at_bracket(rest.get(1..).unwrap_or_default());
    let rest = rest.strip_prefix(b">").ok_or(Cause::BadEmail)?;
    let rest = rest.strip_prefix(b" ").ok_or(Cause::MissingSpaceBeforeDate)?;
    // More than one blank before the date is tolerated, as git does.
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    check_date(rest.get(blanks..).unwrap_or_default())
}

fn split_at_bracket(text: &[u8]) -> (&[u8], &[u8]) {
    let at = text.iter().position(|byte| matches!(byte, b'<' | b'>')).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, &[]))
}

fn check_date(text: &[u8]) -> Result<(), Cause> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (seconds, rest) = text.split_at_checked(digits).ok_or(Cause::BadDate)?;
    match seconds {
        [] => return Err(Cause::BadDate),
        [b'0'] if rest.starts_with(b" ") => {}
        [b'0', ..] => return Err(Cause::ZeroPaddedDate),
        _ => {}
    }
    let number = std::str::from_utf8(seconds).ok().and_then(|digits| digits.parse::<i64>().ok());
    if number.is_none() {
        return Err(Cause::BadDateOverflow);
    }
    let zone = rest.strip_prefix(b" ").ok_or(Cause::BadDate)?;
    match zone {
        [b'+' | b'-', digits @ ..] if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(Cause::BadTimezone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_git_finds() {
        let table: [(&str, Result<(), Cause>); 24] = [
            ("A U Thor <a@b.c> 1234567890 +0100", Ok(())),
            ("A <> 0 -1200", Ok(())),
            (" <a@b> 1 +0000", Ok(())),
            ("A <a@b>  \t 1 +0000", Ok(())),
            ("A <a b> 9223372036854775807 +0000", Ok(())),
            ("A <a@b> 9223372036854775808 +0000", Err(Cause::BadDateOverflow)),
            ("A <a@b> 99999999999999999999999 +0000", Err(Cause::BadDateOverflow)),
            ("<a@b> 1 +0000", Err(Cause::MissingNameBeforeEmail)),
            ("A> <a@b> 1 +0000", Err(Cause::BadName)),
            ("A a@b 1 +0000", Err(Cause::MissingEmail)),
            ("", Err(Cause::MissingEmail)),
            ("A<a@b> 1 +0000", Err(Cause::MissingSpaceBeforeEmail)),
            ("A <a<b> 1 +0000", Err(Cause::BadEmail)),
            ("A <a@b 1 +0000", Err(Cause::BadEmail)),
            ("A <a@b>1 +0000", Err(Cause::MissingSpaceBeforeDate)),
            ("A <a@b> ", Err(Cause::BadDate)),
            ("A <a@b> x +0000", Err(Cause::BadDate)),
            ("A <a@b> 1+0000", Err(Cause::BadDate)),
            ("A <a@b> -1 +0000", Err(Cause::BadDate)),
            ("A <a@b> 01 +0000", Err(Cause::ZeroPaddedDate)),
            ("A <a@b> 1 0000", Err(Cause::BadTimezone)),
            ("A <a@b> 1 +000", Err(Cause::BadTimezone)),
            ("A <a@b> 1 +00000", Err(Cause::BadTimezone)),
            ("A <a@b> 1 +0000 ", Err(Cause::BadTimezone)),
        ];
        for (line, expected) in table {
            assert_eq!(check(line.as_bytes()), expected, "{line}");
        }
    }
}
