//! Numbers of a call, one after the other.
#![cfg_attr(feature = "fusion", allow(dead_code))] // such a client writes none

use burn::backend::ir::ScalarIr;

use crate::equations::{HiddenActivation, OutputActivation};
use crate::scan::layer::{LayerSpec, Masked, SourceKind, ops::Wanted};
use crate::scan::memory::ScanSpec;
use crate::scan::neuron::ops::{FirstLayer, InputGradient, NeuronCall};

/// What is left to read of a call's numbers.
pub(super) type Numbers<'a> = std::slice::Iter<'a, ScalarIr>;

/// What can be sent as numbers.
pub(super) trait Carried: Sized {
    fn write(&self, to: &mut Vec<ScalarIr>);
    /// The value that was written; none if these are no such numbers.
    fn read(from: &mut Numbers<'_>) -> Option<Self>;
}

/// The numbers of a value.
pub(super) fn numbers(value: &impl Carried) -> Vec<ScalarIr> {
    let mut numbers = Vec::new();
    value.write(&mut numbers);
    numbers
}

impl Carried for () {
    fn write(&self, _: &mut Vec<ScalarIr>) {}
    fn read(_: &mut Numbers<'_>) -> Option<Self> {
        Some(())
    }
}

impl Carried for usize {
    fn write(&self, to: &mut Vec<ScalarIr>) {
        to.push(ScalarIr::UInt(*self as u64));
    }
    fn read(from: &mut Numbers<'_>) -> Option<Self> {
        match from.next()? {
            ScalarIr::UInt(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }
}

impl Carried for f64 {
    fn write(&self, to: &mut Vec<ScalarIr>) {
        to.push(ScalarIr::Float(*self));
    }
    fn read(from: &mut Numbers<'_>) -> Option<Self> {
        match from.next()? {
            ScalarIr::Float(number) => Some(*number),
            _ => None,
        }
    }
}

impl Carried for bool {
    fn write(&self, to: &mut Vec<ScalarIr>) {
        to.push(ScalarIr::Bool(*self));
    }
    fn read(from: &mut Numbers<'_>) -> Option<Self> {
        match from.next()? {
            ScalarIr::Bool(flag) => Some(*flag),
            _ => None,
        }
    }
}

impl<T: Carried> Carried for Option<T> {
    fn write(&self, to: &mut Vec<ScalarIr>) {
        self.is_some().write(to);
        if let Some(value) = self {
            value.write(to);
        }
    }
    fn read(from: &mut Numbers<'_>) -> Option<Self> {
        match bool::read(from)? {
            true => T::read(from).map(Some),
            false => Some(None),
        }
    }
}

impl<A: Carried, B: Carried> Carried for (A, B) {
    fn write(&self, to: &mut Vec<ScalarIr>) {
        self.0.write(to);
        self.1.write(to);
    }
    fn read(from: &mut Numbers<'_>) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?))
    }
}

/// A struct: its fields in this order.
macro_rules! fields {
    ($name:ident { $($field:ident),* }) => {
        impl Carried for $name {
            fn write(&self, to: &mut Vec<ScalarIr>) {
                let $name { $($field),* } = self;
                $($field.write(to);)*
            }
            fn read(from: &mut Numbers<'_>) -> Option<Self> {
                $(let $field = Carried::read(from)?;)*
                Some($name { $($field),* })
            }
        }
    };
}

/// An enum: which of these it is.
macro_rules! choices {
    ($name:ident [$($choice:ident),*]) => {
        impl Carried for $name {
            fn write(&self, to: &mut Vec<ScalarIr>) {
                let place = [$($name::$choice),*].iter().position(|choice| choice == self);
                // all choices are listed, or a test of them fails
                place.unwrap_or(usize::MAX).write(to);
            }
            fn read(from: &mut Numbers<'_>) -> Option<Self> {
                [$($name::$choice),*].get(usize::read(from)?).copied()
            }
        }
    };
}

choices!(HiddenActivation[Relu, Silu, SquaredRelu]);
choices!(OutputActivation[Identity, Relu, Spike]);
choices!(FirstLayer[Apart, Folded]);
choices!(InputGradient[Wanted, NotWanted]);
choices!(SourceKind[Dense, OneHot]);
fields!(ScanSpec {
    memory,
    hidden_layers,
    hidden,
    activation
});
fields!(NeuronCall {
    scan,
    trace_decay,
    first_layer
});
fields!(Masked {
    input,
    recurrent,
    memory
});
fields!(Wanted { input, timescales });
fields!(LayerSpec {
    inputs,
    neurons,
    branches,
    per_branch,
    memory,
    hidden_layers,
    hidden,
    activation,
    branch_decay,
    high_pass_decay,
    output
});

/// What of a layer's call is not in its tensors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LayerNumbers {
    pub spec: LayerSpec,
    pub source: SourceKind,
    pub gain: f64,
    pub masked: Masked,
}

fields!(LayerNumbers {
    spec,
    source,
    gain,
    masked
});

#[cfg(all(test, not(feature = "fusion")))]
mod tests {
    use super::*;

    fn comes_back<T: Carried + PartialEq + std::fmt::Debug>(value: T) {
        let sent = numbers(&value);
        let mut left = sent.iter();
        assert_eq!(T::read(&mut left), Some(value));
        assert!(left.next().is_none());
        // cut short, it is no such value
        for count in 0..sent.len() {
            assert_eq!(T::read(&mut sent[..count].iter()), None);
        }
    }

    #[test]
    fn what_is_sent_comes_back() {
        use HiddenActivation::*;
        for activation in [Relu, Silu, SquaredRelu] {
            for output in [
                OutputActivation::Identity,
                OutputActivation::Relu,
                OutputActivation::Spike,
            ] {
                for source in [SourceKind::Dense, SourceKind::OneHot] {
                    comes_back(LayerNumbers {
                        spec: LayerSpec {
                            inputs: 1,
                            neurons: 2,
                            branches: 3,
                            per_branch: 4,
                            memory: 5,
                            hidden_layers: 6,
                            hidden: 7,
                            activation,
                            branch_decay: Some(0.1),
                            high_pass_decay: None,
                            output,
                        },
                        source,
                        gain: -0.0,
                        masked: Masked {
                            input: true,
                            recurrent: false,
                            memory: true,
                        },
                    });
                }
            }
        }
        for first_layer in [FirstLayer::Apart, FirstLayer::Folded] {
            let scan = ScanSpec {
                memory: 1,
                hidden_layers: 0,
                hidden: usize::MAX,
                activation: Silu,
            };
            for trace_decay in [None, Some(f64::MIN_POSITIVE)] {
                let sent = numbers(&NeuronCall {
                    scan,
                    trace_decay,
                    first_layer,
                });
                let found = NeuronCall::read(&mut sent.iter());
                let found = found.map(|c| (c.scan, c.trace_decay, c.first_layer));
                assert_eq!(found, Some((scan, trace_decay, first_layer)));
            }
        }
        for wanted in [InputGradient::Wanted, InputGradient::NotWanted] {
            comes_back(wanted);
        }
        comes_back(Wanted {
            input: false,
            timescales: true,
        });
    }

    #[test]
    fn other_numbers_are_refused() {
        assert_eq!(
            HiddenActivation::read(&mut [ScalarIr::UInt(3)].iter()),
            None
        );
        assert_eq!(usize::read(&mut [ScalarIr::Float(3.0)].iter()), None);
        assert_eq!(f64::read(&mut [ScalarIr::UInt(3)].iter()), None);
        assert_eq!(bool::read(&mut [ScalarIr::Int(1)].iter()), None);
    }
}
