//! No step allocates, whatever comes in.
#![allow(clippy::unwrap_used)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::random::Draw;
use elm_stream::equations::FilterTau;
use elm_stream::{InputEmbedding, NeuronForm};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: hands everything to the system's allocator, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn steps_do_not_allocate() {
    assert!(allocations(|| drop(vec![0u8; 3])) > 0, "the counter counts");
    let mut draw = Draw(17);
    let forms = [
        NeuronForm::v1()
            .with_num_memory(20)
            .with_hidden_size(Some(7)),
        NeuronForm::network()
            .with_num_memory(6)
            .with_branch_tau(FilterTau::Ms(3.0)),
        NeuronForm::network()
            .with_num_memory(3)
            .with_hidden_layers(0),
    ];
    for form in forms {
        let mut neuron = draw.neuron(form.clone(), 70, 3, false).stream().unwrap();
        let form = form
            .with_num_branches(Some(5))
            .with_synapses_per_branch(Some(4));
        let mut layer = draw.layer(form.clone(), 70, 9).stream().unwrap();
        let mut parts = draw.network(&form, &[70, 9, 4], Some(6));
        let mut network = parts.stream().unwrap();
        parts.input_embedding = InputEmbedding::OneHot { scale: 1.0 };
        let mut tokens = parts.stream().unwrap();
        let inputs = [
            vec![0.0; 70],
            draw.numbers(70, 1.0),
            draw.input(70),
            vec![f32::NAN; 70],
        ];
        for x in inputs {
            let events: Vec<(usize, f32)> = x.iter().copied().enumerate().collect();
            let count = allocations(|| {
                neuron.step(&x).unwrap();
                neuron.step_events(&events).unwrap();
                layer.step(&x).unwrap();
                layer.step_events(&events).unwrap();
                network.step(&x).unwrap();
                network.step_events(&events[..9]).unwrap();
                tokens.step_token(69).unwrap();
                assert!(neuron.step(&x[1..]).is_err() && layer.step_events(&[(70, 1.0)]).is_err());
                assert!(network.step_token(3).is_err() && tokens.step_token(70).is_err());
                neuron.reset();
                network.reset();
            });
            assert_eq!(count, 0);
        }
    }
}
