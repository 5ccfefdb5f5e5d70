//! The fast path for spike times: int64 numpy scalars in the form in which Python writes them, millions to a file.

use super::stream::Step;
use super::value::{Dtype, Global, Object, Value};
use super::vm::Machine;

/// A 64-bit little-endian integer type seen at `dtype_at` in the memo, `scalar` at `scalar_at`: what the fast path
/// for spike times compares with.
#[derive(Debug, Clone, Copy)]
pub(super) struct IntegerScalar {
    pub(super) scalar_at: u32,
    dtype_at: u32,
    dtype: Value,
    /// How the 8 bytes are written, when not as bytes.
    text: Option<TextForm>,
}

/// Python 3's way to write bytes in protocol 2: text, to be encoded as latin-1.
#[derive(Debug, Clone, Copy)]
struct TextForm {
    encode_at: u32,
    latin1_at: u32,
    latin1: Value,
}

/// More than the longest form of a scalar (bytes).
const LONGEST: usize = 96;

impl Machine<'_> {
    /// After a memo read of `scalar`: if the one that follows reads a 64-bit integer dtype, later pairs of the same
    /// two reads may take the fast path.
    pub(super) fn learn_integer_scalar(&mut self, scalar_at: u32) -> Step<()> {
        let next = self.memo.next();
        let mut ahead = Ahead::of(self.stream.look(LONGEST)?);
        let Some(dtype_at) = ahead.read().filter(|at| *at < next) else {
            return Ok(());
        };
        let text_at = ahead
            .text_form(next)
            .filter(|(encode, latin1)| *encode < next && *latin1 < next);
        if !self.memo.in_order() {
            return Ok(());
        }
        let text = match text_at {
            Some((encode_at, latin1_at)) => {
                let encode = self.memo.get(encode_at, &mut self.heap)?;
                let latin1 = self.memo.get(latin1_at, &mut self.heap)?;
                if encode != Value::Global(Global::Encode)
                    || self.heap.bytes(&latin1) != Some(b"latin1")
                {
                    return Ok(());
                }
                Some(TextForm {
                    encode_at,
                    latin1_at,
                    latin1,
                })
            }
            None => None,
        };
        let dtype = self.memo.get(dtype_at, &mut self.heap)?;
        let int64 = Dtype {
            kind: b'i',
            size: 8,
            big_endian: false,
        };
        if matches!(self.heap.get(dtype), Some(Object::Dtype(d)) if *d == int64) {
            self.integer_scalar = Some(IntegerScalar {
                scalar_at,
                dtype_at,
                dtype,
                text,
            });
        }
        Ok(())
    }

    /// Fast path: `scalar` lies on the stack; consumes the rest of as many int64 scalars as follow in the form in
    /// which Python writes them (dtype from the memo, 8 bytes, each value remembered), replacing `scalar` by them.
    pub(super) fn integer_scalars(&mut self, known: IntegerScalar) -> Step<()> {
        loop {
            let next = self.memo.next();
            if next > u32::MAX - 8 {
                return Ok(());
            }
            let mut ahead = Ahead::of(self.stream.look(LONGEST)?);
            let Some(integer) = ahead.scalar(&known, next) else {
                return Ok(());
            };
            let length = ahead.taken;
            let follows = ahead.read() == Some(known.scalar_at);
            let length = if follows { ahead.taken } else { length };
            self.stream.advance(length);
            self.stack.pop();
            self.stack.push(Value::Int(i64::from(integer)));
            let latin1 = known.text.map(|form| form.latin1);
            self.memo.put_scalar(known.dtype, latin1, integer);
            if !follows {
                return Ok(());
            }
            self.stack.push(Value::Global(Global::Scalar));
        }
    }
}

/// Bytes ahead in the stream, looked at and not consumed. Every method gives `None` where something else comes, after
/// which `taken` means nothing.
struct Ahead<'a> {
    bytes: &'a [u8],
    taken: usize,
}

impl<'a> Ahead<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, taken: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.taken..).unwrap_or(&[])
    }

    /// The position of a memo read.
    #[inline]
    fn read(&mut self) -> Option<u32> {
        let (position, length) = match self.rest() {
            [b'h', position, ..] => (u32::from(*position), 2),
            [b'j', a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]), 5),
            _ => return None,
        };
        self.taken += length;
        Some(position)
    }

    /// A memo write to `position`.
    #[inline]
    fn write(&mut self, position: u32) -> Option<()> {
        self.taken += match self.rest() {
            [b'r', a, b, c, d, ..] if u32::from_le_bytes([*a, *b, *c, *d]) == position => 5,
            [b'q', p, ..] if u32::from(*p) == position => 2,
            [0x94, ..] => 1,
            _ => return None,
        };
        Some(())
    }

    #[inline]
    fn opcode(&mut self, expected: u8) -> Option<()> {
        self.taken += 1;
        (*self.bytes.get(self.taken - 1)? == expected).then_some(())
    }

    /// A string of 8 bytes, as bytes.
    #[inline]
    fn bytes8(&mut self) -> Option<[u8; 8]> {
        let [b'U' | b'C', 8, rest @ ..] = self.rest() else {
            return None;
        };
        self.taken += 10;
        rest.first_chunk::<8>().copied()
    }

    /// A string of 8 bytes, as text of one character per byte.
    fn text8(&mut self) -> Option<[u8; 8]> {
        let [b'X', length @ 8..=16, 0, 0, 0, rest @ ..] = self.rest() else {
            return None;
        };
        let length = usize::from(*length);
        let text = std::str::from_utf8(rest.get(..length)?).ok()?;
        self.taken += 5 + length;
        let mut out = [0; 8];
        let mut chars = text.chars();
        for byte in &mut out {
            *byte = u8::try_from(u32::from(chars.next()?)).ok()?;
        }
        chars.next().is_none().then_some(out)
    }

    /// Memo positions of `_codecs.encode` and of the name of the encoding, where the bytes of a scalar are written as
    /// text.
    fn text_form(&mut self, next: u32) -> Option<(u32, u32)> {
        let encode = self.read()?;
        self.text8()?;
        self.write(next)?;
        Some((encode, self.read()?))
    }

    /// What follows `scalar` for an int64: dtype from the memo, 8 bytes, TUPLE2, REDUCE, with memo writes in order from
    /// `next` on after each of the last three; the bytes as text take three more.
    #[inline]
    fn scalar(&mut self, known: &IntegerScalar, mut next: u32) -> Option<i32> {
        if self.read()? != known.dtype_at {
            return None;
        }
        let bytes = match known.text {
            None => {
                let bytes = self.bytes8()?;
                self.write(next)?;
                next += 1;
                bytes
            }
            Some(form) => {
                if self.read()? != form.encode_at {
                    return None;
                }
                let bytes = self.text8()?;
                self.write(next)?;
                if self.read()? != form.latin1_at {
                    return None;
                }
                self.opcode(0x86)?;
                self.write(next + 1)?;
                self.opcode(b'R')?;
                self.write(next + 2)?;
                next += 3;
                bytes
            }
        };
        self.opcode(0x86)?;
        self.write(next)?;
        self.opcode(b'R')?;
        self.write(next + 1)?;
        i32::try_from(i64::from_le_bytes(bytes)).ok()
    }
}
