//! The pickle machine: the data opcodes of all protocols, and the few functions that it knows by itself.
//! Nothing in a file is ever executed or looked up by name beyond [`Global`].

use super::fast::IntegerScalar;
use super::memo::Memo;
use super::numpy;
use super::stream::{Fault, Step, Stream};
use super::text;
use super::value::{Global, Heap, List, Object, Value, short};

/// Strings longer than this (bytes) are skipped when they are the content of a field that is not needed.
const LARGE: u64 = 4096;
/// Memory that a pickle may take for each byte of its content, and whatever its content is: what Python writes takes
/// less, but a byte can be made to ask for a hundred.
const MOST_PER_BYTE: u64 = 8;
const MOST_ANYWAY: u64 = 64 << 20;

/// State of the machine.
pub(crate) struct Machine<'a> {
    pub(super) stream: Stream<'a>,
    /// Keys whose values are read; large arrays under other keys are skipped.
    needed: &'static [&'static str],
    pub(super) heap: Heap,
    pub(super) stack: Vec<Value>,
    marks: Vec<usize>,
    pub(super) memo: Memo,
    pub(super) integer_scalar: Option<IntegerScalar>,
}

fn bad<T>(problem: impl Into<String>) -> Step<T> {
    Err(Fault::Content(problem.into()))
}

impl<'a> Machine<'a> {
    pub(crate) fn new(stream: Stream<'a>, needed: &'static [&'static str]) -> Self {
        Self {
            stream,
            needed,
            heap: Heap::default(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Memo::default(),
            integer_scalar: None,
        }
    }

    /// Bytes consumed so far.
    pub(crate) fn position(&self) -> u64 {
        self.stream.position()
    }

    /// Reads the whole pickle; gives its root value. Afterwards [`Machine::into_heap`] has what it points to.
    pub(crate) fn run(&mut self) -> Step<Value> {
        match self.stream.look(text::LOOK)? {
            [0x80, 2..=5, ..] => {}
            [0x80, version, ..] => {
                let version = *version;
                return bad(format!(
                    "expected a pickle of protocol 0 to 5, found protocol {version}: write it again by \
                     pickle.dump(content, file, protocol=4)"
                ));
            }
            [] => return bad("the file is empty, expected a pickle"),
            start if text::starts_pickle(start) => {}
            _ => {
                return bad(
                    "expected a pickle of protocol 0 to 5 (or one compressed by gzip), found something else",
                );
            }
        }
        loop {
            let opcode = self.stream.byte()?;
            if opcode == b'.' {
                break;
            }
            self.step(opcode)?;
            self.check_memory()?;
        }
        if !self.stream.at_end()? {
            return bad(format!(
                "the pickle ends at byte {}, but more bytes follow",
                self.position()
            ));
        }
        self.pop()
    }

    /// Refuses content that takes far more memory than it has bytes.
    fn check_memory(&self) -> Step<()> {
        let taken = self.heap.weight()
            + size_of_val(&*self.stack)
            + size_of_val(&*self.marks)
            + self.memo.weight();
        let most = most_memory(self.position());
        if taken as u64 <= most {
            return Ok(());
        }
        bad(format!(
            "the first {} bytes of the pickle take more than {most} bytes of memory, which data files do not",
            self.position()
        ))
    }

    /// Drops everything but the objects.
    pub(crate) fn into_heap(self) -> Heap {
        self.heap
    }

    fn step(&mut self, opcode: u8) -> Step<()> {
        match opcode {
            b'h' => {
                let position = u32::from(self.stream.byte()?);
                self.recall(position)
            }
            b'j' => {
                let position = u32::from_le_bytes(self.stream.take()?);
                self.recall(position)
            }
            b'q' => {
                let position = u32::from(self.stream.byte()?);
                self.remember(position)
            }
            b'r' => {
                let position = u32::from_le_bytes(self.stream.take()?);
                self.remember(position)
            }
            0x94 => {
                let top = self.top()?;
                self.memo.append(top);
                Ok(())
            }
            b'g' => {
                let position = self.text_position()?;
                self.recall(position)
            }
            b'p' => {
                let position = self.text_position()?;
                self.remember(position)
            }
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(|_| ()),
            b'1' => self.pop_mark().map(|base| self.stack.truncate(base)),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }
            0x80 => self.stream.skip(1),
            0x95 => self.stream.skip(8),
            b'N' | 0x88 | 0x89 | b'J' | b'K' | b'M' | b'G' | 0x8a | 0x8b | b'I' | b'L' | b'F' => {
                self.number(opcode)
            }
            b'S' | b'V' => self.text_line(opcode),
            b'U' | b'T' | b'X' | b'B' | b'C' | 0x8c | 0x8d | 0x8e | 0x96 => self.string(opcode),
            b')' | 0x85 | 0x86 | 0x87 | b't' | b']' | b'}' | b'l' | b'd' | b'a' | b'e' | b's'
            | b'u' | 0x8f | 0x90 | 0x91 => self.container(opcode),
            b'c' | 0x93 | b'R' | 0x81 | b'b' => self.call(opcode),
            _ => bad(format!(
                "opcode 0x{opcode:02x} at byte {} of the pickle is not one that data files use",
                self.position() - 1
            )),
        }
    }

    fn top(&self) -> Step<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(value) if self.stack.len() > floor => Ok(*value),
            _ => bad(format!(
                "the pickle takes a value from an empty stack at byte {}",
                self.position()
            )),
        }
    }

    fn pop(&mut self) -> Step<Value> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    fn pop_mark(&mut self) -> Step<usize> {
        match self.marks.pop() {
            Some(base) => Ok(base),
            None => bad(format!(
                "the pickle lacks a MARK at byte {}",
                self.position()
            )),
        }
    }

    fn remember(&mut self, position: u32) -> Step<()> {
        let top = self.top()?;
        self.memo.put(position, top);
        if !self.memo.in_order() {
            self.integer_scalar = None;
        }
        Ok(())
    }

    fn recall(&mut self, position: u32) -> Step<()> {
        if let Some(known) = self.integer_scalar
            && known.scalar_at == position
        {
            self.stack.push(Value::Global(Global::Scalar));
            return self.integer_scalars(known);
        }
        let value = self.memo.get(position, &mut self.heap)?;
        self.stack.push(value);
        if value == Value::Global(Global::Scalar) {
            self.learn_integer_scalar(position)?;
        }
        Ok(())
    }

    fn number(&mut self, opcode: u8) -> Step<()> {
        let value = match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.stream.take()?))),
            b'K' => Value::Int(i64::from(self.stream.byte()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.stream.take()?))),
            b'G' => Value::Float(f64::from_be_bytes(self.stream.take()?)),
            0x8a => {
                let n = u64::from(self.stream.byte()?);
                self.long(n)?
            }
            0x8b => {
                let n = u64::from(u32::from_le_bytes(self.stream.take()?));
                self.long(n)?
            }
            _ => {
                let line = self.stream.line()?;
                let digits = line.trim_end_matches('L');
                match opcode {
                    // what protocols 0 and 1 write for False and True
                    b'I' if matches!(digits, "00" | "01") => Value::Bool(digits == "01"),
                    b'F' => digits.parse().map_or(Value::Ignored, Value::Float),
                    _ => digits.parse().map_or(Value::Ignored, Value::Int),
                }
            }
        };
        self.stack.push(value);
        Ok(())
    }

    /// A memo position in decimal digits.
    fn text_position(&mut self) -> Step<u32> {
        let line = self.stream.line()?;
        match line.trim().parse() {
            Ok(position) => Ok(position),
            Err(_) => bad(format!(
                "expected a position of the memo at byte {}, found {line:?}",
                self.position()
            )),
        }
    }

    /// A string of protocol 0: a line of text.
    fn text_line(&mut self, opcode: u8) -> Step<()> {
        let most = match self.content_is_not_needed() {
            true => LARGE,
            false => u64::MAX,
        };
        let value = match self.stream.long_line(most)? {
            None => Value::Ignored,
            Some(line) => {
                let bytes = match opcode {
                    b'S' => text::quoted(&line),
                    _ => text::unicode(&line),
                };
                let Some(bytes) = bytes else {
                    return bad(format!(
                        "a string that is not written as Python writes it before byte {}",
                        self.position()
                    ));
                };
                self.heap.keep_bytes(bytes)?
            }
        };
        self.stack.push(value);
        Ok(())
    }

    /// A two's complement integer of `n` bytes; above 64 bits nothing here needs it.
    fn long(&mut self, n: u64) -> Step<Value> {
        if n > 8 {
            self.stream.skip(n)?;
            return Ok(Value::Ignored);
        }
        let raw = self.stream.bytes(n)?;
        let negative = raw.last().is_some_and(|b| b & 0x80 != 0);
        let mut le = [if negative { 0xff } else { 0 }; 8];
        le[..raw.len()].copy_from_slice(&raw);
        Ok(Value::Int(i64::from_le_bytes(le)))
    }

    fn string(&mut self, opcode: u8) -> Step<()> {
        let n = match opcode {
            b'U' | b'C' | 0x8c => u64::from(self.stream.byte()?),
            b'T' | b'X' | b'B' => u64::from(u32::from_le_bytes(self.stream.take()?)),
            _ => u64::from_le_bytes(self.stream.take()?),
        };
        if opcode == b'T' && n > u64::from(i32::MAX.unsigned_abs()) {
            return bad(format!(
                "a string of negative length at byte {}",
                self.position()
            ));
        }
        let value = if n > LARGE && self.content_is_not_needed() {
            self.stream.skip(n)?;
            Value::Ignored
        } else if n <= 14 {
            let n = n as usize;
            match self.stream.look(n)?.get(..n).and_then(short) {
                Some(value) => {
                    self.stream.advance(n);
                    value
                }
                None => return self.stream.skip(n as u64), // reports the end of the stream
            }
        } else {
            let bytes = self.stream.bytes(n)?;
            self.heap.keep_bytes(bytes)?
        };
        self.stack.push(value);
        Ok(())
    }

    /// Whether what is being read belongs to an array that is the value of an unneeded key: the stack then holds key,
    /// array, MARK, and the beginning of its state; in protocol 5 key, `_frombuffer`, MARK.
    fn content_is_not_needed(&self) -> bool {
        // Python 3 may write bytes as the arguments of `encode`, which have a MARK of their own in protocol 0.
        let inner = self.marks.last().and_then(|mark| mark.checked_sub(1));
        let encoded =
            inner.and_then(|below| self.stack.get(below)) == Some(&Value::Global(Global::Encode));
        let Some(&mark) = self.marks.iter().rev().nth(usize::from(encoded)) else {
            return false;
        };
        let (Some(array), Some(key)) = (mark.checked_sub(1), mark.checked_sub(2)) else {
            return false;
        };
        let is_array = self.stack.get(array).is_some_and(|a| {
            *a == Value::Global(Global::FromBuffer)
                || matches!(self.heap.get(*a), Some(Object::Array(_)))
        });
        let key = self.stack.get(key).and_then(|k| self.heap.bytes(k));
        is_array && key.is_some_and(|key| !self.needed.iter().any(|n| n.as_bytes() == key))
    }

    fn container(&mut self, opcode: u8) -> Step<()> {
        match opcode {
            b']' | 0x8f => self.push_object(Object::List(List::Ints(Vec::new()))),
            b'}' => self.push_object(Object::Dict(Vec::new())),
            b')' => self.push_object(Object::Tuple(Box::new([]))),
            0x85..=0x87 => {
                let n = usize::from(opcode - 0x84);
                let floor = self.marks.last().copied().unwrap_or(0);
                match self.stack.len().checked_sub(n) {
                    Some(base) if base >= floor => self.tuple(base),
                    _ => bad(format!(
                        "the pickle takes a value from an empty stack at byte {}",
                        self.position()
                    )),
                }
            }
            b't' => {
                let base = self.pop_mark()?;
                self.tuple(base)
            }
            b'l' | b'd' | 0x91 => {
                let base = self.pop_mark()?;
                let mut object = if opcode == b'd' {
                    Object::Dict(Vec::new())
                } else {
                    Object::List(List::Ints(Vec::new()))
                };
                fill(&mut object, self.stack.get(base..).unwrap_or(&[]))?;
                self.stack.truncate(base);
                self.push_object(object)
            }
            _ => {
                let base = match opcode {
                    b'e' | b'u' | 0x90 => self.pop_mark()?,
                    b'a' => self.stack.len().saturating_sub(1),
                    _ => self.stack.len().saturating_sub(2),
                };
                let target = base.checked_sub(1).and_then(|i| self.stack.get(i));
                let Some(&target) = target else {
                    return bad(format!(
                        "the pickle takes a value from an empty stack at byte {}",
                        self.position()
                    ));
                };
                let wants_list = matches!(opcode, b'a' | b'e' | 0x90);
                let fits = match self.heap.get(target) {
                    Some(Object::List(_)) => wants_list,
                    Some(Object::Dict(_)) => !wants_list,
                    _ => false,
                };
                if !fits {
                    let wanted = if wants_list { "list" } else { "dict" };
                    let found = self.heap.describe(target);
                    return bad(format!(
                        "expected a {wanted} to extend at byte {}, found {found}",
                        self.position()
                    ));
                }
                let items = self.stack.get(base..).unwrap_or(&[]);
                let filled = self.heap.change(target, |object| fill(object, items));
                filled.unwrap_or(Ok(()))?;
                self.stack.truncate(base);
                Ok(())
            }
        }
    }

    fn push_object(&mut self, object: Object) -> Step<()> {
        let value = self.heap.keep(object)?;
        self.stack.push(value);
        Ok(())
    }

    fn tuple(&mut self, base: usize) -> Step<()> {
        let items: Box<[Value]> = self.stack.get(base..).unwrap_or(&[]).into();
        self.stack.truncate(base);
        self.push_object(Object::Tuple(items))
    }

    fn call(&mut self, opcode: u8) -> Step<()> {
        match opcode {
            b'c' => {
                let (module, name) = (self.stream.line()?, self.stream.line()?);
                self.stack
                    .push(Value::Global(Global::find(&module, &name)?));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(module), Some(name)) = (self.heap.bytes(&module), self.heap.bytes(&name))
                else {
                    return bad(format!(
                        "a global without a name at byte {}",
                        self.position()
                    ));
                };
                let global = Global::find(
                    &String::from_utf8_lossy(module),
                    &String::from_utf8_lossy(name),
                )?;
                self.stack.push(Value::Global(global));
            }
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let Value::Global(function) = function else {
                    let found = self.heap.describe(function);
                    return bad(format!(
                        "expected a function to call at byte {}, found {found}",
                        self.position()
                    ));
                };
                let result = numpy::call(&mut self.heap, function, arguments)?;
                self.stack.push(result);
            }
            _ => {
                let (state, target) = (self.pop()?, self.top()?);
                if matches!(self.heap.get(target), Some(Object::Dtype(_))) {
                    self.integer_scalar = None;
                }
                numpy::build(&mut self.heap, target, state)?;
            }
        }
        Ok(())
    }
}

/// Most bytes of memory for `content` bytes of a pickle.
pub(super) fn most_memory(content: u64) -> u64 {
    content.saturating_mul(MOST_PER_BYTE).max(MOST_ANYWAY)
}

/// Appends `items` to a list, or pairs of them to a dict.
fn fill(object: &mut Object, items: &[Value]) -> Step<()> {
    match object {
        Object::List(list) => list.extend(items),
        Object::Dict(pairs) => {
            let (keyed, rest) = items.as_chunks::<2>();
            if !rest.is_empty() {
                return bad("a dict of the pickle has a key without a value");
            }
            pairs.extend(keyed.iter().map(|[key, value]| (*key, *value)));
        }
        _ => {}
    }
    Ok(())
}
