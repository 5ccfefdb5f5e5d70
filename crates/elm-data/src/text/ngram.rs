//! A baseline for language models: n-grams with interpolated Kneser-Ney smoothing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::{DataError, Result};

/// Longest n-gram: one fits into a number of 64 bits.
const MOST_ORDER: usize = 8;

/// A model that predicts a token from the `order − 1` tokens before it (Kneser and Ney 1995, in the interpolated form of
/// Chen and Goodman 1999): counts are discounted, and what is taken away is given to the next shorter context, whose
/// counts are of different contexts rather than of places in the text. The shortest context is shared with all tokens
/// alike, so that none is impossible.
#[derive(Debug, Clone)]
pub struct NGram {
    symbols: usize,
    /// By length of the context, from 0.
    orders: Vec<Order>,
}

/// Contexts of one length.
#[derive(Debug, Clone, Default)]
struct Order {
    /// Of each context and token, packed into one number: their count.
    counts: Table<u32>,
    /// Of each context: the sum of its counts, and how many tokens follow it.
    contexts: Table<(u32, u32)>,
    discount: f64,
}

type Table<V> = HashMap<u64, V, BuildHasherDefault<Mix>>;

/// Spreads the bits of a packed n-gram: they come from texts, not from adversaries, and there are many.
#[derive(Debug, Clone, Copy, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

impl NGram {
    /// Counts the n-grams of `order` tokens (1 to 8) in a text of `symbols` different tokens.
    ///
    /// # Errors
    /// If the order is out of range, or the text has fewer tokens than the order.
    pub fn train(tokens: &[u8], symbols: usize, order: usize) -> Result<Self> {
        if !(1..=MOST_ORDER).contains(&order) || tokens.len() < order || symbols == 0 {
            return Err(DataError::request(format!(
                "n-gram: expected an order of 1 to {MOST_ORDER} and a text that is longer, found order {order}, {} \
                 tokens and {symbols} symbols",
                tokens.len()
            )));
        }
        let mut counts: Table<u32> = Table::default();
        for gram in tokens.windows(order) {
            let count = counts.entry(pack(gram)).or_insert(0);
            *count = count.saturating_add(1);
        }
        let mut orders = Vec::with_capacity(order);
        for length in (0..order).rev() {
            let shorter = match length {
                0 => Table::default(),
                _ => continuations(&counts, length),
            };
            orders.push(Order::new(counts));
            counts = shorter;
        }
        orders.reverse();
        Ok(Self { symbols, orders })
    }

    /// Tokens of an n-gram.
    pub fn order(&self) -> usize {
        self.orders.len()
    }

    /// Probability of `token` after `context`, of which the last tokens count.
    pub fn probability(&self, context: &[u8], token: u8) -> f64 {
        let mut probability = 1.0 / self.symbols as f64;
        for (length, order) in self.orders.iter().enumerate() {
            let Some(start) = context.len().checked_sub(length) else {
                break;
            };
            let context = pack(&context[start..]);
            let Some((total, different)) = order.contexts.get(&context) else {
                break; // a longer context cannot be known either
            };
            let count = order.counts.get(&(context << 8 | u64::from(token)));
            let count = f64::from(count.copied().unwrap_or(0));
            let kept = (count - order.discount).max(0.0);
            let shared = order.discount * f64::from(*different);
            probability = (kept + shared * probability) / f64::from(*total);
        }
        probability
    }

    /// Bits per token of a text: its first tokens have shorter contexts.
    ///
    /// # Errors
    /// If the text is empty.
    pub fn bits_per_token(&self, tokens: &[u8]) -> Result<f64> {
        if tokens.is_empty() {
            return Err(DataError::request(
                "n-gram: expected a text to predict, found none",
            ));
        }
        let bits = |at: usize| {
            let start = (at + 1).saturating_sub(self.order());
            -self.probability(&tokens[start..at], tokens[at]).log2()
        };
        Ok((0..tokens.len()).map(bits).sum::<f64>() / tokens.len() as f64)
    }
}

/// Up to eight tokens as one number, the last in the lowest byte.
fn pack(tokens: &[u8]) -> u64 {
    tokens
        .iter()
        .fold(0, |all, token| all << 8 | u64::from(*token))
}

/// How many different tokens come before each n-gram of `length` tokens.
fn continuations(longer: &Table<u32>, length: usize) -> Table<u32> {
    let mask = (1 << (8 * length)) - 1; // at most seven bytes
    let mut counts = Table::default();
    for gram in longer.keys() {
        *counts.entry(gram & mask).or_insert(0) += 1;
    }
    counts
}

impl Order {
    fn new(counts: Table<u32>) -> Self {
        let mut contexts: Table<(u32, u32)> = Table::default();
        let (mut once, mut twice) = (0_u64, 0_u64);
        for (gram, count) in &counts {
            let (total, different) = contexts.entry(gram >> 8).or_insert((0, 0));
            *total = total.saturating_add(*count);
            *different += 1;
            once += u64::from(*count == 1);
            twice += u64::from(*count == 2);
        }
        // the estimate of Ney, Essen and Kneser; without rare n-grams a little is taken all the same
        let discount = match once {
            0 => 0.1,
            _ => once as f64 / (once + 2 * twice) as f64,
        };
        Self {
            counts,
            contexts,
            discount: discount.min(0.95),
        }
    }
}
