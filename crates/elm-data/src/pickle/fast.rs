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
}

impl Machine<'_> {
    /// After a memo read of `scalar`: if the one that follows reads a 64-bit integer dtype, later pairs of the same
    /// two reads may take the fast path.
    pub(super) fn learn_integer_scalar(&mut self, scalar_at: u32) -> Step<()> {
        let Some((dtype_at, _)) = memo_read(self.stream.look(5)?) else {
            return Ok(());
        };
        if dtype_at >= self.memo.next() || !self.memo.in_order() {
            return Ok(());
        }
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
            });
        }
        Ok(())
    }

    /// Fast path: `scalar` lies on the stack; consumes the rest of as many int64 scalars as follow in the form in
    /// which Python writes them (dtype from the memo, 8 bytes, each value remembered), replacing `scalar` by them.
    pub(super) fn integer_scalars(&mut self, known: IntegerScalar) -> Step<()> {
        loop {
            let next = self.memo.next();
            if next > u32::MAX - 4 {
                return Ok(());
            }
            let ahead = self.stream.look(64)?;
            let Some((integer, length)) = scalar_tail(ahead, known.dtype_at, next) else {
                return Ok(());
            };
            let following = memo_read(&ahead[length..]).filter(|(at, _)| *at == known.scalar_at);
            self.stream.advance(length);
            self.stack.pop();
            self.stack.push(Value::Int(i64::from(integer)));
            self.memo.put_triple(known.dtype, integer);
            let Some((_, length)) = following else {
                return Ok(());
            };
            self.stream.advance(length);
            self.stack.push(Value::Global(Global::Scalar));
        }
    }
}

/// A memo read at the start of `ahead`: position and length of the opcode.
#[inline]
fn memo_read(ahead: &[u8]) -> Option<(u32, usize)> {
    match ahead {
        [b'h', position, ..] => Some((u32::from(*position), 2)),
        [b'j', a, b, c, d, ..] => Some((u32::from_le_bytes([*a, *b, *c, *d]), 5)),
        _ => None,
    }
}

/// Length of the memo write to `position` at the start of `ahead`.
#[inline]
fn memo_write(ahead: &[u8], position: u32) -> Option<usize> {
    match ahead {
        [b'r', a, b, c, d, ..] if u32::from_le_bytes([*a, *b, *c, *d]) == position => Some(5),
        [b'q', p, ..] if u32::from(*p) == position => Some(2),
        [0x94, ..] => Some(1),
        _ => None,
    }
}

/// What follows `scalar` for an int64: dtype from memo position `dtype_at`, 8 bytes, TUPLE2, REDUCE, with memo writes
/// to `next`, `next + 1` and `next + 2` after the last three. Gives the integer and the length in bytes.
#[inline]
fn scalar_tail(ahead: &[u8], dtype_at: u32, next: u32) -> Option<(i32, usize)> {
    let (position, mut at) = memo_read(ahead)?;
    if position != dtype_at {
        return None;
    }
    let [b'U' | b'C', 8, rest @ ..] = ahead.get(at..)? else {
        return None;
    };
    let integer = i32::try_from(i64::from_le_bytes(*rest.first_chunk::<8>()?)).ok()?;
    at += 10;
    at += memo_write(ahead.get(at..)?, next)?;
    if *ahead.get(at)? != 0x86 {
        return None;
    }
    at += 1;
    at += memo_write(ahead.get(at..)?, next + 1)?;
    if *ahead.get(at)? != b'R' {
        return None;
    }
    at += 1;
    at += memo_write(ahead.get(at..)?, next + 2)?;
    Some((integer, at))
}
