//! The memo: values that a pickle can refer back to.
//!
//! Python remembers three values for every spike time (its raw bytes, the argument tuple, the number), Python 3 in
//! protocol 2 five (first the bytes as text, and that with the name of the encoding), hardly ever asks for one again, and
//! there are millions. Runs of such scalars are kept as one number each.

use std::collections::HashMap;

use super::value::{Heap, Object, Value, short};

/// Consecutive memo positions.
#[derive(Debug)]
enum Content {
    /// Values, from this position in [`Memo::values`].
    Values(usize),
    /// Scalars (8 little-endian bytes, tuple of this dtype and the bytes, integer), from this position in
    /// [`Memo::integers`]; where the name `latin1` of an encoding is given, each comes after the bytes as text and the
    /// tuple of that and the name.
    Scalars {
        first: usize,
        dtype: Value,
        latin1: Option<Value>,
    },
}

#[derive(Debug)]
struct Segment {
    start: u32,
    content: Content,
}

/// The memo of one pickle.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    segments: Vec<Segment>,
    values: Vec<Value>,
    integers: Vec<i32>,
    next: u32,
    /// Positions written out of order.
    stray: HashMap<u32, Value>,
}

impl Memo {
    /// The position that the next value in order gets.
    #[inline]
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Bytes in memory.
    pub(crate) fn weight(&self) -> usize {
        // An entry of the map takes its key, its value and about half as much again.
        const STRAY: usize = 3 * size_of::<(u32, Value)>() / 2;
        size_of_val(&*self.segments)
            + size_of_val(&*self.values)
            + size_of_val(&*self.integers)
            + STRAY * self.stray.len()
    }

    /// Whether all positions were written in order: only then do positions seen once keep their value.
    pub(crate) fn in_order(&self) -> bool {
        self.stray.is_empty()
    }

    /// Remembers `value` at `position`.
    pub(crate) fn put(&mut self, position: u32, value: Value) {
        if self.segments.is_empty() && position <= 1 {
            self.next = position; // Python 2 counts from 1, Python 3 from 0
        }
        if position != self.next || position == u32::MAX {
            self.stray.insert(position, value);
            return;
        }
        if !matches!(
            self.segments.last(),
            Some(Segment {
                content: Content::Values(_),
                ..
            })
        ) {
            self.segments.push(Segment {
                start: position,
                content: Content::Values(self.values.len()),
            });
        }
        self.values.push(value);
        self.next += 1;
    }

    /// Remembers `value` at the position after the last.
    pub(crate) fn append(&mut self, value: Value) {
        self.put(self.next, value);
    }

    /// Remembers a scalar of `dtype` (an 8-byte little-endian integer) at the next three positions, or with `latin1`
    /// five.
    #[inline]
    pub(crate) fn put_scalar(&mut self, dtype: Value, latin1: Option<Value>, integer: i32) {
        match self.segments.last() {
            Some(Segment {
                content:
                    Content::Scalars {
                        dtype: last,
                        latin1: name,
                        ..
                    },
                ..
            }) if *last == dtype && *name == latin1 => {}
            _ => {
                let content = Content::Scalars {
                    first: self.integers.len(),
                    dtype,
                    latin1,
                };
                self.segments.push(Segment {
                    start: self.next,
                    content,
                });
            }
        }
        self.integers.push(integer);
        self.next += positions(latin1);
    }

    /// The value at `position`. Parts of a scalar are made again.
    pub(crate) fn get(&self, position: u32, heap: &mut Heap) -> Result<Value, String> {
        if let Some(value) = self.stray.get(&position) {
            return Ok(*value);
        }
        let missing = || {
            format!(
                "the pickle refers to position {position} of its memo, where nothing was stored"
            )
        };
        if position >= self.next {
            return Err(missing());
        }
        let after = self.segments.partition_point(|s| s.start <= position);
        let segment = after
            .checked_sub(1)
            .and_then(|i| self.segments.get(i))
            .ok_or_else(missing)?;
        let offset = (position - segment.start) as usize;
        match segment.content {
            Content::Values(first) => self.values.get(first + offset).copied().ok_or_else(missing),
            Content::Scalars {
                first,
                dtype,
                latin1,
            } => {
                let each = positions(latin1) as usize;
                let integer = i64::from(
                    *self
                        .integers
                        .get(first + offset / each)
                        .ok_or_else(missing)?,
                );
                let bytes = integer.to_le_bytes();
                let raw = short(&bytes).unwrap_or(Value::Ignored);
                let text = |heap: &mut Heap| {
                    let text: String = bytes.iter().map(|b| char::from(*b)).collect();
                    heap.keep_bytes(text.into_bytes())
                };
                // counted from the end: the text form has two more at the front
                match (each - offset % each, latin1) {
                    (1, _) => Ok(Value::Int(integer)),
                    (2, _) => heap.keep(Object::Tuple(Box::new([dtype, raw]))),
                    (4, Some(name)) => {
                        let text = text(heap)?;
                        heap.keep(Object::Tuple(Box::new([text, name])))
                    }
                    (5, _) => text(heap),
                    _ => Ok(raw),
                }
            }
        }
    }
}

/// Memo positions that one scalar takes.
fn positions(latin1: Option<Value>) -> u32 {
    if latin1.is_some() { 5 } else { 3 }
}
