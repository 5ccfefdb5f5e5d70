//! The header of `.npy` files, versions 1 to 3, which NumPy documents in `numpy.lib.format`.
//!
//! A reader of our own: the arrays are mapped and decoded batch by batch in either byte order, and a header comes from
//! anywhere, so that nothing in it may recurse or allocate.

use std::io::Read;

use super::element::Element;

/// First bytes of every file.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Most bytes of the description; NumPy itself refuses more than 10 000.
const MOST_HEADER: usize = 1 << 16;
/// Most dimensions, as in NumPy.
const MOST_DIMENSIONS: usize = 64;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) element: Element,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
    /// Bytes before the data.
    pub(super) length: usize,
}

impl Header {
    /// Reads a header and leaves the reader at the data.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, String> {
        let cut = |e: std::io::Error| format!("expected the header of an .npy array, found {e}");
        let mut start = [0; 8];
        reader.read_exact(&mut start).map_err(cut)?;
        if !start.starts_with(MAGIC) {
            return Err("expected an .npy array, which starts with \\x93NUMPY".into());
        }
        let (size, before) = match start[6] {
            1 => {
                let mut size = [0; 2];
                reader.read_exact(&mut size).map_err(cut)?;
                (usize::from(u16::from_le_bytes(size)), 10)
            }
            2 | 3 => {
                let mut size = [0; 4];
                reader.read_exact(&mut size).map_err(cut)?;
                let size = u32::from_le_bytes(size);
                (usize::try_from(size).unwrap_or(usize::MAX), 12)
            }
            version => return Err(format!("expected version 1, 2 or 3, found {version}")),
        };
        if size > MOST_HEADER {
            return Err(format!(
                "expected a header of at most {MOST_HEADER} bytes, found {size}"
            ));
        }
        let mut text = vec![0; size];
        reader.read_exact(&mut text).map_err(cut)?;
        let text = String::from_utf8_lossy(&text);
        let mut header = Description::new(&text).parse()?;
        header.length = before + size;
        Ok(header)
    }

    /// Bytes of the data.
    ///
    /// # Errors
    /// If there are more than can be counted.
    pub(super) fn data_bytes(&self) -> Result<usize, String> {
        let elements = self.shape.iter().try_fold(1_usize, |n, &d| {
            // a zero somewhere does not excuse the other sizes
            n.max(1).checked_mul(d.max(1))
        });
        let bytes = elements.and_then(|n| n.checked_mul(self.element.size));
        match bytes {
            Some(_) if self.shape.contains(&0) => Ok(0),
            Some(bytes) if isize::try_from(bytes).is_ok() => Ok(bytes),
            _ => Err(format!("the shape {:?} is too large", self.shape)),
        }
    }
}

/// The description in a header: a Python dict of `descr`, `fortran_order` and `shape`.
struct Description<'a> {
    rest: &'a str,
}

impl<'a> Description<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn parse(mut self) -> Result<Header, String> {
        let (mut element, mut fortran_order, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.take("}") {
            let key = self.string()?;
            self.expect(":")?;
            let twice = match key {
                "descr" => {
                    if self.rest.trim_start().starts_with('[') {
                        return Err(
                            "a structured array (with named fields): save each field as an array \
                                    under its own key"
                                .into(),
                        );
                    }
                    let name = self.string()?;
                    element.replace(Element::from_numpy(name)?).is_some()
                }
                "fortran_order" => fortran_order.replace(self.truth()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => {
                    return Err(format!(
                        "header: expected descr, fortran_order and shape, found {key}"
                    ));
                }
            };
            if twice {
                return Err(format!("header: {key} is there twice"));
            }
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        let missing = |name: &str| format!("header: {name} is missing");
        Ok(Header {
            element: element.ok_or_else(|| missing("descr"))?,
            fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
            length: 0,
        })
    }

    /// Takes `token` if it is next.
    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        match self.take(token) {
            true => Ok(()),
            false => Err(self.unexpected(token)),
        }
    }

    fn unexpected(&self, what: &str) -> String {
        let found: String = self.rest.trim_start().chars().take(20).collect();
        format!("header: expected {what}, found `{}`", found.escape_debug())
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = match (self.take("'"), self.take("\"")) {
            (true, _) => '\'',
            (_, true) => '"',
            _ => return Err(self.unexpected("a string")),
        };
        let (string, rest) = self
            .rest
            .split_once(quote)
            .ok_or_else(|| self.unexpected("the end of a string"))?;
        self.rest = rest;
        Ok(string)
    }

    fn truth(&mut self) -> Result<bool, String> {
        match (self.take("True"), self.take("False")) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(self.unexpected("True or False")),
        }
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        self.expect("(")?;
        let mut sizes = Vec::new();
        while !self.take(")") {
            let rest = self.rest.trim_start();
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, rest) = rest.split_at(digits);
            let size = number.parse().map_err(|_| self.unexpected("a size"))?;
            // Python 2 wrote long integers as 10L
            self.rest = rest.strip_prefix('L').unwrap_or(rest);
            sizes.push(size);
            if sizes.len() > MOST_DIMENSIONS {
                return Err(format!("expected at most {MOST_DIMENSIONS} dimensions"));
            }
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn file(version: u8, text: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((text.len() as u16).to_le_bytes()),
            _ => bytes.extend((text.len() as u32).to_le_bytes()),
        }
        bytes.extend(text.as_bytes());
        bytes
    }

    fn read(text: &str) -> Result<Header, String> {
        Header::read(&mut &file(1, text)[..])
    }

    #[test]
    fn headers_of_every_version_and_spelling() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }     \n";
        for version in 1..=3 {
            let bytes = file(version, text);
            let header = Header::read(&mut &bytes[..]).unwrap();
            assert_eq!(header.shape, [3, 4]);
            assert_eq!(header.length, bytes.len());
            assert_eq!(header.data_bytes(), Ok(48));
            assert!(!header.fortran_order);
        }
        let old = read(r#"{"shape": (10L,), "fortran_order": True, "descr": ">i8"}"#).unwrap();
        assert_eq!((old.shape, old.fortran_order), (vec![10], true));
        let scalar = read("{'descr': '<f4', 'fortran_order': False, 'shape': ()}").unwrap();
        assert_eq!(scalar.data_bytes(), Ok(4));
    }

    #[test]
    fn bad_headers_are_told() {
        let with = |descr: &str, shape: &str| {
            format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}")
        };
        for (text, word) in [
            (
                with("[('a', '<f4'), ('b', '<i4')]", "(3,)"),
                "structured array",
            ),
            (with("'|O'", "(3,)"), "pickle"),
            (with("'<f4'", "(-3,)"), "expected a size"),
            (with("'<f4'", "(99999999999999999999,)"), "expected a size"),
            (with("'<f4'", &format!("({})", "1,".repeat(65))), "at most"),
            (with("'<f4'", "(3,"), "expected a size"),
            ("{'descr': '<f4', 'shape': (1,)}".into(), "is missing"),
            (
                "{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}".into(),
                "twice",
            ),
            (
                "{'a': __import__('os')}".into(),
                "expected descr, fortran_order",
            ),
            ("(".repeat(60_000), "expected {"),
            (String::new(), "expected {"),
        ] {
            let problem = read(&text).unwrap_err();
            assert!(problem.contains(word), "{text:.60}: {problem}");
        }
        let large = read(&with("'<f8'", "(4294967296, 4294967296, 0)")).unwrap();
        assert!(large.data_bytes().unwrap_err().contains("too large"));
        let mut long = file(2, "");
        long[8..12].fill(0xff);
        assert!(
            Header::read(&mut &long[..])
                .unwrap_err()
                .contains("at most 65536")
        );
        assert!(Header::read(&mut &file(9, "")[..]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80), version in 1..4_u8) {
            let _ = Header::read(&mut &bytes[..]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let _ = Header::read(&mut &file(version, &text)[..]);
        }

        #[test]
        fn a_cut_or_changed_header_never_panics(at in 0..70_usize, byte in any::<u8>()) {
            let mut bytes = file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n");
            let _ = Header::read(&mut &bytes[..at.min(bytes.len())]);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            if let Ok(header) = Header::read(&mut &bytes[..]) {
                let _ = header.data_bytes();
            }
        }
    }
}
