//! NeuronIO pickles written by hand, opcode by opcode, as Python 2 writes them.

use elm_data::neuronio::NUM_SEGMENTS;
use half::f16;

/// What to write; the default is a right file of one simulation of 20 ms.
pub struct Content {
    pub seconds: f64,
    pub segments: usize,
    pub excitatory: Vec<(i64, Vec<i64>)>,
    pub inhibitory: Vec<(i64, Vec<i64>)>,
    pub output: Vec<f32>,
    pub soma: Vec<f32>,
    /// Shape written for the soma voltage, when not its length.
    pub soma_shape: Option<i32>,
    /// Leave this key out.
    pub without: &'static str,
    /// Remember every value, as Python does, or none.
    pub remember: bool,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            seconds: 0.02,
            segments: NUM_SEGMENTS,
            excitatory: vec![(0, vec![0, 3, 19]), (638, vec![3, 7]), (5, vec![])],
            inhibitory: vec![(2, vec![3, 4])],
            output: vec![4.5, 12.0],
            soma: (0..20).map(|t| -76.0 + 0.5 * t as f32).collect(),
            soma_shape: None,
            without: "",
            remember: true,
        }
    }
}

/// Writes opcodes and counts memo positions.
struct Writer {
    out: Vec<u8>,
    next: u32,
    scalar: Option<u32>,
    int64: Option<u32>,
    remember: bool,
}

impl Writer {
    fn put(&mut self) -> Option<u32> {
        if !self.remember {
            return None;
        }
        let at = self.next;
        self.next += 1;
        if let Ok(short) = u8::try_from(at) {
            self.out.extend([b'q', short]);
        } else {
            self.out.push(b'r');
            self.out.extend(at.to_le_bytes());
        }
        Some(at)
    }

    /// Recalls `at`; `false` when there is nothing to recall.
    fn recall(&mut self, at: Option<u32>) -> bool {
        let Some(at) = at else { return false };
        if let Ok(short) = u8::try_from(at) {
            self.out.extend([b'h', short]);
        } else {
            self.out.push(b'j');
            self.out.extend(at.to_le_bytes());
        }
        true
    }

    fn string(&mut self, bytes: &[u8]) {
        self.out.push(b'T');
        self.out.extend((bytes.len() as u32).to_le_bytes());
        self.out.extend(bytes);
        self.put();
    }

    fn key(&mut self, key: &str) {
        self.out.extend([b'U', key.len() as u8]);
        self.out.extend(key.as_bytes());
        self.put();
    }

    fn global(&mut self, module: &str, name: &str) -> Option<u32> {
        self.out.extend(format!("c{module}\n{name}\n").as_bytes());
        self.put()
    }

    fn dtype(&mut self, name: &str) -> Option<u32> {
        self.global("numpy", "dtype");
        self.key(name);
        self.out.extend(b"K\x00K\x01\x87"); // 0, 1, TUPLE3
        self.put();
        self.out.push(b'R');
        let at = self.put();
        self.out
            .extend(b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb");
        at
    }

    fn integer(&mut self, value: i64) {
        if !self.recall(self.scalar) {
            self.scalar = self.global("numpy.core.multiarray", "scalar");
        }
        if !self.recall(self.int64) {
            self.int64 = self.dtype("i8");
        }
        self.out.extend([b'U', 8]);
        self.out.extend(value.to_le_bytes());
        self.put();
        self.out.push(0x86);
        self.put();
        self.out.push(b'R');
        self.put();
    }

    fn halves(&mut self, values: &[f32], shape: Option<i32>) {
        self.global("numpy.core.multiarray", "_reconstruct");
        self.global("numpy", "ndarray");
        self.out.extend(b"K\x00\x85U\x01b\x87R");
        self.put();
        self.out.extend(b"(K\x01J");
        self.out
            .extend(shape.unwrap_or(values.len() as i32).to_le_bytes());
        self.out.push(0x85);
        self.dtype("f2");
        self.out.push(0x89);
        let raw: Vec<u8> = values
            .iter()
            .flat_map(|v| f16::from_f32(*v).to_le_bytes())
            .collect();
        self.string(&raw);
        self.out.extend(b"tb");
    }

    fn trains(&mut self, trains: &[(i64, Vec<i64>)]) {
        self.out.push(b'}');
        self.put();
        self.out.push(b'(');
        for (segment, times) in trains {
            self.integer(*segment);
            self.out.push(b']');
            self.put();
            self.out.push(b'(');
            for time in times {
                self.integer(*time);
            }
            self.out.push(b'e');
        }
        self.out.push(b'u');
    }
}

/// The pickle of `content`.
pub fn python2(content: &Content) -> Vec<u8> {
    let remember = content.remember;
    let mut w = Writer {
        out: b"\x80\x02}(".to_vec(),
        next: 1,
        scalar: None,
        int64: None,
        remember,
    };
    w.key("Params");
    w.out.extend(b"}(");
    w.key("totalSimDurationInSec");
    w.out.push(b'G');
    w.out.extend(content.seconds.to_be_bytes());
    w.key("allSegmentsType");
    w.out.extend(b"](");
    for _ in 0..content.segments {
        w.out.extend(b"U\x05basal");
    }
    w.out.extend(b"eu");
    w.key("Results");
    w.out.push(b'}');
    w.key("listOfSingleSimulationDicts");
    w.out.extend(b"]}(");
    let field = |w: &mut Writer, key: &'static str, write: &dyn Fn(&mut Writer)| {
        if key != content.without {
            w.key(key);
            write(w);
        }
    };
    field(&mut w, "exInputSpikeTimes", &|w| {
        w.trains(&content.excitatory)
    });
    field(&mut w, "inhInputSpikeTimes", &|w| {
        w.trains(&content.inhibitory)
    });
    field(&mut w, "outputSpikeTimes", &|w| {
        w.halves(&content.output, None)
    });
    field(&mut w, "somaVoltageLowRes", &|w| {
        w.halves(&content.soma, content.soma_shape)
    });
    w.out.extend(b"uasu."); // close the simulation, append it, set the list, close Results' pair and the root
    w.out
}
