//! The order of groups: that of their keys, column by column, nulls first.
//!
//! Each column's integer is replaced by one that compares like the value: the code of a
//! text by its rank among all texts, bits by bits whose order is the values'. Two ranks
//! share a word, the earlier column above, so that mostly one or two words are compared.

use tidelake_interner::{Interner, NULL};

/// How bits compare.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// As they are.
    Unsigned,
    /// As a number with a sign.
    Signed,
    /// As IEEE 754's total order has it.
    Float,
}

/// What orders the integers of one column.
pub(crate) enum Ranks {
    /// The rank of each code, above that of nulls, 0.
    Codes(Vec<u32>),
    Bits {
        unused: u32,
        order: Order,
    },
}

impl Ranks {
    pub(crate) fn of_texts(texts: &Interner) -> Self {
        let mut sorted: Vec<u32> = (0..texts.len() as u32).collect();
        sorted.sort_unstable_by(|a, b| texts.text(*a).cmp(texts.text(*b)));
        let mut ranks = vec![0; sorted.len()];
        for (rank, code) in sorted.into_iter().enumerate() {
            ranks[code as usize] = rank as u32 + 1;
        }
        Self::Codes(ranks)
    }

    pub(crate) fn of_bits(width: usize, order: Order) -> Self {
        Self::Bits { unused: 64 - 8 * width as u32, order }
    }

    fn rank(&self, value: u64) -> u64 {
        match self {
            Self::Codes(_) if value == u64::from(NULL) => 0,
            Self::Codes(ranks) => ranks[value as usize].into(),
            Self::Bits { unused, order } => {
                const SIGN: u64 = 1 << 63;
                let value = value << unused;
                let ordered = match order {
                    Order::Unsigned => value,
                    Order::Signed => value ^ SIGN,
                    // Of negative numbers the larger ones come first.
                    Order::Float if value & SIGN != 0 => !value,
                    Order::Float => value ^ SIGN,
                };
                ordered >> unused
            }
        }
    }
}

/// One of the columns that groups are sorted by.
pub(crate) struct By<I> {
    pub(crate) ranks: Ranks,
    /// Whether ranks have more than 32 bits.
    pub(crate) wide: bool,
    /// The column's integers, for each group.
    pub(crate) values: I,
}

/// The order of `len` groups, by what is 0 for those that come first.
pub(crate) fn sorted<I: Iterator<Item = u64>>(
    len: usize,
    columns: impl IntoIterator<Item = By<I>>,
) -> Vec<u32> {
    let mut words: Vec<Vec<u64>> = Vec::new();
    // Bits of the last word that are free.
    let mut free = 0;
    for column in columns {
        let bits = if column.wide { 64 } else { 32 };
        if free < bits {
            words.push(vec![0; len]);
            free = 64;
        }
        free -= bits;
        if let Some(word) = words.last_mut() {
            for (word, value) in word.iter_mut().zip(column.values) {
                *word |= column.ranks.rank(value) << free;
            }
        }
    }
    match words.as_slice() {
        [a] => by_key(len, |group| a[group]),
        [a, b] => by_key(len, |group| (a[group], b[group])),
        [a, b, c] => by_key(len, |group| (a[group], b[group], c[group])),
        words => {
            let mut order: Vec<u32> = (0..len as u32).collect();
            let key = |group: u32| words.iter().map(move |word| word[group as usize]);
            order.sort_unstable_by(|a, b| key(*a).cmp(key(*b)));
            order
        }
    }
}

/// Keys beside their groups, so that comparing two looks nowhere else.
fn by_key<K: Ord>(len: usize, key: impl Fn(usize) -> K) -> Vec<u32> {
    let mut all: Vec<(K, u32)> = (0..len).map(|group| (key(group), group as u32)).collect();
    all.sort_unstable();
    all.into_iter().map(|(_, group)| group).collect()
}
