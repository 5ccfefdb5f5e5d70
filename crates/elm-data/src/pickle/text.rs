//! The text of protocol 0.

/// Bytes at the start of a file that [`starts_pickle`] looks at.
pub(crate) const LOOK: usize = 16;

/// Does a file of data whose first bytes are `start` look like a pickle? Protocols 2 to 5 begin with a byte of their
/// own. Protocols 0 and 1 begin with any opcode: those that a dict, a list or one of their relatives begins with count.
pub(crate) fn starts_pickle(start: &[u8]) -> bool {
    const MODULES: [&[u8]; 4] = [
        b"ccollections\n",
        b"c__builtin__\n",
        b"cbuiltins\n",
        b"cnumpy",
    ];
    match start {
        [0x80, ..] | [b'}' | b']', ..] => true,
        // MARK comes before what the opcode after it makes: a dict, a list, the first item, a name
        [b'(', next, ..] => b"dlc(}])NIJKMLFGSTUVX".contains(next),
        _ => MODULES.iter().any(|module| start.starts_with(module)),
    }
}

/// The bytes of a string in quotes, with the escapes of Python 2.
pub(super) fn quoted(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (&quote, rest) = line.split_first()?;
    let (&last, body) = rest.split_last()?;
    if quote != last || !matches!(quote, b'\'' | b'"') {
        return None;
    }
    let mut out = Vec::with_capacity(body.len() / 4);
    let mut bytes = body.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next()? {
            b'x' => digit(bytes.next()?, 16)? << 4 | digit(bytes.next()?, 16)?,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'v' => 0x0b,
            same @ (b'\\' | b'\'' | b'"') => same,
            first @ b'0'..=b'7' => {
                let mut value = u32::from(first - b'0');
                for _ in 0..2 {
                    let mut ahead = bytes.clone();
                    let Some(more) = ahead.next().and_then(|byte| digit(byte, 8)) else {
                        break;
                    };
                    value = value * 8 + u32::from(more);
                    bytes = ahead;
                }
                u8::try_from(value).ok()?
            }
            _ => return None,
        });
    }
    Some(out)
}

/// The text of a line in latin-1 with the escapes `\uXXXX` and `\UXXXXXXXX`, as UTF-8.
pub(super) fn unicode(line: &[u8]) -> Option<Vec<u8>> {
    let mut out = String::with_capacity(line.len());
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digits = match (byte, ahead.next()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                out.push(char::from(byte));
                continue;
            }
        };
        let mut code = 0u32;
        for _ in 0..digits {
            code = code.checked_mul(16)? + u32::from(digit(ahead.next()?, 16)?);
        }
        out.push(char::from_u32(code)?);
        bytes = ahead;
    }
    Some(out.into_bytes())
}

fn digit(byte: u8, radix: u32) -> Option<u8> {
    char::from(byte)
        .to_digit(radix)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_those_of_python() {
        let line = br#"'a\x00\xff\n\\\'\t\1\17\1234'"#;
        assert_eq!(
            quoted(line).unwrap(),
            [b'a', 0, 255, b'\n', b'\\', b'\'', b'\t', 1, 15, 0o123, b'4']
        );
        assert_eq!(quoted(b"\"it's\"\r").unwrap(), b"it's");
        for bad in [
            &b"'"[..],
            b"",
            b"'a",
            b"'a\"",
            b"'\\'",
            b"'\\x0'",
            b"'\\q'",
            b"'\\777'",
        ] {
            assert_eq!(quoted(bad), None, "{}", bad.escape_ascii());
        }
        assert_eq!(
            unicode(b"a\\u00e9\xe9\\n\\U0001F600\\").unwrap(),
            "aéé\\n😀\\".as_bytes()
        );
        assert_eq!(unicode(b"\\u00e"), None);
        assert_eq!(unicode(b"\\UFFFFFFFF"), None);
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(bytes: Vec<u8>) {
            let escaped: String = bytes.iter().map(|b| format!("\\x{b:02x}")).collect();
            prop_assert_eq!(quoted(format!("'{escaped}'").as_bytes()), Some(bytes.clone()));
            let _ = (quoted(&bytes), unicode(&bytes), starts_pickle(&bytes));
        }
    }
}
