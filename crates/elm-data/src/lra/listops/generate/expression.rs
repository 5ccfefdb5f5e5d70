//! Random ListOps expressions: drawn and evaluated in one pass, written as published.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::ListOpsGrammar;

/// Values are 0..10, results too.
const DIGITS: usize = 10;

/// Probability that a node is an operator rather than a value, above the greatest depth.
const OPERATOR_PROBABILITY: f64 = 0.25;

/// What an operator makes of its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The median; the mean of the two middle ones, rounded down, of an even number.
    Median,
    /// The sum modulo 10.
    SumMod,
}

impl Operator {
    const ALL: [Self; 4] = [Self::Min, Self::Max, Self::Median, Self::SumMod];

    fn symbol(self) -> &'static str {
        match self {
            Self::Min => "[MIN",
            Self::Max => "[MAX",
            Self::Median => "[MED",
            Self::SumMod => "[SM",
        }
    }

    fn apply(self, arguments: &Arguments) -> u8 {
        let last = arguments.number.saturating_sub(1);
        match self {
            Self::Min => arguments.ranked(0),
            Self::Max => arguments.ranked(last),
            Self::Median => {
                (arguments.ranked(last / 2) + arguments.ranked(arguments.number / 2)) / 2
            }
            Self::SumMod => (arguments.sum % DIGITS) as u8,
        }
    }
}

/// The values of an operator's arguments, as far as any operator needs them.
#[derive(Default)]
struct Arguments {
    /// How many there are of each digit.
    of_digit: [u8; DIGITS],
    number: usize,
    sum: usize,
}

impl Arguments {
    fn add(&mut self, value: u8) {
        self.of_digit[usize::from(value)] += 1;
        self.number += 1;
        self.sum += usize::from(value);
    }

    /// The argument with `rank` smaller or equal ones before it.
    fn ranked(&self, rank: usize) -> u8 {
        let mut up_to_here = 0;
        let mut values = (0..).zip(self.of_digit);
        let found = values.find(|(_, count)| {
            up_to_here += usize::from(*count);
            up_to_here > rank
        });
        found.map_or(0, |(value, _)| value)
    }
}

/// One symbol of an expression, in the order of the text.
#[derive(Debug, Clone, Copy)]
enum Token {
    Value(u8),
    /// An operator and the number of its arguments.
    Open(Operator, u8),
    Close,
}

/// An expression and its value; one buffer serves many draws.
#[derive(Debug, Default)]
pub(super) struct Expression {
    tokens: Vec<Token>,
    /// One for each value, two for each operator.
    length: usize,
    value: u8,
}

impl Expression {
    /// Replaces this expression by a random one of the grammar. False if it is not of the grammar's length, and then
    /// perhaps not whole.
    pub(super) fn draw(&mut self, grammar: &ListOpsGrammar, rng: &mut ChaCha8Rng) -> bool {
        self.tokens.clear();
        self.length = 0;
        let Some(value) = self.draw_node(grammar, 1, rng) else {
            return false;
        };
        self.value = value;
        self.length > grammar.min_length
    }

    /// Draws a node and what is below it; its value, or `None` once the expression is too long.
    fn draw_node(
        &mut self,
        grammar: &ListOpsGrammar,
        depth: usize,
        rng: &mut ChaCha8Rng,
    ) -> Option<u8> {
        if depth >= grammar.max_depth || !rng.random_bool(OPERATOR_PROBABILITY) {
            let value = rng.random_range(0..DIGITS as u8);
            self.push(Token::Value(value), 1, grammar)?;
            return Some(value);
        }
        let operator = Operator::ALL[rng.random_range(0..Operator::ALL.len())];
        let number = rng.random_range(2..=grammar.max_args);
        self.push(Token::Open(operator, number), 2, grammar)?;
        let mut arguments = Arguments::default();
        for _ in 0..number {
            arguments.add(self.draw_node(grammar, depth + 1, rng)?);
        }
        self.tokens.push(Token::Close);
        Some(operator.apply(&arguments))
    }

    fn push(&mut self, token: Token, length: usize, grammar: &ListOpsGrammar) -> Option<()> {
        self.length += length;
        self.tokens.push(token);
        (self.length < grammar.max_length).then_some(())
    }

    /// Appends the published line: the expression as nested pairs in parentheses, a tab, the value.
    ///
    /// An operator with its arguments is the pair of (the operator paired with one argument after the other) and the
    /// closing bracket: `( ( ( [MAX 2 ) 9 ) ] )`.
    pub(super) fn write_line(&self, out: &mut Vec<u8>) {
        let mut depth = 0_usize;
        for (place, token) in self.tokens.iter().enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            match token {
                Token::Open(operator, arguments) => {
                    for _ in 0..=*arguments {
                        out.extend_from_slice(b"( ");
                    }
                    out.extend_from_slice(operator.symbol().as_bytes());
                    depth += 1;
                    continue;
                }
                Token::Value(value) => out.push(b'0' + value),
                Token::Close => {
                    out.extend_from_slice(b"] )");
                    depth -= 1;
                }
            }
            if depth > 0 {
                out.extend_from_slice(b" )"); // the pair of an argument and what is before it
            }
        }
        out.extend_from_slice(&[b'\t', b'0' + self.value, b'\n']);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::SeedableRng;

    use super::*;

    fn apply(operator: Operator, values: &[u8]) -> u8 {
        let mut arguments = Arguments::default();
        values.iter().for_each(|v| arguments.add(*v));
        operator.apply(&arguments)
    }

    #[test]
    fn operators_are_the_published_ones() {
        assert_eq!(apply(Operator::Min, &[4, 2, 9, 2]), 2);
        assert_eq!(apply(Operator::Max, &[4, 2, 9, 2]), 9);
        assert_eq!(apply(Operator::SumMod, &[4, 2, 9, 9]), 4);
        assert_eq!(apply(Operator::Median, &[9, 1, 5]), 5);
        assert_eq!(apply(Operator::Median, &[9, 1, 5, 6]), 5, "int(5.5)");
        assert_eq!(apply(Operator::Median, &[8, 8, 0, 0]), 4);
        assert_eq!(apply(Operator::Median, &[9; 10]), 9);
    }

    #[test]
    fn text_is_nested_pairs() {
        let inner = Token::Open(Operator::SumMod, 3);
        let mut expression = Expression {
            tokens: vec![
                Token::Open(Operator::Max, 3),
                Token::Value(2),
                inner,
                Token::Value(9),
                Token::Value(0),
                Token::Value(7),
                Token::Close,
                Token::Value(1),
                Token::Close,
            ],
            length: 9,
            value: 6,
        };
        let mut line = Vec::new();
        expression.write_line(&mut line);
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "( ( ( ( [MAX 2 ) ( ( ( ( [SM 9 ) 0 ) 7 ) ] ) ) 1 ) ] )\t6\n"
        );
        expression.tokens = vec![Token::Value(3)];
        let mut line = Vec::new();
        expression.write_line(&mut line);
        assert_eq!(line, b"3\t6\n");
    }

    /// The distribution against closed forms: a node is an operator with probability 1/4, has 2 to 10 arguments, 6 on
    /// average, and so the mean length follows from the depth below, `L(d) = 3/4 + 1/4 (2 + 6 L(d + 1))`.
    #[test]
    fn unrestricted_draws_have_the_grammars_moments() {
        let grammar = ListOpsGrammar {
            min_length: 0,
            max_length: usize::MAX,
            max_depth: 5,
            max_args: 10,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut expression = Expression::default();
        let draws = 40_000;
        let (mut length, mut operators, mut arguments) = (0, [0; 4], [0; 11]);
        for _ in 0..draws {
            assert!(expression.draw(&grammar, &mut rng));
            length += expression.length;
            for token in &expression.tokens {
                if let Token::Open(operator, number) = token {
                    operators[*operator as usize] += 1;
                    arguments[usize::from(*number)] += 1;
                }
            }
        }
        let expected = (1..5).fold(1.0, |below, _| 0.75 + 0.25 * (2.0 + 6.0 * below));
        let mean = length as f64 / f64::from(draws);
        assert!((mean / expected - 1.0).abs() < 0.03, "{mean}, {expected}");
        let total: i32 = operators.iter().sum();
        for count in operators {
            assert!((f64::from(count) / f64::from(total) - 0.25).abs() < 0.01);
        }
        assert_eq!(arguments[..2], [0, 0]);
        for count in &arguments[2..] {
            assert!((f64::from(*count) / f64::from(total) - 1.0 / 9.0).abs() < 0.01);
        }
    }
}
