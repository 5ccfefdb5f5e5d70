//! Tab-separated values, line by line: no quoting, lines end in `\n` or `\r\n`; blank lines and a byte-order mark before
//! the first one are left out.

use std::ops::Range;

use crate::{DataError, Result};

/// What some editors write before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Number (from 1) and place of each line of `bytes`, without its end; blank lines count and are left out.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, Range<usize>)> {
    let all = (1..).zip(all_lines(bytes));
    all.filter(|(_, range)| bytes[range.clone()].iter().any(|byte| *byte != b' '))
}

fn all_lines(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = match bytes.starts_with(BYTE_ORDER_MARK) {
        true => BYTE_ORDER_MARK.len(),
        false => 0,
    };
    std::iter::from_fn(move || {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..length]
            .strip_suffix(b"\r")
            .unwrap_or(&rest[..length]);
        let range = start..start + line.len();
        start += length + 1;
        Some(range)
    })
}

/// The `N` columns of a line, as ranges within it.
///
/// # Errors
/// The number of columns that were found instead.
pub(super) fn columns<const N: usize>(
    line: &[u8],
) -> std::result::Result<[Range<usize>; N], usize> {
    let mut tabs = memchr::memchr_iter(b'\t', line);
    let mut columns = [const { 0..0 }; N];
    let mut start = 0;
    for (found, column) in columns.iter_mut().enumerate() {
        let end = match tabs.next() {
            Some(tab) if found + 1 < N => tab,
            None if found + 1 == N => line.len(),
            Some(_) => return Err(N + 1 + tabs.count()),
            None => return Err(found + 1),
        };
        *column = start..end;
        start = end + 1;
    }
    Ok(columns)
}

/// A class below `classes`, which tools also write as a float (`0.0`, `9.0`).
pub(super) fn class(text: &[u8], classes: usize) -> Option<u8> {
    let number: f32 = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    (0..=u8::MAX)
        .take(classes)
        .find(|class| f32::from(*class) == number)
}

/// Bytes of a file for a message: cut after 40, what is not text escaped.
pub(super) fn shown(bytes: &[u8]) -> String {
    let (head, more) = match bytes.get(..40) {
        Some(head) if bytes.len() > 40 => (head, "…"),
        _ => (bytes, ""),
    };
    format!("\"{}{more}\"", head.escape_ascii())
}

/// Refuses to cut sequences to nothing.
pub(super) fn check_max_length(max_length: usize) -> Result<()> {
    if max_length == 0 {
        return Err(DataError::request(
            "max_length: expected at least 1 step, found 0",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<&[u8]> {
        lines(bytes).map(|(_, range)| &bytes[range]).collect()
    }

    #[test]
    fn lines_end_with_or_without_carriage_return_or_not_at_all() {
        assert_eq!(texts(b"ab\r\ncd\n"), [b"ab", b"cd"]);
        assert_eq!(texts(b"ab\ncd"), [b"ab", b"cd"]);
        assert!(texts(b"").is_empty());
    }

    #[test]
    fn blank_lines_and_a_byte_order_mark_are_left_out_but_counted() {
        let bytes = b"\xef\xbb\xbfab\r\n\r\n  \ncd\n\n";
        let found: Vec<_> = lines(bytes).map(|(n, range)| (n, &bytes[range])).collect();
        assert_eq!(found, [(1, &b"ab"[..]), (4, b"cd")]);
        assert!(texts(b"\r\n").is_empty());
        assert!(texts(b"\xef\xbb\xbf").is_empty());
        // tabs are columns
        assert_eq!(texts(b"\t\n"), [b"\t"]);
    }

    #[test]
    fn a_wrong_number_of_columns_is_counted() {
        assert_eq!(columns::<3>(b"a\t\tbc"), Ok([0..1, 2..2, 3..5]));
        assert_eq!(columns::<3>(b"a\tb"), Err(2));
        assert_eq!(columns::<3>(b""), Err(1));
        assert_eq!(columns::<2>(b"a\tb\t"), Err(3));
        assert_eq!(columns::<2>(b"a\tb\tc\td\te"), Err(5));
    }

    #[test]
    fn labels_may_be_floats() {
        for (text, label) in [
            ("0", Some(0)),
            ("1", Some(1)),
            ("0.0", Some(0)),
            ("1.0", Some(1)),
        ] {
            assert_eq!(class(text.as_bytes(), 2), label);
        }
        for text in ["", "2", "0.5", "-1", "nan", "yes"] {
            assert_eq!(class(text.as_bytes(), 2), None, "{text}");
        }
        assert_eq!(class(b"\xff", 2), None);
        assert_eq!([class(b"9.0", 10), class(b"10", 10)], [Some(9), None]);
    }
}
