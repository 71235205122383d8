//! What is inside of a data page.

use tidelake_interner::bounds::Bounds;
use tidelake_interner::{Interner, NULL};

use super::hybrid;

/// Rows of a page in progress: codes, or the values themselves.
#[derive(Debug)]
pub(super) struct PageBuilder {
    /// Whether rows may be without a value.
    optional: bool,
    rows: usize,
    nulls: usize,
    /// Whether each row has a value; empty as long as all have.
    levels: Vec<u32>,
    codes: Vec<u32>,
    plain: Vec<u8>,
    /// Of the values themselves.
    bounds: Bounds,
    text_bytes: usize,
    /// Of each code: bytes of its text, and whether it is in the page.
    lengths: Vec<u32>,
    occurs: Vec<bool>,
}

/// A page before it is compressed.
pub(super) struct Filled {
    pub(super) bytes: Vec<u8>,
    pub(super) rows: usize,
    pub(super) nulls: usize,
    /// Bytes of all its values.
    pub(super) text_bytes: usize,
    pub(super) bounds: Bounds,
}

impl PageBuilder {
    pub(super) fn new(optional: bool) -> Self {
        Self {
            optional,
            rows: 0,
            nulls: 0,
            levels: Vec::new(),
            codes: Vec::new(),
            plain: Vec::new(),
            bounds: Bounds::default(),
            text_bytes: 0,
            lengths: Vec::new(),
            occurs: Vec::new(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// With codes of so many bits.
    pub(super) fn estimated_bytes(&self, width: u32) -> usize {
        self.plain.len() + (self.codes.len() * width as usize).div_ceil(8) + self.levels.len() / 8
    }

    /// Adds rows by their codes.
    pub(super) fn add_codes(&mut self, codes: &[u32], nulls: bool) {
        if nulls && codes.contains(&NULL) {
            self.begin_levels();
            self.codes.extend(codes.iter().filter(|code| **code != NULL));
            self.levels.extend(codes.iter().map(|code| u32::from(*code != NULL)));
        } else {
            self.codes.extend_from_slice(codes);
            self.all_valid(codes.len());
        }
        self.rows += codes.len();
        self.nulls = self.rows - self.codes.len();
    }

    /// Adds a row by its value.
    pub(super) fn add_text(&mut self, text: Option<&[u8]>) {
        match text {
            Some(text) => {
                self.all_valid(1);
                self.text_bytes += text.len();
                self.bounds.add(text);
                plain(text, &mut self.plain);
            }
            None => {
                self.begin_levels();
                self.levels.push(0);
                self.nulls += 1;
            }
        }
        self.rows += 1;
    }

    fn begin_levels(&mut self) {
        if self.levels.is_empty() {
            self.levels.resize(self.rows, 1);
        }
    }

    fn all_valid(&mut self, rows: usize) {
        if !self.levels.is_empty() {
            self.levels.resize(self.levels.len() + rows, 1);
        }
    }

    /// The page, of codes of so many bits if there is a dictionary; the next one begins.
    pub(super) fn take(
        &mut self,
        dictionary: Option<(&Interner, u32)>,
        statistics: bool,
    ) -> Filled {
        let mut bytes = Vec::with_capacity(self.estimated_bytes(32) + 16);
        if self.optional {
            self.write_levels(&mut bytes);
        }
        if let Some((interner, width)) = dictionary {
            bytes.push(width as u8);
            hybrid::encode(&self.codes, width, &mut bytes);
            if statistics {
                self.look_at_codes(interner);
            }
        } else {
            bytes.extend_from_slice(&self.plain);
        }
        self.plain.clear();
        self.codes.clear();
        self.levels.clear();
        Filled {
            bytes,
            rows: std::mem::take(&mut self.rows),
            nulls: std::mem::take(&mut self.nulls),
            text_bytes: std::mem::take(&mut self.text_bytes),
            bounds: std::mem::take(&mut self.bounds),
        }
    }

    /// Definition levels, after their length.
    fn write_levels(&mut self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&[0; size_of::<u32>()]);
        let start = bytes.len();
        if self.levels.is_empty() {
            hybrid::repeat(1, self.rows, 1, bytes);
        } else {
            hybrid::encode(&self.levels, 1, bytes);
        }
        let length = (bytes.len() - start) as u32;
        bytes[start - size_of::<u32>()..start].copy_from_slice(&length.to_le_bytes());
    }

    /// Bytes and bounds of the values, looking at each distinct one once.
    fn look_at_codes(&mut self, interner: &Interner) {
        let known = self.lengths.len()..interner.len();
        self.lengths.extend(known.map(|code| interner.text(code as u32).len() as u32));
        self.occurs.resize(interner.len(), false);
        for code in &self.codes {
            self.text_bytes += self.lengths[*code as usize] as usize;
            self.occurs[*code as usize] = true;
        }
        for (code, occurs) in self.occurs.iter_mut().enumerate() {
            if std::mem::take(occurs) {
                self.bounds.add(interner.text(code as u32));
            }
        }
    }
}

/// Appends a value as it is, after its length.
pub(super) fn plain(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}
