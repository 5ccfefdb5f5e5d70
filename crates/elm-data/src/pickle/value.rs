//! Values of the pickle machine: 16 bytes each, copied freely; everything bigger lies in one flat [`Heap`], so that
//! neither cycles nor deep nesting in a hostile file can leak memory or overflow the stack when they are dropped.

/// Longest byte string that is held in the value itself.
pub(crate) const SHORT: usize = 14;
/// Most heap objects that an index of 32 bits tells apart, with room to spare.
const MAX_OBJECTS: usize = 1 << 31;

/// What lies on the stack, in the memo, in lists and in dicts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A byte or text string of at most [`SHORT`] bytes.
    Short {
        len: u8,
        bytes: [u8; SHORT],
    },
    /// Index into the [`Heap`].
    Object(u32),
    Global(Global),
    /// A legal value that nothing here needs (raw data of ignored fields, numbers beyond 64 bits, ...).
    Ignored,
}

/// The only names a pickle may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Global {
    /// `numpy.core.multiarray.scalar`.
    Scalar,
    /// `numpy.core.multiarray._reconstruct`.
    Reconstruct,
    /// `numpy.ndarray`.
    Ndarray,
    /// `numpy.dtype`.
    Dtype,
    /// `numpy.core.numeric._frombuffer`, how protocol 5 writes an array.
    FromBuffer,
    /// `_codecs.encode`, Python 3's way to write bytes in protocol 2.
    Encode,
    /// `bytes`, Python 3's way to write no bytes in protocol 2.
    Bytes,
    /// `list`, `tuple`, `set`, `frozenset`, `collections.deque`: all are lists here.
    Sequence,
    /// `dict`, `collections.OrderedDict`, `collections.Counter`: all are dicts here.
    Mapping,
    /// `collections.defaultdict`, a dict whose first argument is a type.
    DefaultDict,
    /// Plain types whose values nothing here needs, such as dates; also what a `defaultdict` is made of.
    Plain,
}

impl Global {
    /// Looks up `module.name`; anything that is not on the list is refused by name.
    pub(crate) fn find(module: &str, name: &str) -> Result<Self, String> {
        Ok(match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Self::Scalar,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => {
                Self::Reconstruct
            }
            ("numpy", "ndarray") => Self::Ndarray,
            ("numpy", "dtype") => Self::Dtype,
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Self::FromBuffer,
            ("_codecs", "encode") => Self::Encode,
            ("__builtin__" | "builtins", "bytes") => Self::Bytes,
            ("__builtin__" | "builtins", "list" | "tuple" | "set" | "frozenset")
            | ("collections", "deque") => Self::Sequence,
            ("__builtin__" | "builtins", "dict") | ("collections", "OrderedDict" | "Counter") => {
                Self::Mapping
            }
            ("collections", "defaultdict") => Self::DefaultDict,
            (
                "__builtin__" | "builtins",
                "int" | "long" | "float" | "bool" | "complex" | "str" | "unicode" | "bytearray"
                | "range" | "xrange" | "slice",
            )
            | ("datetime", "datetime" | "date" | "time" | "timedelta") => Self::Plain,
            _ => {
                return Err(format!(
                    "the pickle asks for `{}.{}`, but data files only need numpy arrays and plain containers",
                    module.escape_debug(),
                    name.escape_debug()
                ));
            }
        })
    }
}

/// Bytes of a character of numpy's type `U`.
const CHARACTER: u32 = 4;

/// Element type of a numpy array or scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dtype {
    /// numpy's letter: `i`, `u`, `f`, `b`, `S`, `U`, or something that is not read.
    pub(crate) kind: u8,
    /// Bytes per element.
    pub(crate) size: u32,
    pub(crate) big_endian: bool,
}

impl Dtype {
    /// Parses `f2`, `<i8`, ...
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (big_endian, rest) = match text.split_first()? {
            (b'>', rest) => (true, rest),
            (b'<' | b'=' | b'|', rest) => (false, rest),
            _ => (false, text),
        };
        let (&kind, digits) = rest.split_first()?;
        let size: u32 = if digits.is_empty() {
            0
        } else {
            std::str::from_utf8(digits).ok()?.parse().ok()?
        };
        // The number after `U` counts characters, which have four bytes.
        let size = size.checked_mul(if kind == b'U' { CHARACTER } else { 1 })?;
        Some(Self {
            kind,
            size,
            big_endian,
        })
    }

    /// The number in `raw`, which is one element; [`Value::Ignored`] for types that nothing here needs.
    pub(crate) fn element(self, raw: &[u8]) -> Value {
        let mut le = [0u8; 8];
        if raw.len() != self.size as usize || raw.len() > 8 {
            return Value::Ignored;
        }
        le[..raw.len()].copy_from_slice(raw);
        if self.big_endian {
            le[..raw.len()].reverse();
        }
        let unsigned = u64::from_le_bytes(le);
        match (self.kind, self.size) {
            (b'i', 1 | 2 | 4 | 8) => {
                let unused = 64 - 8 * self.size;
                Value::Int((unsigned << unused).cast_signed() >> unused)
            }
            (b'u', 1 | 2 | 4 | 8) => i64::try_from(unsigned).map_or(Value::Ignored, Value::Int),
            (b'b', 1) => Value::Bool(unsigned != 0),
            (b'f', 2) => Value::Float(half::f16::from_le_bytes([le[0], le[1]]).to_f64()),
            (b'f', 4) => Value::Float(f64::from(f32::from_le_bytes([le[0], le[1], le[2], le[3]]))),
            (b'f', 8) => Value::Float(f64::from_bits(unsigned)),
            _ => Value::Ignored,
        }
    }

    /// The text in `raw`, which is one element of the types `S` and `U`; numpy fills it up with zeros.
    pub(crate) fn text(self, raw: &[u8]) -> Option<Vec<u8>> {
        match self.kind {
            b'S' => {
                let end = raw.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
                Some(raw[..end].to_vec())
            }
            b'U' => {
                let code = |bytes: &[u8; CHARACTER as usize]| match self.big_endian {
                    true => u32::from_be_bytes(*bytes),
                    false => u32::from_le_bytes(*bytes),
                };
                let codes = raw.as_chunks().0.iter().map(code);
                let text: Option<String> = codes
                    .take_while(|code| *code != 0)
                    .map(char::from_u32)
                    .collect();
                text.map(String::into_bytes)
            }
            _ => None,
        }
    }

    /// The type as numpy prints it.
    pub(crate) fn name(self) -> String {
        format!(
            "{}{}{}",
            if self.big_endian { ">" } else { "" },
            char::from(self.kind).escape_debug(),
            self.size / if self.kind == b'U' { CHARACTER } else { 1 }
        )
    }
}

/// A numpy array: all fields are set at once by its BUILD.
#[derive(Debug)]
pub(crate) struct Array {
    pub(crate) shape: Vec<i64>,
    pub(crate) dtype: Dtype,
    /// Whether the first index runs fastest in `data`.
    pub(crate) fortran: bool,
    /// The raw elements, or `None` when the field is not needed.
    pub(crate) data: Option<Vec<u8>>,
}

/// A list; lists of spike times take four bytes per entry.
#[derive(Debug, Clone)]
pub(crate) enum List {
    Ints(Vec<i32>),
    Values(Vec<Value>),
}

impl List {
    /// Appends `items`.
    pub(crate) fn extend(&mut self, items: &[Value]) {
        if let Self::Ints(ints) = self {
            let before = ints.len();
            ints.reserve_exact(items.len());
            for item in items {
                match item {
                    Value::Int(i) if i32::try_from(*i).is_ok() => ints.push(*i as i32),
                    _ => {
                        ints.truncate(before);
                        *self =
                            Self::Values(ints.iter().map(|&i| Value::Int(i64::from(i))).collect());
                        break;
                    }
                }
            }
        }
        if let Self::Values(values) = self {
            values.extend_from_slice(items);
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ints(v) => v.len(),
            Self::Values(v) => v.len(),
        }
    }
}

/// What a value can point to.
#[derive(Debug)]
pub(crate) enum Object {
    Bytes(Vec<u8>),
    Tuple(Box<[Value]>),
    List(List),
    /// Pairs in the order of arrival; a later pair with the same key replaces an earlier one.
    Dict(Vec<(Value, Value)>),
    Array(Option<Array>),
    Dtype(Dtype),
}

impl Object {
    /// Bytes in memory.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Bytes(bytes) => bytes.len(),
                Self::Tuple(items) => size_of_val(&**items),
                Self::List(List::Ints(ints)) => size_of_val(&**ints),
                Self::List(List::Values(values)) => size_of_val(&**values),
                Self::Dict(pairs) => size_of_val(&**pairs),
                Self::Array(Some(array)) => {
                    size_of_val(&*array.shape) + array.data.as_ref().map_or(0, Vec::len)
                }
                Self::Array(None) | Self::Dtype(_) => 0,
            }
    }
}

/// All objects of one pickle.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    objects: Vec<Object>,
    /// Bytes that they take.
    weight: usize,
}

impl Heap {
    /// Bytes in memory.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Changes the object behind `value`, if there is one; what it grows by counts.
    pub(crate) fn change<R>(
        &mut self,
        value: Value,
        change: impl FnOnce(&mut Object) -> R,
    ) -> Option<R> {
        let Value::Object(i) = value else {
            return None;
        };
        let object = self.objects.get_mut(i as usize)?;
        let before = object.weight();
        let result = change(object);
        self.weight = (self.weight + object.weight()).saturating_sub(before);
        Some(result)
    }

    /// Keeps `object`.
    pub(crate) fn keep(&mut self, object: Object) -> Result<Value, String> {
        if self.objects.len() >= MAX_OBJECTS {
            return Err(format!("the pickle makes more than {MAX_OBJECTS} objects"));
        }
        self.weight += object.weight();
        self.objects.push(object);
        Ok(Value::Object((self.objects.len() - 1) as u32))
    }

    /// A byte string; short ones take no object.
    pub(crate) fn keep_bytes(&mut self, bytes: Vec<u8>) -> Result<Value, String> {
        match short(&bytes) {
            Some(value) => Ok(value),
            None => self.keep(Object::Bytes(bytes)),
        }
    }

    pub(crate) fn get(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(i) => self.objects.get(i as usize),
            _ => None,
        }
    }

    /// The bytes of a string.
    pub(crate) fn bytes<'a>(&'a self, value: &'a Value) -> Option<&'a [u8]> {
        match value {
            Value::Short { len, bytes } => bytes.get(..*len as usize),
            _ => match self.get(*value) {
                Some(Object::Bytes(bytes)) => Some(bytes),
                _ => None,
            },
        }
    }

    /// The items of a tuple, or of a list that holds no bare integers.
    pub(crate) fn items(&self, value: Value) -> Option<&[Value]> {
        match self.get(value) {
            Some(Object::List(List::Values(values))) => Some(values),
            Some(Object::List(List::Ints(ints))) if ints.is_empty() => Some(&[]),
            _ => self.tuple(value),
        }
    }

    pub(crate) fn tuple(&self, value: Value) -> Option<&[Value]> {
        match self.get(value) {
            Some(Object::Tuple(items)) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.get(value) {
            Some(Object::Dict(pairs)) => Some(pairs),
            _ => None,
        }
    }

    /// The value under the string `key`.
    pub(crate) fn field(&self, dict: &[(Value, Value)], key: &str) -> Option<Value> {
        dict.iter()
            .rev()
            .find(|(k, _)| self.bytes(k) == Some(key.as_bytes()))
            .map(|(_, v)| *v)
    }

    /// What a value is, for messages.
    pub(crate) fn describe(&self, value: Value) -> String {
        match value {
            Value::None => "None".into(),
            Value::Bool(_) => "a bool".into(),
            Value::Int(i) => format!("the integer {i}"),
            Value::Float(f) => format!("the number {f}"),
            Value::Short { .. } => "a string".into(),
            Value::Global(_) => "a function".into(),
            Value::Ignored => "a value that is not read".into(),
            Value::Object(_) => match self.get(value) {
                Some(Object::Bytes(_)) | None => "a string".into(),
                Some(Object::Tuple(items)) => format!("a tuple of {}", items.len()),
                Some(Object::List(list)) => format!("a list of {}", list.len()),
                Some(Object::Dict(pairs)) => format!("a dict of {}", pairs.len()),
                Some(Object::Array(Some(a))) => format!(
                    "an array of shape {:?} and type {}",
                    a.shape,
                    a.dtype.name()
                ),
                Some(Object::Array(None)) => "an unfinished array".into(),
                Some(Object::Dtype(_)) => "a dtype".into(),
            },
        }
    }
}

/// A value that holds `bytes` itself, when they are few.
pub(crate) fn short(bytes: &[u8]) -> Option<Value> {
    (bytes.len() <= SHORT).then(|| {
        let mut held = [0; SHORT];
        held[..bytes.len()].copy_from_slice(bytes);
        Value::Short {
            len: bytes.len() as u8,
            bytes: held,
        }
    })
}
