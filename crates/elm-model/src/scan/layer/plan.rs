//! A connectome that was checked once and ordered for the kernels.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex};

use super::spec::LayerSpec;
use crate::ElmError;

/// The synapses of all neurons in the order in which the kernels walk them: on each branch the feed-forward ones
/// first.
#[derive(Debug)]
pub struct ConnectomePlan {
    /// The connectome `[neuron, synapse]` that this was made from, all below I + N.
    connectome: Vec<u32>,
    /// Source of each synapse in walking order, `[neuron, synapse]`, all below I + N.
    sources: Vec<u32>,
    /// Which synapse of its neuron stands there, `[neuron, synapse]`.
    order: Vec<u32>,
    /// Number of feed-forward synapses of each branch, `[neuron, branch]`.
    feed_forward: Vec<u32>,
    /// Is any synapse recurrent?
    recurrent: bool,
    /// The same on each device that has kernels for it, from the first call there on.
    copies: DeviceCopies,
}

/// Plans of the same connectome are the same.
impl PartialEq for ConnectomePlan {
    fn eq(&self, other: &Self) -> bool {
        self.connectome == other.connectome && self.feed_forward == other.feed_forward
    }
}

impl Eq for ConnectomePlan {}

impl ConnectomePlan {
    /// Checks and orders a connectome `[neuron, synapse]` of the sizes in `spec`.
    ///
    /// # Errors
    /// [`ElmError::Connectome`] if it has another size or names a source that does not exist.
    pub fn new(connectome: Vec<i64>, spec: &LayerSpec) -> Result<Self, ElmError> {
        let sources = spec.inputs + spec.neurons;
        let expected = spec.neurons * spec.synapses();
        let problem = |problem: String| {
            Err(ElmError::Connectome {
                what: "connectome",
                problem,
            })
        };
        if connectome.len() != expected {
            return problem(format!(
                "holds {} synapses, expected {expected} ({} for each of {} neurons)",
                connectome.len(),
                spec.synapses(),
                spec.neurons
            ));
        }
        if sources > u32::MAX as usize {
            return problem(format!("has {sources} sources, expected fewer than 2³²"));
        }
        if let Some(at) = connectome
            .iter()
            .position(|s| !(0..sources as i64).contains(s))
        {
            return problem(format!(
                "of neuron {} reads source {}, expected 0..{sources} ({} inputs and {} neurons)",
                at / spec.synapses(),
                connectome[at],
                spec.inputs,
                spec.neurons
            ));
        }
        let inputs = spec.inputs as i64;
        let mut plan = Self {
            sources: Vec::with_capacity(expected),
            order: Vec::with_capacity(expected),
            feed_forward: Vec::with_capacity(spec.neurons * spec.branches),
            recurrent: connectome.iter().any(|s| *s >= inputs),
            connectome: connectome.iter().map(|s| *s as u32).collect(),
            copies: DeviceCopies::default(),
        };
        for (at, branch) in connectome.chunks_exact(spec.per_branch).enumerate() {
            let first = (at % spec.branches) * spec.per_branch;
            let count = branch.iter().filter(|s| **s < inputs).count();
            plan.feed_forward.push(count as u32);
            for recurrent in [false, true] {
                for (k, source) in branch.iter().enumerate() {
                    if (*source >= inputs) == recurrent {
                        plan.sources.push(*source as u32);
                        plan.order.push((first + k) as u32);
                    }
                }
            }
        }
        Ok(plan)
    }

    /// Source of each synapse in the connectome's own order, `[neuron, synapse]`; every one is below I + N.
    pub fn connectome(&self) -> &[u32] {
        &self.connectome
    }

    /// Source of each synapse in walking order, `[neuron, synapse]`; every one is below I + N.
    pub fn sources(&self) -> &[u32] {
        &self.sources
    }

    /// Which synapse of its neuron stands there, `[neuron, synapse]`; every one is below S.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Number of feed-forward synapses of each branch, `[neuron, branch]`; every one is at most P.
    pub fn feed_forward(&self) -> &[u32] {
        &self.feed_forward
    }

    /// Is any synapse recurrent?
    pub fn recurrent(&self) -> bool {
        self.recurrent
    }

    /// What kernels made of this plan, and what they have learnt from calls with it, by device.
    #[cfg_attr(
        not(feature = "fused"),
        expect(dead_code, reason = "there are no kernels")
    )]
    pub(crate) fn copies(&self) -> &DeviceCopies {
        &self.copies
    }
}

/// What kernels made of a plan, one thing for each device; it stays as long as the plan.
#[derive(Default)]
pub(crate) struct DeviceCopies(Mutex<Vec<Arc<dyn Any + Send + Sync>>>);

impl fmt::Debug for DeviceCopies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceCopies")
    }
}

impl DeviceCopies {
    /// The copy on this device, made by `make` if there is none yet.
    #[cfg_attr(
        not(any(feature = "fused", test)),
        expect(dead_code, reason = "there are no kernels")
    )]
    pub fn get<D, T>(&self, device: &D, make: impl FnOnce() -> T) -> Arc<T>
    where
        D: Clone + PartialEq + Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        // a thread that panicked left whole copies only
        let mut kept = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut here = kept.iter().filter_map(|copy| {
            let (at, copy) = copy.downcast_ref::<(D, Arc<T>)>()?;
            (at == device).then(|| copy.clone())
        });
        if let Some(copy) = here.next() {
            return copy;
        }
        let copy = Arc::new(make());
        kept.push(Arc::new((device.clone(), copy.clone())));
        copy
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::equations::NeuronForm;

    fn spec() -> LayerSpec {
        let form = NeuronForm::network()
            .with_num_memory(1)
            .with_num_branches(Some(2))
            .with_synapses_per_branch(Some(3));
        LayerSpec::new(&form, 4, 2)
    }

    #[test]
    fn feed_forward_synapses_come_first_on_their_branch() {
        let connectome = vec![5, 0, 4, 1, 2, 3, 4, 4, 4, 0, 5, 1];
        let plan = ConnectomePlan::new(connectome, &spec()).unwrap();
        assert_eq!(plan.sources, [0, 5, 4, 1, 2, 3, 4, 4, 4, 0, 1, 5]);
        assert_eq!(plan.order, [1, 0, 2, 3, 4, 5, 0, 1, 2, 3, 5, 4]);
        assert_eq!(plan.feed_forward, [1, 3, 0, 2]);
        assert!(plan.recurrent);
    }

    #[test]
    fn sources_that_do_not_exist_are_errors() {
        for source in [-1, 6, i64::MAX] {
            let mut connectome = vec![0; 12];
            connectome[7] = source;
            let error = ConnectomePlan::new(connectome, &spec())
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("neuron 1") && error.contains(&source.to_string()),
                "{error}"
            );
        }
        assert!(ConnectomePlan::new(vec![0; 11], &spec()).is_err());
    }

    #[test]
    fn every_device_has_its_own_copy() {
        let copies = DeviceCopies::default();
        let first = copies.get(&0usize, || "first".to_string());
        let second = copies.get(&1usize, || "second".to_string());
        assert_eq!((first.as_str(), second.as_str()), ("first", "second"));
        // made once for each device, whatever was asked for in between
        let again = copies.get(&0usize, || unreachable!("it is there"));
        assert!(Arc::ptr_eq(&first, &again));
    }
}
